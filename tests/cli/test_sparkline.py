from __future__ import annotations

import pytest

from ganctl.cli.sparkline import MOST_POINTS, Curve, sparkline


def test_a_curve_reaches_from_low_to_high() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 0, 7, 1) == ["▁▂▃▄▅▆▇█"]
    assert sparkline([0, 15, 7, 8], 0, 15, 2) == [" █ ▁", "▁███"]
    assert sparkline([-9, 99], 0, 7, 1) == ["▁█"]
    assert sparkline([], 0, 1, 2) == ["", ""]


def test_what_never_changes_is_a_line() -> None:
    (line,) = sparkline([3.0, 3.0], 3.0, 3.0, 1)
    assert line[0] == line[1] != " "


def test_a_young_curve_fills_its_room_too() -> None:
    curve = Curve()
    assert curve.values(5) == []
    for value in (3.0, 1.0, 2.0):
        curve.add(10, value)
    assert curve.values(3) == pytest.approx([3, 1, 2])
    assert curve.values(6) == pytest.approx([3, 3, 1, 1, 2, 2])


def test_an_old_one_is_averaged_over_equal_stretches() -> None:
    curve = Curve([(10, 1.0), (20, 4.0), (30, 2.0)])
    assert curve.values(2) == pytest.approx([3, 2])
    assert curve.values(1) == pytest.approx([150 / 60])


def test_a_short_stretch_at_an_epochs_end_is_no_point_of_its_own() -> None:
    curve = Curve()
    curve.add(10, 1.0)
    curve.add(1, 12.0)
    ((steps, mean),) = curve.points
    assert steps == 11 and mean == pytest.approx(2.0)
    curve.add(30, 5.0)
    assert len(curve.points) == 2


def test_after_a_long_stretch_short_ones_are_gathered_into_points_of_their_own() -> None:
    curve = Curve()
    for steps in (157, *[40] * 20):
        curve.add(steps, 1.0)
    lengths = [steps for steps, _ in curve.points]
    assert sum(lengths) == 157 + 800 and len(lengths) == 6 and max(lengths) < 2 * 157


def test_a_long_run_takes_no_more_room_and_keeps_its_mean() -> None:
    curve = Curve()
    for step in range(10_000):
        curve.add(5, step)
        assert len(curve.points) <= MOST_POINTS
    assert curve.values(1) == pytest.approx([9_999 / 2])
    assert curve.values(10) == sorted(curve.values(10))
    assert sum(steps for steps, _ in curve.points) == 50_000


def test_what_differs_by_rounding_is_level() -> None:
    assert sparkline([0.3, 0.1 * 3, 0.3], 0.3, 0.1 * 3, 1) == ["▅▅▅"]
