from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ganctl.inputs import seeded
from ganctl.latents import class_labels, latents

SHARES = (0.5, 0.5)


@given(first=st.integers(0, 600), count=st.integers(0, 300))
def test_row_k_belongs_to_the_index_whoever_asks(first: int, count: int) -> None:
    z, labels = seeded(7, 3, SHARES)(first, count)
    assert np.array_equal(z, latents(7, first, count, 3))
    assert labels is not None and np.array_equal(labels, class_labels(7, first, count, SHARES))


def test_an_unconditional_generator_is_asked_for_no_class() -> None:
    z, labels = seeded(7, 3)(5, 2)
    assert z.shape == (2, 3) and labels is None
