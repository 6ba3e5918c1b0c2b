"""Everything that runs a shipped generator: onnxruntime and NumPy, never torch."""
