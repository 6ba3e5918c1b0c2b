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

from ganctl.data.registry import DATASETS, load_dataset

from .files import idx_bytes, small_set

IMAGES, LABELS = small_set(1000)
FILES = {
    f"{split}-{kind}-ubyte": idx_bytes(array)
    for split in ("train", "t10k")
    for kind, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS))
}
ARCHIVES = {f"{name}.gz": gzip.compress(content, 1, mtime=0) for name, content in FILES.items()}


if __name__ == "__main__":
    url, folder = sys.argv[1:]
    contents = {**ARCHIVES, **FILES}
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    DATASETS["mnist"] = replace(DATASETS["mnist"], mirrors=(url,), sha256=sha256)
    print(hashlib.sha256(load_dataset("mnist", Path(folder)).images.tobytes()).hexdigest())
