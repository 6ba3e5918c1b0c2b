"""Export a trained generator to one checked ONNX file."""
