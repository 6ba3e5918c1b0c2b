from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from ganctl.data import digits, registry
from ganctl.data.registry import (
    DATASETS,
    DOWNLOADABLE,
    check_downloadable,
    default_data_dir,
    find_dataset,
    is_downloaded,
    load_dataset,
)
from ganctl.errors import BadInput, CheckFailed

from .files import idx_bytes, small_set, write_idx_pair
from .server import Server, hang, serve

IMAGES, LABELS = small_set()
FILES = {
    "train-images-idx3-ubyte": idx_bytes(IMAGES),
    "train-labels-idx1-ubyte": idx_bytes(LABELS),
    "t10k-images-idx3-ubyte": idx_bytes(IMAGES[:3]),
    "t10k-labels-idx1-ubyte": idx_bytes(LABELS[:3]),
}
ARCHIVES = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in FILES.items()}

Publish = Callable[..., None]


@pytest.fixture
def publish(server: Server, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Return a function that puts made-up files in the place of a data set and its mirrors."""

    def publish(
        name: str,
        archives: Mapping[str, bytes],
        unpacked: Mapping[str, bytes] | None = None,
        mirrors: Sequence[str] = ("",),
    ) -> None:
        contents = {**archives, **(unpacked or {})}
        sha256 = {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
        for file, content in archives.items():
            server.add(f"/{file}", serve(content))
        urls = tuple(f"{server.url}/{mirror}" for mirror in mirrors)
        dataset = replace(DATASETS[name], sha256=sha256, mirrors=urls)
        monkeypatch.setitem(DATASETS, name, dataset)

    return publish


@pytest.fixture
def small_mnist(server: Server, publish: Publish) -> Server:
    publish("mnist", ARCHIVES, FILES)
    return server


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The folder of MNIST in the data directory ``tmp_path``."""
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    return tmp_path / "MNIST" / "raw"


def test_mnist_is_downloaded_once_and_torchvision_finds_it(
    tmp_path: Path, small_mnist: Server
) -> None:
    seen: list[tuple[str, int, int | None]] = []
    for _ in range(2):
        images, labels, class_names = load_dataset(
            "mnist", tmp_path, lambda *each: seen.append(each)
        )
        assert np.array_equal(images, IMAGES) and np.array_equal(labels, LABELS)
        assert class_names == tuple("0123456789")
    assert small_mnist.requests == [f"/{name}" for name in ARCHIVES]
    sizes = {name: len(content) for name, content in ARCHIVES.items()}
    assert {name: total for name, _, total in seen} == sizes
    assert {name: received for name, received, _ in seen} == sizes  # the last of each
    datasets: Any = pytest.importorskip("torchvision.datasets")
    assert np.array_equal(datasets.MNIST(tmp_path, train=True).data.numpy(), IMAGES)


def test_another_process_may_read_while_this_one_unpacks(
    tmp_path: Path, raw: Path, small_mnist: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_two(source: IO[bytes], target: IO[bytes]) -> None:
        content = source.read()
        target.write(content[:100])
        target.flush()
        assert np.array_equal(load_dataset("mnist", tmp_path).images, IMAGES)
        target.write(content[100:])

    monkeypatch.setattr(shutil, "copyfileobj", in_two)
    assert np.array_equal(load_dataset("mnist", tmp_path).images, IMAGES)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == {**ARCHIVES, **FILES}


def test_a_mirror_with_wrong_files_is_passed_over(
    tmp_path: Path, server: Server, publish: Publish
) -> None:
    for name in ARCHIVES:
        server.add(f"/wrong/{name}", serve(b"another file"))
    publish("mnist", ARCHIVES, FILES, mirrors=("wrong/", ""))
    assert np.array_equal(load_dataset("mnist", tmp_path).images, IMAGES)


def test_no_mirror_is_bad_input(tmp_path: Path, small_mnist: Server) -> None:
    small_mnist.replies.clear()
    with pytest.raises(BadInput, match=r"mnist could not be downloaded \(127.0.0.1: HTTP status"):
        load_dataset("mnist", tmp_path)
    assert not is_downloaded("mnist", tmp_path) and list(tmp_path.iterdir()) == []


def test_all_archives_share_one_connect_limit_and_intact_ones_are_kept(
    tmp_path: Path, raw: Path, server: Server, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing, there = list(ARCHIVES)[:2], list(ARCHIVES)[2:]
    for name in there:
        (raw / name).write_bytes(ARCHIVES[name])
    for name in missing:
        server.add(f"/hangs/{name}", hang)
    publish("mnist", ARCHIVES, FILES, mirrors=("hangs/", ""))
    monkeypatch.setattr(registry, "CONNECT_SECONDS", 2.0)
    start = time.monotonic()
    load_dataset("mnist", tmp_path)
    assert time.monotonic() - start < 2.0
    assert not any(name in request for name in there for request in server.requests)


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_existing_files_need_no_network(tmp_path: Path, small_mnist: Server, gz: str) -> None:
    write_idx_pair(tmp_path / "MNIST" / "raw", IMAGES, LABELS, gz=gz)
    assert np.array_equal(load_dataset("mnist", tmp_path).images, IMAGES)
    assert small_mnist.requests == []


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_a_changed_file_is_refused_and_kept(tmp_path: Path, small_mnist: Server, file: str) -> None:
    write_idx_pair(tmp_path / "MNIST" / "raw", IMAGES, LABELS)
    path, changed = tmp_path / "MNIST" / "raw" / file, FILES[file][:-1] + b"\xff"
    path.write_bytes(changed)
    with pytest.raises(CheckFailed, match=f"{file}: SHA-256") as caught:
        load_dataset("mnist", tmp_path)
    assert caught.value.hint.startswith("delete it and run again")
    assert path.read_bytes() == changed and small_mnist.requests == []


def test_labels_that_a_data_set_does_not_have_are_named(tmp_path: Path) -> None:
    write_idx_pair(tmp_path / "FashionMNIST" / "raw", IMAGES, LABELS + 1)
    with pytest.raises(BadInput, match="train-labels-idx1-ubyte: label 10, expected 0 to 9"):
        load_dataset("fashion-mnist", tmp_path)


def test_an_archive_with_a_known_checksum_is_preferred_and_checked(
    tmp_path: Path, publish: Publish
) -> None:
    publish("kmnist", ARCHIVES)
    raw = tmp_path / "KMNIST" / "raw"
    write_idx_pair(raw, 255 - IMAGES, LABELS)
    assert np.array_equal(load_dataset("kmnist", tmp_path).images, 255 - IMAGES)
    archive = raw / "train-images-idx3-ubyte.gz"
    archive.write_bytes(ARCHIVES[archive.name])
    assert np.array_equal(load_dataset("kmnist", tmp_path).images, IMAGES)
    archive.write_bytes(gzip.compress(FILES["train-images-idx3-ubyte"], mtime=1))
    with pytest.raises(CheckFailed, match=f"{archive.name}: SHA-256"):
        load_dataset("kmnist", tmp_path)


def test_emnist_is_stored_column_by_column(tmp_path: Path, publish: Publish) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for kind, array in (
            ("images-idx3", IMAGES.transpose(0, 2, 1)),
            ("labels-idx1", LABELS),
        ):
            name = f"gzip/emnist-digits-train-{kind}-ubyte.gz"
            archive.writestr(name, gzip.compress(idx_bytes(array)))
    publish("emnist-digits", {"gzip.zip": buffer.getvalue()})
    images, labels, _ = load_dataset("emnist-digits", tmp_path)
    assert np.array_equal(images, IMAGES) and np.array_equal(labels, LABELS)
    datasets: Any = pytest.importorskip("torchvision.datasets")
    emnist = datasets.EMNIST(tmp_path, split="digits", train=True)
    assert np.array_equal(emnist.data.numpy(), IMAGES.transpose(0, 2, 1))


def test_usps_is_checked_and_read_as_torchvision_does(
    tmp_path: Path, server: Server, publish: Publish
) -> None:
    values = np.random.default_rng(0).uniform(-1, 1, (2, 256))
    values[:, [0, -1]] = [-1, 1]
    lines = [" ".join(f"{n}:{value:.4f}" for n, value in enumerate(row, 1)) for row in values]
    content = bz2.compress(f"10 {lines[0]} \n1 {lines[1]} \n".encode())
    publish("usps", {"usps.bz2": content})
    images, labels, _ = load_dataset("usps", tmp_path)
    assert images.shape == (2, 16, 16) and images.dtype == np.uint8
    assert images[0, 0, 0] == 0 and images[1, 15, 15] == 255
    assert labels.tolist() == [9, 0]
    datasets: Any = pytest.importorskip("torchvision.datasets")
    assert np.array_equal(datasets.USPS(tmp_path, train=True).data, images)

    (tmp_path / "usps.bz2").write_bytes(content[:-1])
    with pytest.raises(CheckFailed, match="usps.bz2: SHA-256"):
        load_dataset("usps", tmp_path)
    assert server.requests == ["/usps.bz2"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_fifo_is_not_read(tmp_path: Path, raw: Path) -> None:
    os.mkfifo(raw / "train-images-idx3-ubyte.gz")
    with pytest.raises(BadInput, match=r"cannot read .*ubyte\.gz: it is not a file"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "usps"])
def test_an_impossible_data_directory_is_bad_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="name too long"):
        load_dataset(name, tmp_path / ("x" * 300))


@pytest.mark.parametrize("name", DOWNLOADABLE)
def test_files_mirrors_and_classes_are_torchvisions(name: str) -> None:
    datasets: Any = pytest.importorskip("torchvision.datasets")
    ours = DATASETS[name]
    folder = ours.folder.removesuffix("/raw") or "USPS"
    theirs = getattr(datasets, folder)
    if name == "usps":
        urls = {theirs.split_list["train"][0]}
    elif name == "emnist-digits":
        urls = {theirs.url}
    else:
        urls = {mirror + file for mirror in theirs.mirrors for file, _ in theirs.resources}
        assert list(theirs.mirrors) == list(ours.mirrors)
    assert {mirror + file for mirror in ours.mirrors for file in ours.archives} == urls
    assert all(len(bytes.fromhex(digest)) == 32 for digest in ours.sha256.values())
    if name in ("fashion-mnist", "kmnist"):
        assert ours.class_names == tuple(theirs.classes)


def test_what_is_on_the_disk(tmp_path: Path) -> None:
    write_idx_pair(tmp_path / "MNIST" / "raw", *small_set())
    found = {name: find_dataset(name, tmp_path) for name in DATASETS}
    assert found["mnist"][1] == 2 * 4 + 3 * 4 + 4 + 20 * 28 * 28 + 20
    assert found["digits"] == (digits.FILE, digits.FILE.stat().st_size)
    assert found["kmnist"] == (tmp_path / "KMNIST" / "raw", 0)
    assert found["usps"] == (tmp_path / "usps.bz2", 0)


def test_which_data_sets_can_be_downloaded() -> None:
    for name in DOWNLOADABLE:
        check_downloadable(name)
    with pytest.raises(BadInput, match="part of ganctl"):
        check_downloadable("digits")
    with pytest.raises(
        BadInput, match="no data set named 'fashion': did you mean 'fashion-mnist'?"
    ):
        check_downloadable("fashion")


def test_the_default_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANCTL_DATA", str(tmp_path))
    assert default_data_dir() == tmp_path
    monkeypatch.delenv("GANCTL_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    for platform, folder in (
        ("linux", ".cache/ganctl"),
        ("darwin", "Library/Caches/ganctl"),
        ("win32", "AppData/Local/ganctl"),
    ):
        monkeypatch.setattr("sys.platform", platform)
        assert default_data_dir() == tmp_path / folder
