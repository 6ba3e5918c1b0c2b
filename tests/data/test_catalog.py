from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from ganctl.data.catalog import archives, fetch_archives, load_known
from ganctl.data.download import Limits
from ganctl.data.known import KNOWN
from ganctl.errors import BadInput, CheckFailed

from .files import idx_bytes, small_set, write_idx_pair
from .server import Server, hang, serve

datasets: Any = pytest.importorskip("torchvision.datasets")

IMAGES, LABELS = small_set()
FILES = {
    "train-images-idx3-ubyte": idx_bytes(IMAGES),
    "train-labels-idx1-ubyte": idx_bytes(LABELS),
    "t10k-images-idx3-ubyte": idx_bytes(IMAGES[:3]),
    "t10k-labels-idx1-ubyte": idx_bytes(LABELS[:3]),
}
ARCHIVES = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in FILES.items()}


def expect(monkeypatch: pytest.MonkeyPatch, name: str, files: Mapping[str, bytes]) -> None:
    """Let the made-up files be what a known set consists of."""
    sha256 = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    monkeypatch.setitem(KNOWN, name, replace(KNOWN[name], sha256=sha256))


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def small_mnist(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A made-up MNIST, on a server that torchvision takes for MNIST's."""
    for name, content in ARCHIVES.items():
        server.add(f"/mnist/{name}", serve(content))
    expect(monkeypatch, "mnist", {**ARCHIVES, **FILES})
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{server.url}/mnist/"])
    resources = [(name, md5(content)) for name, content in ARCHIVES.items()]
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    return server


@pytest.fixture
def no_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)


def test_mnist_is_downloaded_once_and_torchvision_finds_it_too(
    tmp_path: Path, small_mnist: Server
) -> None:
    for _ in range(2):
        images, labels, class_names = load_known("mnist", tmp_path)
        assert np.array_equal(images, IMAGES)
        assert np.array_equal(labels, LABELS)
        assert class_names == tuple("0123456789")
    assert small_mnist.requests == [f"/mnist/{name}" for name in ARCHIVES]
    assert np.array_equal(datasets.MNIST(tmp_path, train=True).data.numpy(), IMAGES)


