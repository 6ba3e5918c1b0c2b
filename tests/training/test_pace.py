from __future__ import annotations

import pytest

from ganctl.training.pace import Pace


@pytest.mark.parametrize(("takes", "waits"), [(0.001, 2.0), (0.1, 10.0)])
def test_a_thing_is_done_as_often_as_its_share_of_the_time_allows(
    takes: float, waits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    kept = Pace(share=0.01, seconds=2.0)
    assert kept.is_due()
    with pytest.raises(ZeroDivisionError), kept.taken():
        now += takes
        raise ZeroDivisionError
    now += waits - 0.01
    assert not kept.is_due()
    now += 0.02
    assert kept.is_due()
