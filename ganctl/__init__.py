"""ganctl: train a GAN on digits, look at what it draws, ship the generator as one ONNX file.

::

    generator = ganctl.load("gen.onnx")         # or a run, or a .safetensors file
    images = generator.sample(16, seed=7)       # (16, 1, 28, 28) uint8; a notebook shows them
    ganctl.grid(images).save("grid.png")
    run = ganctl.train(data="digits", epochs=5, on_progress=print)

Importing it imports nothing else: each name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "GanctlError",
    "Generator",
    "Images",
    "Progress",
    "TrainConfig",
    "TrainedRun",
    "grid",
    "load",
    "train",
]

if TYPE_CHECKING:
    from ganctl.api.generator import Generator, load
    from ganctl.api.train import TrainedRun, train
    from ganctl.config import TrainConfig
    from ganctl.errors import GanctlError
    from ganctl.images import Images, grid
    from ganctl.training.progress import Progress
else:  # hidden from type checkers, to whom a module with __getattr__ has every name
    _PLACES = {
        "GanctlError": "ganctl.errors",
        "Generator": "ganctl.api.generator",
        "Images": "ganctl.images",
        "Progress": "ganctl.training.progress",
        "TrainConfig": "ganctl.config",
        "TrainedRun": "ganctl.api.train",
        "grid": "ganctl.images",
        "load": "ganctl.api.generator",
        "train": "ganctl.api.train",
    }

    def __getattr__(name):
        if name not in _PLACES:
            raise AttributeError(f"module 'ganctl' has no attribute '{name}'")
        value = globals()[name] = getattr(import_module(_PLACES[name]), name)
        return value

    def __dir__():
        return [*__all__, "__version__"]