def test_another_process_may_read_while_this_one_unpacks(
    tmp_path: Path, small_mnist: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_two(source: IO[bytes], target: IO[bytes]) -> None:
        content = source.read()
        target.write(content[:100])
        target.flush()
        assert np.array_equal(load_known("mnist", tmp_path).images, IMAGES)
        target.write(content[100:])

    monkeypatch.setattr(shutil, "copyfileobj", in_two)
    assert np.array_equal(load_known("mnist", tmp_path).images, IMAGES)
    there = {path.name: path.read_bytes() for path in (tmp_path / "MNIST" / "raw").iterdir()}
    assert there == {**ARCHIVES, **FILES}


def test_a_mirror_that_lies_is_passed_over(
    tmp_path: Path, small_mnist: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ARCHIVES:
        small_mnist.add(f"/lies/{name}", serve(b"lies"))
    mirrors = [f"{small_mnist.url}/lies/", f"{small_mnist.url}/mnist/"]
    monkeypatch.setattr(datasets.MNIST, "mirrors", mirrors)
    assert np.array_equal(load_known("mnist", tmp_path).images, IMAGES)


def test_all_archives_share_one_connect_limit(
    tmp_path: Path, small_mnist: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing, there = list(ARCHIVES)[:2], list(ARCHIVES)[2:]
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in there:
        (raw / name).write_bytes(ARCHIVES[name])
    for name in missing:
        small_mnist.add(f"/hangs/{name}", hang)
    mirrors = [f"{small_mnist.url}/hangs/", f"{small_mnist.url}/mnist/"]
    monkeypatch.setattr(datasets.MNIST, "mirrors", mirrors)
    begun = time.monotonic()
    fetch_archives(KNOWN["mnist"], datasets.MNIST, tmp_path, Limits(connect=1.0))
    assert time.monotonic() - begun < 1.0
    assert {path.name for path in raw.iterdir()} == set(ARCHIVES)


def test_intact_archives_are_not_downloaded_again(tmp_path: Path, small_mnist: Server) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in list(ARCHIVES.items())[1:]:
        (raw / name).write_bytes(content)
    load_known("mnist", tmp_path)
    assert small_mnist.requests == ["/mnist/train-images-idx3-ubyte.gz"]


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.usefixtures("no_torchvision")
def test_files_that_are_there_need_neither_network_nor_torchvision(
    tmp_path: Path, small_mnist: Server, gz: str
) -> None:
    write_idx_pair(tmp_path / "MNIST" / "raw", IMAGES, LABELS, gz=gz)
    assert np.array_equal(load_known("mnist", tmp_path).images, IMAGES)
    assert small_mnist.requests == []


@pytest.mark.usefixtures("no_torchvision")
@pytest.mark.parametrize("name", ["mnist", "usps"])
def test_without_torchvision_nothing_is_downloaded(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="torchvision"):
        load_known(name, tmp_path)


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_a_changed_file_is_refused_and_kept(tmp_path: Path, small_mnist: Server, file: str) -> None:
    raw = tmp_path / "MNIST" / "raw"
    write_idx_pair(raw, IMAGES, LABELS)
    changed = FILES[file][:-1] + b"\xff"
    (raw / file).write_bytes(changed)
    with pytest.raises(CheckFailed, match=f"{file}: SHA-256") as caught:
        load_known("mnist", tmp_path)
    assert caught.value.hint.startswith("delete it and run again")
    assert (raw / file).read_bytes() == changed
    assert small_mnist.requests == []


@pytest.mark.usefixtures("no_torchvision")
def test_labels_that_a_known_set_does_not_have_are_named(tmp_path: Path) -> None:
    write_idx_pair(tmp_path / "FashionMNIST" / "raw", IMAGES, LABELS + 1)
    with pytest.raises(BadInput, match="train-labels-idx1-ubyte: a label 10, expected 0 … 9"):
        load_known("fashion-mnist", tmp_path)


@pytest.mark.usefixtures("no_torchvision")
def test_an_archive_whose_digest_is_known_is_preferred_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect(monkeypatch, "kmnist", ARCHIVES)
    raw = tmp_path / "KMNIST" / "raw"
    write_idx_pair(raw, 255 - IMAGES, LABELS)
    assert np.array_equal(load_known("kmnist", tmp_path).images, 255 - IMAGES)

    archive = raw / "train-images-idx3-ubyte.gz"
    archive.write_bytes(ARCHIVES[archive.name])
    assert np.array_equal(load_known("kmnist", tmp_path).images, IMAGES)

    archive.write_bytes(gzip.compress(FILES["train-images-idx3-ubyte"], mtime=1))
    with pytest.raises(CheckFailed, match=f"{archive.name}: SHA-256"):
        load_known("kmnist", tmp_path)


def test_emnist_is_stored_column_by_column(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for kind, array in (
            ("images-idx3", IMAGES.transpose(0, 2, 1)),
            ("labels-idx1", LABELS),
        ):
            name = f"gzip/emnist-digits-train-{kind}-ubyte.gz"
            archive.writestr(name, gzip.compress(idx_bytes(array)))
    content = buffer.getvalue()
    expect(monkeypatch, "emnist-digits", {"gzip.zip": content})
    monkeypatch.setattr(datasets.EMNIST, "url", server.add("/gzip.zip", serve(content)))
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(content))
    images, labels, _ = load_known("emnist-digits", tmp_path)
    assert np.array_equal(images, IMAGES)
    assert np.array_equal(labels, LABELS)
    emnist = datasets.EMNIST(tmp_path, split="digits", train=True)
    assert np.array_equal(emnist.data.numpy(), IMAGES.transpose(0, 2, 1))


def test_usps_is_downloaded_and_checked_each_time(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = " ".join(f"{pixel + 1}:{2 * pixel / 255 - 1:.4f}" for pixel in range(256))
    content = bz2.compress(f"10 {line}\n1 {line}\n".encode())
    expect(monkeypatch, "usps", {"usps.bz2": content})
    split = [server.add("/usps.bz2", serve(content)), "usps.bz2", md5(content)]
    monkeypatch.setattr(datasets.USPS, "split_list", {"train": split})
    images, labels, _ = load_known("usps", tmp_path)
    assert images.shape == (2, 16, 16)
    assert images[0, 0, 0] == 0 and images[1, 15, 15] == 255
    assert labels.tolist() == [9, 0]

    (tmp_path / "usps.bz2").write_bytes(content[:-1])
    with pytest.raises(CheckFailed, match="usps.bz2: its SHA-256 is wrong"):
        load_known("usps", tmp_path)
    assert server.requests == ["/usps.bz2"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    os.mkfifo(raw / "train-images-idx3-ubyte.gz")
    with pytest.raises(BadInput, match=r"cannot read .*ubyte\.gz: it is not a file"):
        load_known("kmnist", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "usps"])
def test_a_directory_that_cannot_be_there_is_bad_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="name too long"):
        load_known(name, tmp_path / ("x" * 300))


@pytest.mark.parametrize("name", KNOWN)
def test_a_digest_is_known_for_all_that_torchvision_downloads(name: str) -> None:
    known = KNOWN[name]
    files = archives(getattr(datasets, known.dataset))
    assert files.keys() <= known.sha256.keys()
    assert all(url.startswith("http") for urls in files.values() for url in urls)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in known.sha256.values())


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist"])
def test_class_names_are_torchvisions(name: str) -> None:
    known = KNOWN[name]
    assert known.class_names == tuple(getattr(datasets, known.dataset).classes)
