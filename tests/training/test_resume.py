from __future__ import annotations

import pytest

from ganctl.config import TrainConfig, train_config
from ganctl.errors import BadInput
from ganctl.training.resume import resumed_config


def test_what_may_change_changes_and_nothing_else() -> None:
    saved = train_config(epochs=10)
    asked = train_config(epochs=20, lr=1.0)
    assert resumed_config(saved, asked, ["epochs"]) == train_config(epochs=20)
    assert resumed_config(saved, asked, []) == saved
    with pytest.raises(BadInput, match=r"lr=1.0 contradicts the run, which has 0.0008"):
        resumed_config(saved, asked, ["epochs", "lr"])


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("latent_dim", train_config(latent_dim=3)),
        ("recipe", train_config(recipe="classic")),
        ("seed", train_config(seed=9)),
    ],
)
def test_what_may_not_change_is_refused_by_name(name: str, asked: TrainConfig) -> None:
    with pytest.raises(BadInput, match=f"{name}="):
        resumed_config(train_config(), asked, [name])
