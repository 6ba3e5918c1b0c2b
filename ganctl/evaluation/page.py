"""An evaluation as one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape

from ganctl import html_page
from ganctl.evaluation.explain import about_ratios, headline, lines
from ganctl.evaluation.figures import Evaluation, Pair
from ganctl.html_page import card, joined, side_by_side
from ganctl.images import Pixels, encode_png, picture

SMOOTH_FROM = 64
"""Pixels a side from which an image is scaled smoothly rather than in squares."""

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


def page(evaluation: Evaluation) -> bytes:
    """Return the page as UTF-8; whatever came from outside is escaped."""
    cards = [
        side_by_side(_samples(evaluation), _table(evaluation)),
        side_by_side(_shares(evaluation), _pairs(evaluation)),
        _notes(evaluation),
    ]
    title, said = evaluation.target, headline(evaluation)
    return html_page.page(title, said, cards, maker="ganctl evaluate", style=STYLE)


def _samples(evaluation: Evaluation) -> str:
    cells = []
    for index, (image, label) in enumerate(zip(evaluation.images, evaluation.labels, strict=True)):
        name = escape(evaluation.class_names[label])
        cells.append(f'<li class="soft">{_image(image, f"sample {index}: {name}")}{name}</li>')
    return card(
        "Samples",
        f'<ol class="samples">\n{joined(cells)}\n</ol>',
        f"The first {len(cells)}, and what the judge sees in them.",
    )


def _table(evaluation: Evaluation) -> str:
    rows = [
        f'<tbody><tr><th scope="row">{escape(line.name)}&nbsp;{line.better}</th>'
        f'<td class="drawn">{line.text(evaluation.figures)}</td>'
        f"<td>{line.text(evaluation.real)}</td></tr>"
        f'<tr class="soft"><td colspan="3">{escape(line.meaning)}</td></tr></tbody>'
        for line in lines(evaluation)
    ]
    return card(
        "Figures",
        '<table class="figures">\n<thead><tr><th></th><th scope="col">these</th>'
        f'<th scope="col">real</th></tr></thead>\n{joined(rows)}\n</table>',
        "↓ smaller is better, ↑ larger; the real images are what can be hoped for.",
    )


def _shares(evaluation: Evaluation) -> str:
    drawn, real = evaluation.figures.class_shares, evaluation.real.class_shares
    longest = max(*drawn, *real)
    rows = [
        f'<tr><th scope="row">{escape(name)}</th><td class="bars">'
        f'<i class="drawn" style="width:{ours / longest:.1%}"></i>'
        f'<i class="real" style="width:{theirs / longest:.1%}"></i></td>'
        f'<td class="drawn">{ours:.1%}</td><td>{theirs:.1%}</td></tr>'
        for name, ours, theirs in zip(evaluation.class_names, drawn, real, strict=True)
    ]
    return card(
        "Classes",
        f'<table class="shares">\n<tbody>\n{joined(rows)}\n</tbody>\n</table>',
        'As the judge sees them: <i class="key drawn"></i>these <i class="key real"></i>real',
    )


def _pairs(evaluation: Evaluation) -> str:
    cells = [_pair(pair) for pair in evaluation.pairs]
    return card(
        "Samples most like a training image",
        f'<ul class="pairs">\n{joined(cells)}\n</ul>',
        "Each sample is on the left, by its number, and its training image on the right. "
        f"{escape(about_ratios(evaluation))}",
    )


def _pair(pair: Pair) -> str:
    return (
        f'<li><div class="pair">{_image(pair.image, f"sample {pair.index}")}'
        f"{_image(pair.neighbour, 'its nearest training image')}</div>"
        f'<p><span class="drawn">{pair.ratio:.2f}</span>'
        f'<span class="soft">#{pair.index}</span></p></li>'
    )


def _notes(evaluation: Evaluation) -> str:
    notes = [f"<li>{escape(note)}</li>" for note in evaluation.notes]
    return card("Notes", f'<ul class="notes soft">\n{joined(notes)}\n</ul>') if notes else ""


def _image(image: Pixels, description: str) -> str:
    """Return a (C, H, W) image as an element; ``description`` is HTML."""
    squares = "squares" if max(image.shape[1:]) < SMOOTH_FROM else ""
    return html_page.image(encode_png(picture(image)), "png", description, squares)
