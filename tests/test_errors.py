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


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: np.ones(HUGE),
        lambda: bytes(2**62),
        lambda: torch.empty(HUGE, dtype=torch.uint8),
        onnxruntime_tensor,
    ],
    ids=["numpy", "python", "torch", "onnxruntime"],
)
def test_memory_errors_of_all_libraries_are_known(allocate: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:
        allocate()
    assert is_memory_error(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (ValueError("memory"), False),
        (KeyError("out of memory"), False),
    ],
    ids=str,
)
def test_a_memory_error_is_known_by_its_type(error: Exception, expected: bool) -> None:
    assert is_memory_error(error) is expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("std::bad_alloc", True),
        ("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("CUDA error: out of memory\nCUDA kernel errors might be asynchronously …", True),
        ("CUDA failure 2: out of memory ; GPU=0 ; hostname=x", True),
        ("MPS backend out of memory (MPS allocated: 8 GB, max allowed: 9 GB).", True),
        ("CUDA error: device-side assert triggered", False),
    ],
)
def test_a_memory_error_is_known_by_its_message(message: str, expected: bool) -> None:
    assert is_memory_error(RuntimeError(message)) is expected
