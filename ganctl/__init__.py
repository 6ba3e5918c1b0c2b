"""ganctl: train a GAN on digits, look at what it draws, ship the generator as one ONNX file."""

__version__ = "0.1.0"
