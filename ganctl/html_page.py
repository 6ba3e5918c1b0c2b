"""A self-contained HTML page: style, cards and images, without scripts or network access.

Arguments called HTML are inserted as they are; the caller escapes foreign text.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import ganctl

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
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .4rem 0 .4rem .75rem; text-align: right; vertical-align: baseline;
  white-space: nowrap }
tbody { border-top: 1px solid var(--rule) }
th:first-child { padding-left: 0; text-align: left; font-weight: 500; white-space: normal;
  width: 100% }
.figures .soft td { padding: 0 0 .5rem; text-align: left; white-space: normal }
.figures tr:first-child > * { padding-bottom: 0 }
thead tr:first-child th { color: var(--soft); font-size: .8125rem; font-weight: 400;
  padding-bottom: .4rem }
td:last-child { color: var(--soft) }
@media (max-width: 32rem) { td { white-space: normal } }
.drawn { font-weight: 600 }
.notes { display: grid; gap: .3rem }
.notes li::first-letter { text-transform: uppercase }
"""

# A browser neither runs nor fetches anything, even if foreign text slipped through unescaped.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, headline: str, cards: Sequence[str], *, maker: str, style: str = "") -> bytes:
    """Return a page as UTF-8.

    Args:
        title: plain text, as are ``headline`` and ``maker``.
        headline: the line below the title.
        cards: HTML.
        maker: the command that makes the page.
        style: CSS after `STYLE`.
    """
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)} · {escape(maker)}</title>",
        f"<style>{STYLE}{style}</style>\n</head>\n<body>\n<main>",
        f"<header><h1>{escape(title)}</h1>\n<p>{escape(headline)}</p></header>",
        *filter(None, cards),
        f"<footer>Made by {escape(maker)} {escape(ganctl.__version__)}</footer>",
        "</main>\n</body>\n</html>\n",
    ]
    return joined(parts).encode("utf-8", "replace")  # a file name may not be valid text


def card(title: str, content: str, caption: str = "") -> str:
    """Return a titled box; all arguments are HTML."""
    below = f'\n<p class="soft">{caption}</p>' if caption else ""
    return f"<section>\n<h2>{title}</h2>\n{content}{below}\n</section>"


def side_by_side(left: str, right: str) -> str:
    """Return two HTML elements next to each other, or below each other on a narrow screen."""
    return f'<div class="two">\n{left}\n{right}\n</div>'


def image(data: bytes, kind: str, description: str, style_class: str = "") -> str:
    """Return an embedded image; ``kind`` is png or gif, ``description`` is HTML."""
    named = f' class="{style_class}"' if style_class else ""
    source = base64.b64encode(data).decode()
    return f'<img{named} alt="{description}" src="data:image/{kind};base64,{source}">'


def joined(elements: Sequence[str]) -> str:
    """Return HTML elements, one per line."""
    return "\n".join(elements)
