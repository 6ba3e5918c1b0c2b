"""What measures a run while it trains: quality's monitor, stopped as training is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganctl.data import ImageData
    from ganctl.evaluation.monitor import Monitor
    from ganctl.images import Pixels
    from ganctl.latents import Labels
    from ganctl.training.observer import Measure


def monitor(data: ImageData, stop: Callable[[], bool]) -> Measure:
    """Return what measures images against ``data``, until ``stop`` says so.

    What it needs is loaded at its first use.
    """
    from ganctl.training.observer import Stopped

    loaded: list[Monitor] = []

    def between() -> None:
        if stop():
            raise Stopped

    def measure(images: Pixels, labels: Labels | None) -> dict[str, float]:
        if not loaded:
            import torch

            from ganctl.evaluation.monitor import Monitor

            loaded.append(Monitor(data, len(images), torch.get_num_threads(), between))
        return loaded[0](images, labels)

    return measure
