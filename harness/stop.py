"""How urgently everything is to end: asked for by signal handlers, waited on by every loop that sleeps.

::

    SIGINT or SIGTERM --> stop.request() --> level 1: nothing new; the workload ends with grace, instruments after it
    once more         --> stop.request() --> level 2: no grace; the record is still written
"""

from __future__ import annotations

import contextlib
import os


class Stop:
    """A wish to stop, with a file descriptor that becomes readable when the wish grows.

    A loop looks at ``level`` before it sleeps, sleeps on ``fileno()`` among its other descriptors, and calls
    ``acknowledge()`` when that woke it; the level stays, so no later loop misses it.
    """

    HIGHEST = 2

    def __init__(self) -> None:
        self._level = 0
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    @property
    def level(self) -> int:
        """0: go on; 1: end in order; 2: end at once."""
        return self._level

    def request(self) -> None:
        """Raise the level by one, up to 2, and wake whoever sleeps; safe in a signal handler."""
        self._level = min(self._level + 1, self.HIGHEST)
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes just as well
            os.write(self._writer, b"!")

    def fileno(self) -> int:
        """The descriptor to sleep on; readable since a request until ``acknowledge``."""
        return self._reader

    def acknowledge(self) -> None:
        """Make the descriptor quiet again; the level stays."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 64):
                pass

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._reader)
        os.close(self._writer)
