"""The report as one HTML page that needs nothing else: no script, no file, no network."""

from __future__ import annotations

import base64
from html import escape

import ganctl
from ganctl.images import Pixels, encode_png, picture
from ganctl.quality.explain import about_ratios, headline, lines
from ganctl.quality.figures import Evaluation, Pair

SMOOTH_FROM = 64
"""Pixels a side from which an image is scaled smoothly rather than in squares."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfbfd; --card: #fff; --ink: #1b1f27; --soft: #667085; --rule: #e4e7ee;
  --drawn: #2f62e0; --real: #b3bac8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12151b; --card: #1a1e26; --ink: #e8eaf0; --soft: #99a2b3; --rule: #2b313d;
    --drawn: #86a8ff; --real: #565f70;
  }
}
* { box-sizing: border-box; margin: 0 }
body {
  background: var(--paper); color: var(--ink); padding: 2.5rem 1.25rem;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main { max-width: 72rem; margin: auto; display: grid; gap: 1.25rem }
h1 { font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere }
h2 { font-size: 1rem; margin-bottom: .75rem }
header p, .soft, footer { color: var(--soft) }
header p { margin-top: .4rem }
.soft, footer { font-size: .8125rem }
section {
  background: var(--card); border: 1px solid var(--rule); border-radius: .75rem;
  padding: 1.25rem; min-width: 0;
}
section > p { margin-top: .75rem }
ol, ul { list-style: none; padding: 0 }
.two { display: grid; gap: 1.25rem }
@media (min-width: 60rem) { .two { grid-template-columns: 5fr 6fr } }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #000;
  border-radius: .2rem }
.squares { image-rendering: pixelated }
.samples { display: grid; grid-template-columns: repeat(8, 1fr); gap: .35rem;
  text-align: center; line-height: 1.25 }
.samples li { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .4rem 0 .4rem .75rem; text-align: right; vertical-align: baseline;
  white-space: nowrap }
tbody, .shares tr + tr { border-top: 1px solid var(--rule) }
th:first-child { padding-left: 0; text-align: left; font-weight: 500; white-space: normal;
  width: 100% }
.figures .soft td { padding: 0 0 .5rem; text-align: left; white-space: normal }
.figures tr:first-child > * { padding-bottom: 0 }
thead tr:first-child th { color: var(--soft); font-size: .8125rem; font-weight: 400;
  padding-bottom: .4rem }
td:last-child { color: var(--soft) }
@media (max-width: 32rem) { td { white-space: normal } }
.drawn { font-weight: 600 }
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
.notes { display: grid; gap: .3rem }
.notes li::first-letter { text-transform: uppercase }
"""

# Even if something slipped through unescaped, a browser would neither run nor fetch it.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(evaluation: Evaluation) -> bytes:
    """Return the page as UTF-8; whatever came from outside is escaped."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(evaluation.target)} · ganctl evaluate</title>",
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>",
        f"<header><h1>{escape(evaluation.target)}</h1>",
        f"<p>{escape(headline(evaluation))}</p></header>",
        f'<div class="two">\n{_samples(evaluation)}\n{_table(evaluation)}\n</div>',
        f'<div class="two">\n{_shares(evaluation)}\n{_pairs(evaluation)}\n</div>',
        _notes(evaluation),
        f"<footer>Measured with ganctl {escape(ganctl.__version__)}</footer>",
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(parts).encode("utf-8", "replace")  # a file's name may be no valid text


def _samples(evaluation: Evaluation) -> str:
    cells = []
    for index, (image, label) in enumerate(zip(evaluation.images, evaluation.labels, strict=True)):
        name = escape(evaluation.class_names[label])
        cells.append(f'<li class="soft">{_image(image, f"sample {index}: {name}")}{name}</li>')
    return _section(
        "Samples",
        f'<ol class="samples">\n{_joined(cells)}\n</ol>',
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
    return _section(
        "Figures",
        '<table class="figures">\n<thead><tr><th></th><th scope="col">these</th>'
        f'<th scope="col">real</th></tr></thead>\n{_joined(rows)}\n</table>',
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
    return _section(
        "Classes",
        f'<table class="shares">\n<tbody>\n{_joined(rows)}\n</tbody>\n</table>',
        'As the judge sees them: <i class="key drawn"></i>these <i class="key real"></i>real',
    )


def _pairs(evaluation: Evaluation) -> str:
    cells = [_pair(pair) for pair in evaluation.pairs]
    return _section(
        "Samples most like a training image",
        f'<ul class="pairs">\n{_joined(cells)}\n</ul>',
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
    return _section("Notes", f'<ul class="notes soft">\n{_joined(notes)}\n</ul>') if notes else ""


def _section(title: str, content: str, caption: str = "") -> str:
    """Return a card; ``content`` and ``caption`` are HTML."""
    below = f'\n<p class="soft">{caption}</p>' if caption else ""
    return f"<section>\n<h2>{title}</h2>\n{content}{below}\n</section>"


def _image(image: Pixels, description: str) -> str:
    """Return a (C, H, W) image as an element; ``description`` is HTML."""
    data = base64.b64encode(encode_png(picture(image))).decode()
    squares = ' class="squares"' if max(image.shape[1:]) < SMOOTH_FROM else ""
    return f'<img{squares} alt="{description}" src="data:image/png;base64,{data}">'


def _joined(elements: list[str]) -> str:
    return "\n".join(elements)
