from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.errors import OutOfResources
from ganctl.evaluation.monitor import real_metrics
from ganctl.runs import report
from ganctl.runs.report import real_metrics_of, write_report
from ganctl.runs.run_dir import REPORT_FILES, RunDir

from ..html_outline import Outline
from .fake_runs import HOSTILE, config, make_run, metrics


def read(run: RunDir) -> Outline:
    return Outline(run.report.read_bytes())


def test_report_shows_all_that_a_run_has(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(8), metrics(8), grids=3)
    assert [path.name for path in write_report(run)] == list(REPORT_FILES)
    page = read(run)
    images = [(image.format, image.size) for image in page.images]
    assert images == [("PNG", (242, 242)), ("GIF", (242, 242)), ("PNG", (900, 540))]
    assert "8 of 8 epochs · best Fréchet distance 50.00, after epoch 4" in page.text
    assert "ganctl train --data digits --epochs 8 --precision auto" in page.text
    assert "51.00" in page.text and f"{real_metrics(2000)['frechet_distance']:.2f}" in page.text
    assert "drawn as asked" not in page.text and "onnxruntime" in page.text
    assert "conditional" in page.text and "classes" not in page.text  # it has none


def test_report_of_a_run_without_metrics_and_samples(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(8, data="elsewhere"), [])
    assert [path.name for path in write_report(run)] == ["curves.png", "report.html"]
    page = read(run)
    assert len(page.images) == 1 and "0 of 8 epochs" in page.text
    assert "Quality" not in page.text


def test_unreadable_sample_grids_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(8), metrics(8), grids=2)
    run.sample(2).write_bytes(b"no picture")
    write_report(run)
    assert [image.format for image in read(run).images] == ["PNG", "PNG"]
    assert "After epoch 1." in read(run).text and not run.animation.exists()
    run.sample(1).rename(run.sample(0))
    write_report(run)
    assert "Before the first step." in read(run).text
    run.sample(0).unlink()
    write_report(run)
    assert [image.format for image in read(run).images] == ["PNG"]


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")
    figures = metrics(8)
    figures[-1][HOSTILE] = 1
    run = make_run(tmp_path / name, config(8, data=HOSTILE, data_dir=HOSTILE), figures, grids=2)
    write_report(run)
    page = read(run)
    assert "script" not in page.tags and not any(x.startswith("on") for x in page.attributes)
    assert page.text.count("<script>") >= 3 and len(page.images) == 3


def test_real_metrics_are_known_for_digits_only() -> None:
    assert real_metrics_of(config()) == real_metrics(2000)
    small = config(img_size=16, data="mnist")
    assert real_metrics_of(small) == real_metrics_of(config(data="kmnist")) == {}


def test_full_disk_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", config(8), metrics(8), grids=2)
    write_report(run)
    before = {name: (run.folder / name).read_bytes() for name in REPORT_FILES}

    def full(path: Path, data: bytes) -> None:
        raise OutOfResources(f"cannot write {path}", "make room")

    monkeypatch.setattr(report, "write_atomic", full)
    with pytest.raises(OutOfResources):
        write_report(run)
    assert {name: (run.folder / name).read_bytes() for name in REPORT_FILES} == before
