"""Measure generated images and write reports about them: needs onnxruntime, never torch."""
