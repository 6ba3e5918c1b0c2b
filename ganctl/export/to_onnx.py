"""A network as one ONNX model, by torch's exporter, with nothing of this machine in it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from ganctl import __version__


def to_onnx(
    network: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], opset: int
) -> onnx.ModelProto:
    """Return ``network``, in eval mode, as a model without external data and of any batch size.

    Args:
        network: called with the inputs in their order.
        inputs: an example of each, its first dimension being the batch, by its name.
        outputs: the names of what it returns.
        opset: of the operators, 18 to 23: what torch's exporter writes without conversion.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own deprecations
        program = torch.onnx.export(
            network,
            tuple(inputs.values()),
            dynamo=True,
            verbose=False,
            external_data=False,
            opset_version=opset,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("batch")},) * len(inputs),
        )
    assert program is not None  # only with dynamo=False
    model = program.model_proto
    model.producer_name, model.producer_version = "ganctl", __version__
    graph = model.graph
    _strip((model, graph, *graph.input, *graph.output, *graph.value_info))
    _strip((*graph.node, *graph.initializer))
    return model


def _strip(parts: Iterable[Any]) -> None:
    """Clear the exporter's notes, among them stack traces with this machine's paths."""
    for part in parts:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
