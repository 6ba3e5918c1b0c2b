from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from ganctl.errors import BadInput, WrongValue
from ganctl.training import device as device_module
from ganctl.training.device import resolve_device, resolve_precision, use_threads

CPU = torch.device("cpu")


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A quiet machine of two cores; torch's own number of threads comes back afterwards."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(device_module, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1))
    yield monkeypatch
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("threads", "processes", "used"), [(2, 1, 2), (1, 2, 1), (0, 2, 1), (0, 4, 1)]
)
def test_the_cores_are_shared_by_the_processes(
    threads: int, processes: int, used: int, two_cores: pytest.MonkeyPatch
) -> None:
    use_threads(threads, processes, CPU)
    assert torch.get_num_threads() == used


def test_by_default_torchs_own_number_stays(two_cores: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(2)
    assert use_threads(0, 1, CPU) == ""
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("threads", "processes"), [(3, 1), (2, 2)])
def test_no_more_threads_than_cores(
    threads: int, processes: int, two_cores: pytest.MonkeyPatch
) -> None:
    warning = use_threads(threads, processes, CPU)
    assert warning == f"{threads * processes} threads are more than 2 cores: using 2"
    assert torch.get_num_threads() * processes == 2


@pytest.mark.parametrize(
    ("cores", "threads", "load", "device", "warned"),
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
def test_a_busy_machine_is_a_warning(
    cores: int,
    threads: int,
    load: float,
    device: str,
    warned: bool,
    two_cores: pytest.MonkeyPatch,
) -> None:
    """One thread waits for no other, a GPU for few, and one core of sixteen is little."""
    two_cores.setattr(os, "getloadavg", lambda: (load, 0, 0))
    two_cores.setattr(device_module, "cpu_count", lambda: cores)
    assert ("--threads 1" in use_threads(threads, 1, torch.device(device))) is warned


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)


@pytest.mark.usefixtures("four_gpus")
def test_each_process_of_a_machine_takes_its_own_gpu() -> None:
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
    [("auto", 5, 4), ("cuda", 8, 4), ("cuda:2", 2, 1)],
)
def test_every_process_refuses_if_there_are_too_few_gpus(
    name: str, processes: int, fitting: int
) -> None:
    for number in range(processes):
        with pytest.raises(
            BadInput, match=f"^{processes} processes on this machine need {processes} CUDA devices"
        ) as caught:
            resolve_device(name, number, processes)
        assert f"there {'is' if fitting == 1 else 'are'} {fitting}" in caught.value.message
        assert f"start {fitting}, or " in caught.value.hint


def test_a_device_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == CPU
    for name in ("cuda", "cuda:1", "mps"):
        with pytest.raises(BadInput, match=f"no device '{name}'"):
            resolve_device(name)
    with pytest.raises(WrongValue, match="there is no device 'gpu'"):
        resolve_device("gpu")


@pytest.mark.parametrize(("speedup", "chosen"), [(0.5, "fp32"), (1.9, "fp32"), (3.0, "bf16")])
def test_auto_precision_is_bf16_if_it_is_clearly_faster(
    speedup: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {torch.float32: speedup, torch.bfloat16: 1.0}
    monkeypatch.setattr(device_module, "_product_seconds", lambda dtype, _: seconds[dtype])
    assert resolve_precision("auto", CPU) == chosen
    assert resolve_precision("fp16", CPU) == "fp16"


def test_auto_precision_is_measured_on_this_machine() -> None:
    assert resolve_precision("auto", CPU) in ("fp32", "bf16")
