"""Reads a page of ganctl's, for the tests of reports."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

from PIL import Image

VOID = {"meta", "img", "br", "link", "input"}


class Outline(HTMLParser):
    """The elements of a page, its embedded images and its text; what is opened must be closed."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.images: list[Image.Image] = []
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
            kind, _, data = (values["src"] or "").partition(";base64,")
            image = Image.open(io.BytesIO(base64.b64decode(data)))
            assert kind == f"data:image/{(image.format or '').lower()}"
            self.images.append(image)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data
