from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganctl.data.digits import FILE
from ganctl.data.known import KNOWN
from ganctl.data.shelf import check_fetchable, fetch_known, shelf
from ganctl.errors import BadInput, CheckFailed

from .files import small_set, write_idx_pair
from .server import Server, serve
from .test_catalog import ARCHIVES, expect, md5

datasets: Any = pytest.importorskip("torchvision.datasets")


@pytest.fixture
def served(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A made-up KMNIST, on a server that torchvision takes for KMNIST's."""
    for name, content in ARCHIVES.items():
        server.add(f"/{name}", serve(content))
    expect(monkeypatch, "kmnist", ARCHIVES)
    monkeypatch.setattr(datasets.KMNIST, "mirrors", [f"{server.url}/"])
    resources = [(name, md5(content)) for name, content in ARCHIVES.items()]
    monkeypatch.setattr(datasets.KMNIST, "resources", resources)
    return server


def test_what_is_not_there_is_listed_too(tmp_path: Path) -> None:
    write_idx_pair(tmp_path / "MNIST" / "raw", *small_set())
    found = {each.name: each for each in shelf(tmp_path)}
    assert list(found) == [*KNOWN, "digits"]
    assert [name for name, each in found.items() if each.here] == ["mnist", "digits"]
    assert found["mnist"].size == 2 * 4 + 3 * 4 + 4 + 20 * 28 * 28 + 20
    assert found["digits"].size == FILE.stat().st_size
    assert found["kmnist"].size == 0
    assert found["kmnist"].path == str(tmp_path / "KMNIST" / "raw")
    assert found["usps"].path == str(tmp_path / "usps.bz2")
    assert all(each.what and each.source for each in found.values())


def test_a_set_is_fetched_once(tmp_path: Path, served: Server) -> None:
    told: list[tuple[str, int, int | None]] = []
    assert fetch_known("kmnist", tmp_path, lambda *each: told.append(each)) is True
    sizes = {name: len(content) for name, content in ARCHIVES.items()}
    assert {name: total for name, _, total in told} == sizes
    assert {name: received for name, received, _ in told} == sizes  # the last of each
    (found,) = (each for each in shelf(tmp_path) if each.name == "kmnist")
    assert found.here and found.size > sum(sizes.values())
    assert fetch_known("kmnist", tmp_path) is False
    assert served.requests == [f"/{name}" for name in ARCHIVES]


def test_what_is_there_is_verified(tmp_path: Path, served: Server) -> None:
    fetch_known("kmnist", tmp_path)
    archive = tmp_path / "KMNIST" / "raw" / "train-images-idx3-ubyte.gz"
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(CheckFailed, match="SHA-256"):
        fetch_known("kmnist", tmp_path)


def test_no_mirror_is_bad_input(tmp_path: Path, served: Server) -> None:
    served.replies.clear()
    with pytest.raises(BadInput, match=r"kmnist could not be downloaded \(127.0.0.1: HTTP status"):
        fetch_known("kmnist", tmp_path)
    assert not any(each.here for each in shelf(tmp_path) if each.name == "kmnist")


def test_what_cannot_be_fetched() -> None:
    for name in KNOWN:
        check_fetchable(name)
    with pytest.raises(BadInput, match="inside ganctl"):
        check_fetchable("digits")
    with pytest.raises(BadInput, match="no data set named 'fashion'") as caught:
        check_fetchable("fashion")
    assert caught.value.hint.startswith("did you mean 'fashion-mnist'?")
