"""An evaluation as one HTML page or one PNG picture."""

from __future__ import annotations

import io
import os
import textwrap
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw

import ganctl
from ganctl import html_page
from ganctl.errors import BadInput
from ganctl.evaluation.evaluate import Evaluation
from ganctl.files import check_writable, write_atomic
from ganctl.html_page import card, joined, side_by_side
from ganctl.images import Pixels, encode_png, font, font_text, picture, shorten, text_width

SMOOTH_FROM = 64  # pixels a side from which an HTML page scales an image smoothly

STYLE = """
.samples { display: grid; grid-template-columns: repeat(8, 1fr); gap: .35rem;
  text-align: center; line-height: 1.25 }
.samples li { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.shares tr + tr { border-top: 1px solid var(--rule) }
.shares td, .shares th:first-child { width: auto; padding-top: .3rem; padding-bottom: .3rem }
.shares .bars { width: 100% }
.bars i { display: block; height: .5rem; border-radius: 0 .2rem .2rem 0 }
.bars i + i { height: .3rem; margin-top: 2px }
i.drawn { background: var(--drawn) }
i.real { background: var(--real) }
.key { display: inline-block; width: .7em; height: .7em; border-radius: .15em; margin: 0 .3em 0 0 }
.key + .key { margin-left: .9em }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: 1rem }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 2px }
.pairs p { margin-top: .3rem; display: flex; justify-content: space-between;
  align-items: baseline; gap: .5rem }
"""

# The layout of the PNG, in pixels.
WIDTH, MARGIN, TOP = 2480, 80, 264
LEFT, LEFT_END, RIGHT, RIGHT_END = MARGIN, 1040, 1128, WIDTH - MARGIN  # edges of the two columns
TILE, TILE_STEP, TILE_ROW = 112, 120, 152  # a sample, and the distances of samples
ROW, BAR_ROW, PAIR_STEP, PAIR_ROW, NOTE_ROW = 104, 52, 330, 220, 36
INK, SOFT, RULE, DRAWN, REAL = "#1b1f27", "#667085", "#e4e7ee", "#2f62e0", "#b3bac8"


def check_report(out: Path) -> None:
    """Fail before anything is measured if `write_report` could not write to ``out``.

    Raises:
        BadInput: the ending is unknown, or the place cannot be written.
    """
    if out.suffix.lower() not in (".html", ".png"):
        raise BadInput(
            f"cannot write {out}: '{out.suffix}' is no kind of report",
            "end it in .html (a page) or .png (a picture)",
        )
    check_writable(out)
    if os.path.exists(out) and not os.path.isfile(out):
        raise BadInput(f"cannot write {out}: it is in the way", "name another file")


def write_report(out: Path, evaluation: Evaluation) -> None:
    """Write the report in the format of the ending of ``out``, whole or not at all.

    Raises:
        BadInput: as `check_report`.
        OutOfResources: the disk is full.
    """
    check_report(out)
    write_atomic(out, (to_html if out.suffix.lower() == ".html" else to_png)(evaluation))


def to_html(evaluation: Evaluation) -> bytes:
    """Return a page as UTF-8 that needs no other file. Text from outside is escaped."""
    names, drawn, real = evaluation.class_names, evaluation.metrics, evaluation.real
    classes = [escape(names[label]) for label in evaluation.labels]
    samples = [
        f'<li class="soft">{_img(image, f"sample {index}: {name}")}{name}</li>'
        for index, (image, name) in enumerate(zip(evaluation.images, classes, strict=True))
    ]
    rows = [
        f'<tbody><tr><th scope="row">{escape(row.name)}&nbsp;{row.better}</th>'
        f'<td class="drawn">{row.text(drawn)}</td><td>{row.text(real)}</td></tr>'
        f'<tr class="soft"><td colspan="3">{escape(row.meaning)}</td></tr></tbody>'
        for row in evaluation.rows
    ]
    most = max(*drawn.class_shares, *real.class_shares)
    shares = [
        f'<tr><th scope="row">{escape(name)}</th><td class="bars">'
        f'<i class="drawn" style="width:{ours / most:.1%}"></i>'
        f'<i class="real" style="width:{theirs / most:.1%}"></i></td>'
        f'<td class="drawn">{ours:.1%}</td><td>{theirs:.1%}</td></tr>'
        for name, ours, theirs in zip(names, drawn.class_shares, real.class_shares, strict=True)
    ]
    pairs = [
        f'<li><div class="pair">{_img(pair.image, f"sample {pair.index}")}'
        f"{_img(pair.neighbour, 'its nearest training image')}</div>"
        f'<p><span class="drawn">{pair.ratio:.2f}</span>'
        f'<span class="soft">#{pair.index}</span></p></li>'
        for pair in evaluation.pairs
    ]
    notes = [f"<li>{escape(note)}</li>" for note in evaluation.notes]
    heads = '<thead><tr><th></th><th scope="col">these</th><th scope="col">real</th></tr></thead>'
    cards = [
        side_by_side(
            card(
                "Samples",
                f'<ol class="samples">\n{joined(samples)}\n</ol>',
                f"The first {len(samples)}, with their classes by the classifier.",
            ),
            card(
                "Metrics",
                f'<table class="figures">\n{heads}\n{joined(rows)}\n</table>',
                "↓ lower is better, ↑ higher is better; the real images show what is possible.",
            ),
        ),
        side_by_side(
            card(
                "Classes",
                f'<table class="shares">\n<tbody>\n{joined(shares)}\n</tbody>\n</table>',
                'By the classifier: <i class="key drawn"></i>these <i class="key real"></i>real',
            ),
            card(
                "Samples most like a training image",
                f'<ul class="pairs">\n{joined(pairs)}\n</ul>',
                "Left: the sample and its number. Right: its nearest training image. "
                f"{escape(evaluation.about_ratios)}",
            ),
        ),
        card("Notes", f'<ul class="notes soft">\n{joined(notes)}\n</ul>') if notes else "",
    ]
    title, headline = evaluation.target, evaluation.headline
    return html_page.page(title, headline, cards, maker="ganctl evaluate", style=STYLE)


