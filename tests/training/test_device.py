from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from ganctl.errors import BadInput
from ganctl.training import device as device_module
from ganctl.training.device import resolve_device, use_threads

CPU = torch.device("cpu")


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A quiet machine of two cores; torch's own number of threads comes back afterwards."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(device_module, "usable_cores", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1))
    yield monkeypatch
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("asked", "processes", "used"), [(2, 1, 2), (1, 2, 1), (0, 2, 1), (0, 4, 1)]
)
def test_the_cores_are_shared_by_the_processes(
    asked: int, processes: int, used: int, two_cores: pytest.MonkeyPatch
) -> None:
    use_threads(asked, processes, CPU)
    assert torch.get_num_threads() == used


def test_without_a_wish_torchs_own_number_stays(two_cores: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(2)
    assert use_threads(0, 1, CPU) == []
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("asked", "processes"), [(3, 1), (2, 2)])
def test_no_more_threads_than_cores(
    asked: int, processes: int, two_cores: pytest.MonkeyPatch
) -> None:
    (doubt,) = use_threads(asked, processes, CPU)
    assert doubt.startswith(f"{asked * processes} threads would wait for each other on 2 cores")
    assert torch.get_num_threads() * processes == 2


@pytest.mark.parametrize(
    ("cores", "threads", "load", "device", "doubted"),
    [
        (2, 2, 1.2, "cpu", True),
        (2, 2, 0.6, "cpu", False),
        (2, 1, 3, "cpu", False),
        (2, 2, 1.2, "cuda", False),
        (16, 16, 1.2, "cpu", False),
        (16, 16, 4.1, "cpu", True),
        (16, 8, 4.1, "cpu", False),
    ],
)
def test_a_busy_machine_is_doubted(
    cores: int,
    threads: int,
    load: float,
    device: str,
    doubted: bool,
    two_cores: pytest.MonkeyPatch,
) -> None:
    """One thread waits for nobody, a GPU for few, and a core of sixteen is little."""
    two_cores.setattr(os, "getloadavg", lambda: (load, 0, 0))
    two_cores.setattr(device_module, "usable_cores", lambda: cores)
    doubts = use_threads(threads, 1, torch.device(device))
    assert bool(doubts) is doubted
    assert all("threads=1" in doubt for doubt in doubts)


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)


@pytest.mark.usefixtures("four_gpus")
def test_each_process_of_a_machine_takes_a_gpu_of_its_own() -> None:
    taken = [str(resolve_device("auto", number, 4)) for number in range(4)]
    assert taken == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert str(resolve_device("cuda", 1, 2)) == "cuda:1"
    assert str(resolve_device("cuda:2")) == "cuda:2"
    assert str(resolve_device("cpu", 1, 8)) == "cpu"
    with pytest.raises(BadInput, match="no device 'cuda:4'"):
        resolve_device("cuda:4")


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(
    ("name", "processes", "fitting"),
    [("auto", 5, "4 CUDA devices"), ("cuda", 8, "4 CUDA devices"), ("cuda:2", 2, "1 CUDA device")],
)
def test_every_process_refuses_where_there_are_too_few_gpus(
    name: str, processes: int, fitting: str
) -> None:
    for number in range(processes):
        with pytest.raises(
            BadInput, match=f"^{processes} processes on this machine, but {fitting} "
        ) as caught:
            resolve_device(name, number, processes)
        assert f"start {fitting[0]}, or " in caught.value.hint
