from __future__ import annotations

import base64
import dataclasses
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.errors import BadInput
from ganctl.evaluation.explain import ASKED, LINES, about_ratios, lines
from ganctl.evaluation.figures import Evaluation, Figures, Pair
from ganctl.evaluation.page import page
from ganctl.evaluation.poster import MARGIN, SCALE, TILE, WIDTH, poster
from ganctl.evaluation.report import check_report, write_report
from ganctl.images import Pixels, picture

VOID = {"meta", "img", "br", "link", "input"}

HOSTILE = "</style><script>alert('1')</script>\"&'\n\udcff – ä中"
"""Nothing of it may do anything, and a file may be called so: \\udcff is a byte that is no text."""


def some(count: int, shape: tuple[int, int, int] = (1, 28, 28), seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def figures(drawn_as_asked: float | None = None) -> Figures:
    return Figures(
        samples=10_000,
        frechet_distance=12.345,
        kernel_distance=-0.104,
        kernel_distance_error=0.023,
        inception_score=9.87654,
        precision=0.8765,
        recall=0.7654,
        density=1.1234,
        coverage=0.6543,
        authenticity=0.5432,
        class_shares=(0.25, 0.05, *(0.7 / 8,) * 8),
        distance_from_uniform=0.15,
        confidence=0.9876,
        drawn_as_asked=drawn_as_asked,
    )


def evaluation(
    count: int = 64, shape: tuple[int, int, int] = (1, 28, 28), asked: float | None = None
) -> Evaluation:
    images, known = some(count, shape), some(8, seed=1)
    return Evaluation(
        target="gen.onnx",
        reference="MNIST, 60,000 training digits",
        figures=figures(asked),
        real=dataclasses.replace(
            figures(asked), frechet_distance=1.5, authenticity=0.66, class_shares=(0.1,) * 10
        ),
        real_name="10,000 MNIST test digits",
        images=images,
        labels=np.arange(count) % 10,
        pairs=tuple(Pair(7 * i, known[i], known[-i], 0.5 + 0.07 * i) for i in range(8)),
        notes=("fewer than 1,000 samples: the figures are rough",),
        class_names=tuple("0123456789"),
    )


class Outline(HTMLParser):
    """The elements of a page, its pictures and its text; what is opened must be closed."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.images: list[Pixels] = []
        self.text = ""
        self.feed(html.decode())
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(values)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            assert values["alt"]
            kind, _, data = (values["src"] or "").partition(",")
            assert kind == "data:image/png;base64"
            self.images.append(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def read(png: bytes) -> Pixels:
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 20, 30)])
def test_the_page_holds_every_picture_as_it_is(shape: tuple[int, int, int]) -> None:
    shown = evaluation(shape=shape)
    expected = [picture(image) for image in shown.images]
    for pair in shown.pairs:
        expected += [picture(pair.image), picture(pair.neighbour)]
    found = Outline(page(shown)).images
    assert len(found) == len(expected) == 80
    for ours, theirs in zip(found, expected, strict=True):
        assert np.array_equal(ours, theirs)


def test_the_page_says_all_that_was_found() -> None:
    text = Outline(page(evaluation(asked=0.9876))).text
    shown = evaluation(asked=0.9876)
    for line in (*LINES, ASKED):
        assert f"{line.name}\N{NO-BREAK SPACE}{line.better}{line.text(shown.figures)}" in text
        assert line.meaning in text
    assert "12.35" in text and "-0.10 ± 0.02" in text and "1.50" in text
    assert "98.76%" in text
    assert "025.0%10.0%" in text  # of class 0
    for words in (shown.target, shown.reference, shown.real_name, *shown.notes):
        assert words in text
    assert "0.99#49" in text
    assert "of all real images held out, too, 34% are below 1" in text


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = page(evaluation())
    outline = Outline(html)
    assert not outline.tags & {"script", "link", "iframe", "object", "embed", "base", "form", "a"}
    assert not [name for name in outline.attributes if name.startswith("on")]
    assert not re.search(rb"https?:|//|@import|url\(", re.sub(rb"base64,[^\"]*", b"", html))
    assert b"default-src 'none'" in html


def test_what_came_from_outside_is_text_on_the_page() -> None:
    shown = dataclasses.replace(
        evaluation(),
        target=HOSTILE,
        reference=HOSTILE,
        real_name=HOSTILE,
        notes=(HOSTILE,),
        class_names=(HOSTILE,) * 10,
    )
    outline = Outline(page(shown))
    assert "script" not in outline.tags
    readable = HOSTILE.replace("\udcff", "?")
    assert outline.text.count(readable) == 2 + 2 + 1 + 64 + 10  # title and heading, and so on


def test_the_poster_shows_the_samples_in_whole_pixels() -> None:
    shown = evaluation()
    drawn = read(poster(shown))
    assert drawn.shape[1] == WIDTH * SCALE
    side, times = TILE * SCALE, TILE * SCALE // 28
    for index in (0, 7, 63):
        expected = np.kron(shown.images[index, 0], np.ones((times, times), np.uint8))
        row, column = divmod(index, 8)
        left = (MARGIN + column * 60) * SCALE
        top = (118 + 14 + row * 76) * SCALE
        tile = drawn[top : top + side, left : left + side]
        assert (tile == expected[:, :, None]).all()


def test_the_poster_keeps_its_margins() -> None:
    edge = MARGIN * SCALE - 4  # a letter may reach over a little
    for shown in (evaluation(asked=1.0), crowded()):
        drawn = read(poster(shown))
        for margin in (drawn[:, :edge], drawn[:, -edge:], drawn[: edge // 2], drawn[-edge // 2 :]):
            assert (margin == 255).all()


def crowded() -> Evaluation:
    """Return an evaluation in which everything is too long, and a ratio is beyond all numbers."""
    shown = evaluation(13, (3, 96, 64), asked=0.5)
    return dataclasses.replace(
        shown,
        target="name-" * 60,
        real_name="x" * 300,
        notes=("words and words " * 40, "y" * 400, HOSTILE),
        class_names=("w" * 80,) * 10,
        pairs=(dataclasses.replace(shown.pairs[0], ratio=float("inf")),),
    )


@pytest.mark.parametrize(
    "shape", [(1, 28, 28), (3, 96, 64), (1, 5, 200), (3, 128, 128), (1, 1, 1), (1, 200, 1)]
)
@pytest.mark.parametrize("count", [1, 9])
def test_any_shape_and_number_can_be_shown(shape: tuple[int, int, int], count: int) -> None:
    shown = evaluation(count, shape)
    assert len(Outline(page(shown)).images) == count + 16
    assert read(poster(shown)).shape[1] == WIDTH * SCALE


def test_a_line_for_every_figure() -> None:
    fields = {field.name for field in dataclasses.fields(Figures)} - {"samples", "class_shares"}
    assert fields == {
        name for line in (*LINES, ASKED) for name in re.findall(r"\.([a-z]\w+)", line.form)
    }
    assert all(len(line.meaning) <= 80 for line in (*LINES, ASKED))
    assert lines(evaluation()) == LINES
    assert lines(evaluation(asked=0.9)) == (*LINES, ASKED)
    half = dataclasses.replace(evaluation(asked=0.9), real=figures())
    assert lines(half) == LINES
    assert "34% are below 1" in about_ratios(evaluation())


@pytest.mark.parametrize("name", ["report.html", "REPORT.HTML", "report.png"])
def test_the_ending_says_what_is_written(name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    out.write_bytes(b"old")
    check_report(out)
    write_report(out, evaluation())
    assert out.read_bytes()[:5] == (b"\x89PNG\r" if name.endswith("png") else b"<!doc")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["report.jpg", "report", "none/report.html", "folder.png"])
def test_a_report_that_cannot_be_written_is_refused_first(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    for attempt in (check_report, lambda out: write_report(out, evaluation())):
        with pytest.raises(BadInput, match="cannot write"):
            attempt(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
