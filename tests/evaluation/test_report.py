from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.errors import BadInput
from ganctl.evaluation.evaluate import Evaluation, Metrics, Pair
from ganctl.evaluation.report import check_report, to_html, to_png, write_report
from ganctl.images import Pixels, picture

from ..html_outline import Outline

# None of it may have an effect. A file may be called so: \\udcff is a byte that is not text.
HOSTILE = "</style><script>alert('1')</script>\"&'\n\udcff – ä中"

WIDTH, MARGIN = 2480, 80  # of the PNG


def some(count: int, shape: tuple[int, int, int] = (1, 28, 28), seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def evaluation(
    count: int = 64, shape: tuple[int, int, int] = (1, 28, 28), asked: float | None = None
) -> Evaluation:
    images, known = some(count, shape), some(8, seed=1)
    shares = (0.25, 0.05, *(0.7 / 8,) * 8)
    metrics = Metrics(
        *(10_000, 12.345, -0.104, 0.023, 9.87654, 0.8765, 0.7654, 1.1234, 0.6543, 0.5432),
        *(shares, 0.15, 0.9876, asked),
    )
    return Evaluation(
        target="gen.onnx",
        reference="MNIST, 60,000 training digits",
        metrics=metrics,
        real=dataclasses.replace(
            metrics, frechet_distance=1.5, authenticity=0.66, class_shares=(0.1,) * 10
        ),
        real_name="10,000 MNIST test digits",
        images=images,
        labels=np.arange(count) % 10,
        pairs=tuple(Pair(7 * i, known[i], known[-i], 0.5 + 0.07 * i) for i in range(8)),
        notes=("fewer than 1,000 images: the metrics are rough",),
        class_names=tuple("0123456789"),
    )


def crowded() -> Evaluation:
    """Return an evaluation in which every text is too long, and a ratio is infinite."""
    shown = evaluation(13, (3, 96, 64), asked=0.5)
    return dataclasses.replace(
        shown,
        target="name-" * 60,
        real_name="x" * 300,
        notes=("words and words " * 40, "y" * 400, "W" * 190, HOSTILE),
        class_names=("w" * 80,) * 10,
        pairs=(dataclasses.replace(shown.pairs[0], ratio=float("inf")),),
    )


def read(png: bytes) -> Pixels:
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def test_the_page_holds_every_image_and_value() -> None:
    shown = evaluation(shape=(3, 20, 30), asked=0.9876)
    outline = Outline(to_html(shown))
    expected = list(map(picture, shown.images))
    for pair in shown.pairs:
        expected += [picture(pair.image), picture(pair.neighbour)]
    assert len(outline.images) == len(expected) == 80
    for ours, theirs in zip(outline.images, expected, strict=True):
        assert np.array_equal(np.asarray(ours), theirs)
    for row in shown.rows:
        name = f"{row.name}\N{NO-BREAK SPACE}{row.better}"
        assert f"{name}{row.text(shown.metrics)}{row.text(shown.real)}{row.meaning}" in outline.text
    for text in ("12.35", "-0.10 ± 0.02", "1.50", "98.76%", "025.0%10.0%", "0.99#49"):
        assert text in outline.text
    for text in (shown.target, shown.reference, shown.real_name, *shown.notes, "34% of the other"):
        assert text in outline.text


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = to_html(evaluation())
    outline = Outline(html)
    assert not outline.tags & {"script", "link", "iframe", "object", "embed", "base", "form", "a"}
    assert not [name for name in outline.attributes if name.startswith("on")]
    assert not re.search(rb"https?:|//|@import|url\(", re.sub(rb"base64,[^\"]*", b"", html))
    assert b"default-src 'none'" in html


def test_the_page_escapes_text_from_outside() -> None:
    shown = dataclasses.replace(
        evaluation(),
        target=HOSTILE,
        reference=HOSTILE,
        real_name=HOSTILE,
        notes=(HOSTILE,),
        class_names=(HOSTILE,) * 10,
    )
    outline = Outline(to_html(shown))
    assert "script" not in outline.tags
    readable = HOSTILE.replace("\udcff", "?")
    assert outline.text.count(readable) == 2 + 2 + 1 + 64 + 10  # title and heading, and so on


def test_the_picture_enlarges_samples_by_a_whole_factor() -> None:
    shown = evaluation()
    drawn = read(to_png(shown))
    assert drawn.shape[1] == WIDTH
    for index in (0, 7, 63):
        expected = np.kron(shown.images[index, 0], np.ones((4, 4), np.uint8))
        left, top = MARGIN + index % 8 * 120, 264 + index // 8 * 152
        tile = drawn[top : top + 112, left : left + 112]
        assert (tile == expected[:, :, None]).all()


def test_the_picture_keeps_its_margins() -> None:
    edge = MARGIN - 4  # a letter may extend a little further
    for shown in (evaluation(asked=1.0), crowded()):
        drawn = read(to_png(shown))
        for margin in (drawn[:, :edge], drawn[:, -edge:], drawn[: edge // 2], drawn[-edge // 2 :]):
            assert (margin == 255).all()


@pytest.mark.parametrize("shape", [(1, 5, 200), (3, 128, 128), (1, 1, 1), (1, 300, 1)])
@pytest.mark.parametrize("count", [1, 9])
def test_images_of_any_shape_and_number_can_be_shown(
    shape: tuple[int, int, int], count: int
) -> None:
    shown = evaluation(count, shape)
    assert len(Outline(to_html(shown)).images) == count + 16
    assert read(to_png(shown)).shape[1] == WIDTH


@pytest.mark.parametrize("name", ["report.html", "REPORT.HTML", "report.png"])
def test_the_ending_decides_the_format(name: str, tmp_path: Path) -> None:
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