def _img(image: Pixels, description: str) -> str:
    """Return a (C, H, W) image as an element; ``description`` is HTML."""
    squares = "squares" if max(image.shape[1:]) < SMOOTH_FROM else ""
    return html_page.image(encode_png(picture(image)), "png", description, squares)


def to_png(evaluation: Evaluation) -> bytes:
    """Return a picture of everything that the page shows."""
    drawn, real, names = evaluation.metrics, evaluation.real, evaluation.class_names
    remarks = (evaluation.about_ratios, *evaluation.notes, f"ganctl {ganctl.__version__}")
    lines = [line for remark in remarks for line in textwrap.wrap(font_text(remark), 190)]
    upper = max(-(-len(evaluation.images) // 8) * TILE_ROW, len(evaluation.rows) * ROW)
    middle = TOP + upper + 104  # of the lower half's titles
    bottom = middle + 112 + max(len(names) * BAR_ROW, 2 * PAIR_ROW)
    sheet = Image.new("RGB", (WIDTH, bottom + len(lines) * NOTE_ROW + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)

    def write(
        x: float, y: float, text: str, size: int = 28, colour: str = INK, anchor: str = "ls"
    ) -> None:
        draw.text((x, y), font_text(text), colour, font(size), anchor)

    def write_pair(right: int, y: int, ours: str, theirs: str, size: int, colour: str) -> None:
        write(right - 180, y, ours, size, colour, "rs")
        write(right, y, theirs, size, SOFT, "rs")

    write(MARGIN, 116, shorten(evaluation.target, 56, WIDTH - 2 * MARGIN), 56)
    write(MARGIN, 168, shorten(evaluation.headline, 28, WIDTH - 2 * MARGIN), 28, SOFT)

    write(LEFT, TOP - 28, "Samples, and their classes by the classifier")
    for index, (image, label) in enumerate(zip(evaluation.images, evaluation.labels, strict=True)):
        x, y = LEFT + index % 8 * TILE_STEP, TOP + index // 8 * TILE_ROW
        sheet.paste(_tile(image, TILE), (x, y))
        write(x + TILE / 2, y + TILE + 26, shorten(names[label], 22, TILE), 22, SOFT, "ms")

    write(RIGHT, TOP - 28, "Metrics")
    write_pair(RIGHT_END, TOP - 28, "these", "real", 24, SOFT)
    for index, row in enumerate(evaluation.rows):
        y = TOP + index * ROW
        draw.rectangle((RIGHT, y, RIGHT_END, y + 1), RULE)
        write(RIGHT, y + 44, row.name, 30)
        better = "lower" if row.better == "↓" else "higher"
        write(RIGHT, y + 78, f"{row.meaning}; {better} is better", 24, SOFT)
        write_pair(RIGHT_END, y + 44, row.text(drawn), row.text(real), 30, DRAWN)

    write(LEFT, middle, "Classes, by the classifier")
    write_pair(LEFT_END, middle, "these", "real", 24, SOFT)
    start = LEFT + 28 + min(240, max(text_width(name, 28) for name in names))
    unit = (LEFT_END - 320 - start) / max(*drawn.class_shares, *real.class_shares)
    shares = zip(names, drawn.class_shares, real.class_shares, strict=True)
    for index, (name, ours, theirs) in enumerate(shares):
        y = middle + 28 + index * BAR_ROW
        write(LEFT, y + 32, shorten(name, 28, 240))
        draw.rectangle((start, y + 8, start + unit * ours, y + 25), DRAWN)
        draw.rectangle((start, y + 28, start + unit * theirs, y + 37), REAL)
        write_pair(LEFT_END, y + 32, f"{ours:.1%}", f"{theirs:.1%}", 28, DRAWN)

    write(
        RIGHT, middle, "Samples most like a training image, which is on the right, and their ratio"
    )
    for index, pair in enumerate(evaluation.pairs):
        x, y = RIGHT + index % 4 * PAIR_STEP, middle + 28 + index // 4 * PAIR_ROW
        sheet.paste(_tile(pair.image, 140), (x, y))
        sheet.paste(_tile(pair.neighbour, 140), (x + 142, y))
        write(x, y + 176, f"{pair.ratio:.2f}", 30, DRAWN)
        write(x + 282, y + 176, f"#{pair.index}", 24, SOFT, "rs")

    for index, line in enumerate(lines):
        write(MARGIN, bottom + index * NOTE_ROW, shorten(line, 24, WIDTH - 2 * MARGIN), 24, SOFT)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _tile(image: Pixels, side: int) -> Image.Image:
    """Return a (C, H, W) image in a black square, enlarged by a whole factor or scaled down."""
    drawn = Image.fromarray(picture(image)).convert("RGB")
    times = side // max(drawn.size)
    if times:
        drawn = drawn.resize((drawn.width * times, drawn.height * times), Image.Resampling.NEAREST)
    else:
        drawn.thumbnail((side, side), Image.Resampling.LANCZOS)
    tile = Image.new("RGB", (side, side))
    tile.paste(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
    return tile
