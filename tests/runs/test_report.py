from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from ganctl.errors import OutOfResources
from ganctl.evaluation.monitor import real_metrics
from ganctl.runs import report
from ganctl.runs.report import known_figures, write_report
from ganctl.runs.run_dir import REPORT_FILES, RunDir

from .made_up import HOSTILE, config, lines, made_up

VOID = {"meta", "img"}


class Outline(HTMLParser):
    """A page's elements, which must be closed, its text, and its pictures by their format."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.pictures: list[tuple[str | None, tuple[int, int]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert not any(name.startswith("on") or name == "href" for name in values)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            kind, _, data = (values["src"] or "").partition(";base64,")
            with Image.open(io.BytesIO(base64.b64decode(data))) as image:
                assert kind == f"data:image/{(image.format or '').lower()}"
                self.pictures.append((image.format, image.size))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def read(folder: Path) -> Outline:
    return Outline((folder / "report.html").read_text())


def test_a_run_is_drawn_with_all_that_it_left(tmp_path: Path) -> None:
    run = made_up(tmp_path / "run", config(8), lines(8), grids=3)
    assert [path.name for path in write_report(RunDir(run))] == list(REPORT_FILES)
    page = read(run)
    assert page.pictures == [("PNG", (242, 242)), ("GIF", (242, 242)), ("PNG", (900, 540))]
    assert "8 of 8 epochs · best Fréchet distance 50.00, after epoch 4" in page.text
    assert "ganctl train --data digits --epochs 8 --precision auto" in page.text
    assert "51.00" in page.text and f"{real_metrics(2000)['frechet_distance']:.2f}" in page.text
    assert "drawn as asked" not in page.text and "onnxruntime" in page.text
    assert "conditional" in page.text and "classes" not in page.text  # it has none


def test_a_run_that_has_nothing_yet_is_drawn(tmp_path: Path) -> None:
    run = made_up(tmp_path / "run", config(8, data="elsewhere"), [])
    assert [path.name for path in write_report(RunDir(run))] == ["curves.png", "report.html"]
    page = read(run)
    assert len(page.pictures) == 1 and "0 of 8 epochs" in page.text
    assert "How good it is" not in page.text


def test_a_picture_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    run = made_up(tmp_path / "run", config(8), lines(8), grids=2)
    (run / "samples/000002.png").write_bytes(b"no picture")
    write_report(RunDir(run))
    assert [kind for kind, _ in read(run).pictures] == ["PNG", "PNG"]
    assert "Drawn after epoch 1." in read(run).text and not (run / "progress.gif").exists()
    (run / "samples/000001.png").rename(run / "samples/000000.png")
    write_report(RunDir(run))
    assert "Drawn before the first step; no later ones are there." in read(run).text
    (run / "samples/000000.png").unlink()
    write_report(RunDir(run))
    assert [kind for kind, _ in read(run).pictures] == ["PNG"]


def test_whatever_a_run_is_called_it_is_escaped(tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")
    figures = lines(8)
    figures[-1][HOSTILE] = 1
    run = made_up(tmp_path / name, config(8, data=HOSTILE, data_dir=HOSTILE), figures, grids=2)
    write_report(RunDir(run))
    page = read(run)
    assert "script" not in page.tags and page.text.count("<script>") >= 3
    assert len(page.pictures) == 3


def test_real_digits_stand_beside_digits_alone() -> None:
    assert known_figures(config()) == real_metrics(2000)
    small = config(img_size=16, data="mnist")
    assert known_figures(small) == known_figures(config(data="kmnist")) == {}


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_up(tmp_path / "run", config(8), lines(8), grids=2)
    write_report(RunDir(run))
    before = {name: (run / name).read_bytes() for name in REPORT_FILES}

    def full(path: Path, data: bytes) -> None:
        raise OutOfResources(f"cannot write {path}", "make room")

    monkeypatch.setattr(report, "write_atomic", full)
    with pytest.raises(OutOfResources):
        write_report(RunDir(run))
    assert {name: (run / name).read_bytes() for name in REPORT_FILES} == before
