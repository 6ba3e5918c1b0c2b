from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganctl.config import TrainConfig
from ganctl.runs import compare, curves
from ganctl.runs.chart import BLUE, COLOURS, ORANGE, outputs_title, shown
from ganctl.runs.chart_table import CHARACTERS, LONGEST, table_height, text_table
from ganctl.runs.compare import differences, outcomes, read_run
from ganctl.runs.history import History
from ganctl.runs.run_dir import RunDir
from ganctl.runs.side_by_side import CURVES, picture

from .made_up import HOSTILE, config, lines, made_up


def new(folder: Path, *arguments: Any, **options: Any) -> RunDir:
    return RunDir(made_up(folder, *arguments, **options))


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def draw(epochs: int, settings: TrainConfig | None = None, name: str = "run") -> np.ndarray:
    history = History(lines(epochs))
    return pixels(curves.curves(name, settings or config(epochs + 1), history, 5.97))


def has(picture: np.ndarray, colour: str) -> int:
    """Return how many pixels are of a colour, as far as a palette keeps it."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(picture - wanted).max(axis=2) < 30).sum())


@pytest.mark.parametrize("epochs", [0, 1, 2, 300])
def test_curves_of_any_length_are_drawn(epochs: int) -> None:
    drawn = draw(epochs)
    assert drawn.shape == (540, 900, 3)
    drawn_blue, drawn_orange = has(drawn, BLUE), has(drawn, ORANGE)
    assert (drawn_blue > 60, drawn_orange > 60) == (True, True)  # the legends at least
    if epochs == 300:
        assert min(drawn_blue, drawn_orange) > 400


def test_each_figure_is_drawn_where_it_is_and_left_out_where_it_is_not() -> None:
    whole = draw(20)
    panels = {
        "frechet_distance": (slice(80, 245), slice(65, 445)),
        "d_real": (slice(80, 245), slice(505, 890)),
        "g_loss": (slice(325, 490), slice(65, 445)),
        "images_per_second": (slice(325, 490), slice(505, 890)),
    }
    for missing in panels:
        without = [
            {key: value for key, value in line.items() if key != missing} for line in lines(20)
        ]
        drawn = pixels(curves.curves("run", config(20), History(without), 5.97))
        changed = (np.abs(drawn - whole).max(axis=2) > 40).mean
        assert [at for at, panel in panels.items() if changed(where=_only(panel)) > 0.001] == [
            missing
        ]


def _only(panel: tuple[slice, slice]) -> np.ndarray:
    inside = np.zeros((540, 900), bool)
    inside[panel] = True
    return inside


def test_a_name_is_only_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (HOSTILE + "$\\frac{", "\udcff\x1b[2J" + "x" * 5000):
        assert draw(2, name=name).shape == (540, 900, 3)
    assert shown("a\nb") == "a\\nb" and len(shown("x" * 100)) == 60


def test_of_a_long_name_the_middle_is_left_out() -> None:
    name = "digits-default-conv-conditional-20261126-141608"
    assert shown(name, 20) == "digits-def…26-141608" and shown(name, 47) == name


def test_what_matplotlib_is_set_to_is_neither_obeyed_nor_changed() -> None:
    import matplotlib

    plain = draw(4)
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "text.usetex": True}):
        assert np.array_equal(draw(4), plain)
        assert matplotlib.rcParams["axes.facecolor"] == "red"


def test_no_window_is_opened(tmp_path: Path) -> None:
    made_up(tmp_path / "run", config(), lines(4))
    program = (
        "import sys; from pathlib import Path; from ganctl.runs.report import write_report; "
        "from ganctl.runs.run_dir import RunDir; "
        "write_report(RunDir(Path('run'))); assert 'torch' not in sys.modules; "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "run/report.html").stat().st_size > 10_000


def test_wasserstein_outputs_are_no_probabilities() -> None:
    assert outputs_title(["hinge"]) == "discriminator's outputs"
    assert outputs_title(["wasserstein"]).endswith(": no probability")
    assert outputs_title(["wasserstein", "hinge"]).endswith("of Wasserstein's no probability")


def test_several_runs_are_drawn_in_colours_of_their_own(tmp_path: Path) -> None:
    runs = []
    for number in range(compare.MOST):
        figures = [line | {"d_loss": line["d_loss"] * (1 + number)} for line in lines(20)]
        runs.append(read_run(new(tmp_path / f"HHHHHH{number}", config(20), figures, grids=1)))
    for count in (2, compare.MOST):
        drawn = pixels(picture(runs[:count], 5.97))
        below = 540 + 100 * table_height(count)  # their configurations are the same
        assert drawn.shape == (round(below), 1100, 3)
        assert all(has(drawn[540:], colour) > 20 for colour in COLOURS[:count])
        assert all(has(drawn[:540], colour) > 20 for colour in COLOURS[:count])


def test_runs_without_figures_or_pictures_are_laid_side_by_side(tmp_path: Path) -> None:
    one = read_run(new(tmp_path / "one", config(), []))
    two = read_run(new(tmp_path / "two", config(data="mnist"), lines(3, 5)))
    assert one.grid is None
    drawn = pixels(picture([one, two], None))
    assert drawn.shape == (round(100 * (CURVES + 2 * table_height(2))), 1100, 3)


def test_differences_and_outcomes_are_told_by_name(tmp_path: Path) -> None:
    one = read_run(new(tmp_path / "one", config(8), lines(8)))
    two = read_run(new(tmp_path / "two", config(9, lr=0.0002, arch="conv"), lines(3, 5)))
    found = dict(differences([one, two]))
    assert found["lr"] == ["0.0008", "0.0002"] and found["arch"] == ["mlp", "conv"]
    assert "data" not in found and differences([one, one]) == []
    told = dict(outcomes([one, two]))
    assert told["epochs done"] == ["8 of 8", "3 of 9"]
    assert told["best Fréchet distance"] == ["50.00", ""] and told["after epoch"] == ["4", ""]
    assert "training time" not in told
    timed = [line | {"seconds": 20.5} for line in lines(8)]
    three = read_run(new(tmp_path / "three", config(8), timed))
    assert dict(outcomes([one, three]))["training time"] == ["", "2:44"]
    assert told["Fréchet distance"] == ["51.00", ""] and told["images/s"] == ["5,000", "5,000"]
    assert "drawn as asked" not in told


def test_each_figure_changes_the_tables_of_a_picture(tmp_path: Path) -> None:
    one = read_run(new(tmp_path / "one", config(8), lines(8)))
    faster = [line | {"images_per_second": 6000.0} for line in lines(8)]
    two = read_run(new(tmp_path / "two", config(8), faster))
    other = read_run(new(tmp_path / "other", config(8), lines(8)))
    before, after = (pixels(picture([one, each], 5.97)) for each in (other, two))
    changed = np.abs(before - after).max(axis=2) > 40
    assert changed[540:].any()  # the table
    assert changed[290:495, 590:803].any() and not changed[:270].any()  # the curve


def test_a_table_of_text_has_the_columns_that_it_has_room_for() -> None:
    columns = [("generator's loss", ["1.0", "12.0"]), ("lr", ["0.1", "y" * 99])]
    top, bottom, one, two = text_table(("figures", ["a", "b"]), columns)
    assert top == ("       ", f"  generator's  {' ' * LONGEST}")
    assert bottom == ("figures", f"         loss  {'lr':>{LONGEST}}")
    assert one == ("a      ", f"          1.0  {'0.1':>{LONGEST}}")
    assert two[1].endswith("12.0  yyyyyyyyyyyy…yyyyyyyyyyy")
    many = text_table(("figures", ["a"]), 50 * [("learning rate", ["0.1"])])
    assert all(len(name + cells) <= CHARACTERS for name, cells in many)
    shown_columns = many[2][1].count("0.1")
    assert shown_columns > 10 and many[1][1].endswith(f"  … {50 - shown_columns} more")
