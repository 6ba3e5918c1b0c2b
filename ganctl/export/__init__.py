"""From a trained generator to one proven ONNX file."""
