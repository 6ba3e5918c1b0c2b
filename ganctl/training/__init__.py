"""Everything that needs torch: networks, the step, the loop, checkpoints and the ONNX export."""
