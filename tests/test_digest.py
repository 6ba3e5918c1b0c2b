"""The digest that stands in the file that it is of."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from ganctl.digest import BLANK, digest_around, fill_in


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_the_digest_is_of_the_file_with_zeros_in_its_place(before: bytes, after: bytes) -> None:
    blank = before + BLANK.encode() + after
    filled = fill_in(blank, len(before))
    digest = hashlib.sha256(blank).hexdigest().encode()
    assert filled == before + digest + after
    assert digest_around(filled, len(before)) == digest
