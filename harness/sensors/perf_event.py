"""The system call perf_event_open, for events that count on a CPU and not in a program; nothing but the C library.

The layout of the attributes is the first published one (64 bytes, PERF_ATTR_SIZE_VER0 of linux/perf_event.h), which
every kernel takes.
"""

from __future__ import annotations

import os
import platform
import struct
from typing import NamedTuple

_NUMBERS = {"x86_64": 298, "i386": 336, "i686": 336}
"""Of the system call, by machine (arch/x86/entry/syscalls); no other machine has energy events."""
_ATTRIBUTES = struct.Struct("=IIQQQQQIIQ")
_READING = struct.Struct("=QQQ")
_TOTAL_TIME_ENABLED, _TOTAL_TIME_RUNNING = 1, 2
_CLOSE_ON_EXEC = 8


class Counted(NamedTuple):
    """What an event says of itself."""

    total: int
    enabled_ns: int
    """For how long it should have counted."""
    running_ns: int
    """For how long it did."""


class Event:
    """One open event."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> Counted:
        """Its count so far; raises OSError, also where the kernel has given the event up."""
        data = os.read(self._descriptor, _READING.size)
        if len(data) != _READING.size:
            raise OSError("the kernel does not count this event any more")
        return Counted(*_READING.unpack(data))

    def close(self) -> None:
        """Give it back."""
        os.close(self._descriptor)


def open_event(kind: int, config: int, cpu: int) -> Event:
    """Count the event ``config`` of the event source ``kind`` on ``cpu``, for all programs; raises OSError."""
    import ctypes

    number = _NUMBERS.get(platform.machine())
    if number is None:
        raise OSError(f"energy events are not known on a machine of the kind {platform.machine()}")
    attributes = _ATTRIBUTES.pack(
        kind, _ATTRIBUTES.size, config, 0, 0, _TOTAL_TIME_ENABLED | _TOTAL_TIME_RUNNING, 0, 0, 0, 0
    )
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    everyone = no_group = ctypes.c_long(-1)
    descriptor = call(
        ctypes.c_long(number), attributes, everyone, ctypes.c_long(cpu), no_group, ctypes.c_ulong(_CLOSE_ON_EXEC)
    )
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return Event(int(descriptor))
