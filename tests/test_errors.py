from __future__ import annotations

import errno
from collections.abc import Callable

import numpy as np
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper

from ganctl.errors import is_memory_error

HUGE = 2**56


def numpy_array() -> None:
    np.ones(HUGE)


def python_bytes() -> None:
    bytes(2**62)


def torch_tensor() -> None:
    torch.empty(HUGE, dtype=torch.uint8)


def onnxruntime_tensor() -> None:
    node = helper.make_node("ConstantOfShape", ["n"], ["y"])
    inputs = [helper.make_tensor_value_info("n", TensorProto.INT64, [1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])]
    graph = helper.make_graph([node], "huge", inputs, outputs)
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options)
    session.run(None, {"n": np.array([HUGE])})


@pytest.mark.parametrize("allocate", [numpy_array, python_bytes, torch_tensor, onnxruntime_tensor])
def test_memory_that_runs_out_is_known_from_whoever_says_it(allocate: Callable[[], None]) -> None:
    with pytest.raises(Exception) as caught:
        allocate()
    assert is_memory_error(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("std::bad_alloc"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously …"),
        RuntimeError("CUDA failure 2: out of memory ; GPU=0 ; hostname=x"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB, max allowed: 9 GB)."),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=lambda error: f"{type(error).__name__}: {error}"[:60],
)
def test_so_is_what_cannot_be_provoked_here(error: Exception) -> None:
    assert is_memory_error(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        ValueError("memory"),
        OSError(errno.ENOSPC, "No space left on device"),
        KeyError("out of memory"),
    ],
    ids=str,
)
def test_other_errors_are_none(error: Exception) -> None:
    assert not is_memory_error(error)
