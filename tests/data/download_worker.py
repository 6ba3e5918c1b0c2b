"""Download a made-up MNIST, as one of two processes that do so at the same time.

    python -m tests.data.download_worker URL FOLDER

It prints the SHA-256 of the images that it read in the end.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from ganctl.data.catalog import load_known
from ganctl.data.known import KNOWN

from .files import idx_bytes, small_set

IMAGES, LABELS = small_set(1000)
FILES = {
    f"{split}-{kind}-ubyte": idx_bytes(array)
    for split in ("train", "t10k")
    for kind, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS))
}
ARCHIVES = {f"{name}.gz": gzip.compress(content, 1, mtime=0) for name, content in FILES.items()}


def main() -> None:
    url, folder = sys.argv[1:]
    contents = {**ARCHIVES, **FILES}
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    # Of torchvision only the addresses are wanted; the true one takes seconds to import.
    dataset = SimpleNamespace(mirrors=[url], resources=[(name, "") for name in ARCHIVES])
    torchvision = SimpleNamespace(datasets=SimpleNamespace(MNIST=dataset))
    known = {"mnist": replace(KNOWN["mnist"], sha256=sha256)}
    with patch.dict(sys.modules, torchvision=torchvision), patch.dict(KNOWN, known):
        print(hashlib.sha256(load_known("mnist", Path(folder)).images.tobytes()).hexdigest())


if __name__ == "__main__":
    main()
