"""What a generator draws, in figures and in pictures: needs onnxruntime, never torch."""
