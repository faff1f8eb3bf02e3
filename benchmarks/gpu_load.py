"""Loads of known timing on an NVIDIA GPU, by PyTorch: steady, on and off, and bursts of a fixed amount of work."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

SIZE = 4096
"""Of the square bfloat16 matrices: one product takes some 0.2 ms of an H200, so that on and off are timed to that."""
CALIBRATION_S = 1.0


@dataclass(frozen=True)
class Pattern:
    """``on_s`` of work and ``off_s`` of none, again and again; ``off_s`` 0 is steady, ``on_s`` 0 idle."""

    name: str
    on_s: float
    off_s: float
    locked: bool = False
    """On a fixed grid, so that it keeps its phase against the sensor's updates; else each part begins when the one
    before it has ended, as in a program, and the phase wanders."""


class Gpu:
    """One card to be loaded."""

    def __init__(self, index: int = 0) -> None:
        """Warm it up; ends the program where there is no torch or no card."""
        try:
            import torch
        except ImportError:
            sys.exit("this benchmark loads the GPU with PyTorch, which is not installed: pip install torch")
        if not torch.cuda.is_available():
            sys.exit("this benchmark needs an NVIDIA GPU that PyTorch can use")
        self._torch: Any = torch
        self._device = torch.device("cuda", index)
        matrix = torch.randn(SIZE, SIZE, device=self._device, dtype=torch.bfloat16) / SIZE**0.5
        self._left, self._right, self._out = matrix, matrix.clone(), torch.empty_like(matrix)
        self.keep_busy(time.perf_counter() + 0.2)

    @property
    def name(self) -> str:
        """What the driver calls it."""
        return str(self._torch.cuda.get_device_name(self._device))

    def synchronise(self) -> None:
        """Wait until the card has done everything."""
        self._torch.cuda.synchronize(self._device)

    def work(self, products: int) -> None:
        """A fixed number of matrix products, begun and done when this returns."""
        for _ in range(products):
            self._torch.matmul(self._left, self._right, out=self._out)
        self.synchronise()

    def keep_busy(self, until_s: float) -> None:
        """Work until a moment of ``time.perf_counter``, to within one product."""
        while time.perf_counter() < until_s:
            self.work(1)

    def products_in(self, seconds: float) -> int:
        """How many products the card does in so long when it is warm."""
        done, begin_s = 0, time.perf_counter()
        while (passed_s := time.perf_counter() - begin_s) < CALIBRATION_S:
            self.work(64)
            done += 64
        return max(1, round(done * seconds / passed_s))

    def follow(self, pattern: Pattern, seconds: float) -> None:
        """Follow a pattern for so long."""
        begin_s = on_s = time.perf_counter()
        end_s = begin_s + seconds
        while on_s < end_s:
            if not pattern.off_s:
                self.keep_busy(end_s)
            elif pattern.on_s:
                self.keep_busy(min(on_s + pattern.on_s, end_s))
            since_s = on_s + pattern.on_s if pattern.locked else time.perf_counter()
            wait_until(min(since_s + pattern.off_s, end_s))
            on_s = since_s + pattern.off_s if pattern.locked else time.perf_counter()


def wait_until(moment_s: float) -> None:
    """Wait for a moment of ``time.perf_counter``: asleep until shortly before it, then awake."""
    while (left_s := moment_s - time.perf_counter()) > 0:
        time.sleep(left_s - 0.002 if left_s > 0.004 else 0)
