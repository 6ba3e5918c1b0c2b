from __future__ import annotations

from ganctl.benchmark.timing import Spread, alternate, ratio, spread


def test_a_spread_is_the_median_and_both_ends() -> None:
    assert spread([5.0, 1.0, 2.0]) == Spread(median=2.0, low=1.0, high=5.0)
    assert spread([4.0, 1.0]) == Spread(median=2.5, low=1.0, high=4.0)


def test_ratios_are_taken_round_by_round() -> None:
    """In the second round all was ten times as slow: of the ratio nothing is to be seen."""
    assert ratio([20.0, 2.0, 24.0], [10.0, 1.0, 8.0]) == Spread(median=2.0, low=2.0, high=3.0)


def test_every_side_is_measured_once_a_round_and_every_second_round_backwards() -> None:
    order: list[str] = []
    done: list[int] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    sides = {name: lambda name=name: side(name) for name in "abc"}
    measured = alternate(sides, 3, done.append)
    assert "".join(order) == "abc" + "cba" + "abc"
    assert measured == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}
    assert done == [1, 2, 3]
