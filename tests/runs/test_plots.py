from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from ganctl.config import TrainConfig
from ganctl.images import encode_png, make_grid
from ganctl.runs import plots
from ganctl.runs.history import (
    ComparedRun,
    History,
    Metrics,
    config_table,
    metrics_table,
    read_run,
)
from ganctl.runs.plots import BLUE, COLOURS, MAX_RUNS, ORANGE, shorten, spread
from ganctl.runs.run_dir import RunDir

from .fake_runs import HOSTILE, config, make_run, metrics


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def draw_curves(
    lines: list[Metrics], settings: TrainConfig | None = None, name: str = "run"
) -> np.ndarray:
    run = ComparedRun(RunDir(Path(name)), settings or config(len(lines) + 1), History(lines))
    return pixels(plots.draw_curves(run, 5.97))


def compare(*runs: ComparedRun, real: float | None = 5.97) -> np.ndarray:
    tables = {"configuration": config_table(runs), "figures": metrics_table(runs)}
    return pixels(plots.draw_comparison(runs, tables, real))


def count(picture: np.ndarray, colour: str) -> int:
    """Return how many pixels have a colour, as far as a palette keeps it."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(picture - wanted).max(axis=2) < 30).sum())


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    differs: np.ndarray = np.abs(one - other).max(axis=2) > 40
    return differs


# --- curves.png


@pytest.mark.parametrize("epochs", [0, 1, 2, 300])
def test_curves_of_any_length(epochs: int) -> None:
    drawn = draw_curves(metrics(epochs))
    assert drawn.shape == (540, 900, 3)
    for colour in (BLUE, ORANGE):  # of the legends, and of the lines
        assert count(drawn, colour) > (300 if epochs == 300 else 20)


def test_each_metric_is_drawn_in_its_panel_only() -> None:
    whole = draw_curves(metrics(20))
    upper, lower = slice(80, 245), slice(325, 490)
    panels = {
        "frechet_distance": (upper, slice(65, 440)),
        "d_real": (upper, slice(505, 890)),
        "g_loss": (lower, slice(65, 290)),
        "d_loss": (lower, slice(365, 590)),
        "images_per_second": (lower, slice(665, 890)),
    }
    for missing in panels:
        lines = [{key: line[key] for key in line if key != missing} for line in metrics(20)]
        differs = changed(draw_curves(lines), whole)
        assert [name for name, place in panels.items() if differs[place].any()] == [missing]


def test_hostile_names_are_only_text() -> None:
    for name in (HOSTILE + "$\\frac{", "\udcff\x1b[2J" + "x" * 5000):
        assert draw_curves(metrics(2), name=name).shape == (540, 900, 3)
    assert shorten("a\nb") == "a\\nb" and len(shorten("x" * 100)) == 60
    name = "digits-default-conv-conditional-20261126-141608"
    assert shorten(name, 20) == "digits-def…26-141608" and shorten(name, 47) == name


def test_matplotlib_settings_are_neither_used_nor_changed() -> None:
    import matplotlib

    plain = draw_curves(metrics(4))
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "text.usetex": True}):
        assert np.array_equal(draw_curves(metrics(4)), plain)
        assert matplotlib.rcParams["axes.facecolor"] == "red"


def test_report_needs_no_torch_and_no_window(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(), metrics(4))
    program = (
        "import sys; from pathlib import Path; from ganctl.runs.report import write_report; "
        "from ganctl.runs.run_dir import RunDir; write_report(RunDir(Path('run'))); "
        "assert 'torch' not in sys.modules; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    assert run.report.stat().st_size > 10_000


def test_title_says_that_wasserstein_outputs_are_not_probabilities() -> None:
    hinge, wasserstein = (
        draw_curves(metrics(4), config(objective=objective))
        for objective in ("hinge", "wasserstein")
    )
    assert changed(hinge, wasserstein)[50:75, 500:].any()


# --- compare.png and its tables


def test_each_run_has_its_colour_in_curves_and_tables(tmp_path: Path) -> None:
    runs = []
    for number in range(MAX_RUNS):
        lines = [line | {"d_loss": line["d_loss"] * (1 + number)} for line in metrics(20)]
        runs.append(read_run(make_run(tmp_path / f"HHHHHH{number}", config(20), lines, grids=1)))
    for number in (2, MAX_RUNS):
        drawn = compare(*runs[:number])
        assert drawn.shape[0] > 640 and drawn.shape[1] == 1100
        for part in (drawn[:540], drawn[540:]):
            assert all(count(part, colour) > 5 for colour in COLOURS[:number])


def test_runs_without_metrics_or_samples_are_compared(tmp_path: Path) -> None:
    one = read_run(make_run(tmp_path / "one", config(), []))
    two = read_run(make_run(tmp_path / "two", config(data="mnist"), metrics(3, 5)))
    drawn = compare(one, two, real=None)
    assert drawn.shape[0] > compare(one, one, real=None).shape[0] > 540  # one table fewer


def test_tables_hold_differing_options_and_latest_metrics(tmp_path: Path) -> None:
    one = read_run(make_run(tmp_path / "one", config(8), metrics(8)))
    two = read_run(make_run(tmp_path / "two", config(9, lr=2e-4, arch="conv"), metrics(3, 5)))
    options = dict(config_table([one, two]))
    assert options["lr"] == ["0.0008", "0.0002"] and options["arch"] == ["mlp", "conv"]
    assert "data" not in options and config_table([one, one]) == []
    values = dict(metrics_table([one, two]))
    assert values["epochs done"] == ["8 of 8", "3 of 9"]
    assert values["best Fréchet distance"] == ["50.00", ""] and values["after epoch"] == ["4", ""]
    assert values["Fréchet distance"] == ["51.00", ""] and values["images/s"] == ["5,000", "5,000"]
    assert "training time" not in values and "drawn as asked" not in values
    timed = [line | {"seconds": 20.5} for line in metrics(8)]
    three = read_run(make_run(tmp_path / "three", config(8), timed))
    assert dict(metrics_table([one, three]))["training time"] == ["", "2:44"]


def test_each_value_changes_the_curve_and_the_table(tmp_path: Path) -> None:
    one, other = (
        read_run(make_run(tmp_path / name, config(8), metrics(8))) for name in ("one", "other")
    )
    faster = [line | {"images_per_second": 6000.0} for line in metrics(8)]
    two = read_run(make_run(tmp_path / "fast!", config(8), faster))
    differs = changed(compare(one, other), compare(one, two))
    assert differs[540:].any() and differs[290:495, 590:803].any()
    assert not differs[:270, :810].any()


# --- progress.gif


def animation(run: RunDir, img_size: int = 28, channels: int = 1) -> bytes:
    data = plots.draw_animation(run, img_size, channels)
    assert data is not None
    return data


def frames(data: bytes) -> tuple[list[np.ndarray], list[int]]:
    """Return the frames of a GIF as (H, W, 3), and their milliseconds."""
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "GIF"
        each = [
            (np.asarray(frame.convert("RGB")).astype(int), frame.info["duration"])
            for frame in ImageSequence.Iterator(image)
        ]
    return [frame for frame, _ in each], [duration for _, duration in each]


def test_frames_are_the_sample_grids_and_the_last_one_stays(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(), metrics(4), grids=3)
    found, durations = frames(animation(run))
    assert durations == [200, 200, 2000]
    for frame, path in zip(found, run.samples(), strict=True):
        with Image.open(path) as image:
            assert np.abs(np.asarray(image).astype(int) - frame[:, :, 0]).max() <= 8


def test_large_colour_images_are_cropped_to_those_that_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", config(img_size=64, channels=3), metrics(4), grids=3)
    monkeypatch.setattr(plots, "MAX_COLOUR_FRAMES", 2)
    (first, _), _ = frames(animation(run, 64, 3))
    assert first.shape[:2] == (7 * 66 + 2, 7 * 66 + 2)


def test_unreadable_grids_and_other_sizes_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(), metrics(4), grids=5)
    first, second, third, *_ = run.samples()
    first.write_bytes(b"no picture")
    second.write_bytes(second.read_bytes()[:200])
    third.write_bytes(encode_png(make_grid(np.zeros((9, 1, 28, 28), np.uint8))))
    assert len(frames(animation(run))[0]) == 2
    for path in run.samples()[:-1]:
        path.unlink()
    assert plots.draw_animation(run, 28, 1) is None
    run.samples()[0].unlink()
    assert plots.draw_animation(run, 28, 1) is None


def test_many_grids_are_thinned_out_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = spread(range(1000), 100)
    assert len(chosen) == 100 and (chosen[0], chosen[-1]) == (0, 999)
    assert set(np.diff(chosen)) <= {10, 11} and spread([1, 2, 3], 100) == [1, 2, 3]
    run = make_run(tmp_path / "run", config(), metrics(4), grids=6)
    whole = animation(run)
    monkeypatch.setattr(plots, "MAX_GIF_BYTES", len(whole) * 2 // 3)
    data = animation(run)
    assert len(data) < len(whole) * 2 // 3
    (found, durations), (every, _) = frames(data), frames(whole)
    assert durations == [200, 200, 2000]
    assert np.array_equal(found[0], every[0]) and np.array_equal(found[-1], every[-1])
