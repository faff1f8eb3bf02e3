"""Wait: what the machine draws while a process merely exists. Standard library only.

::

    python idle.py --duration 60
    python idle.py --duration 60 --context      # with an open CUDA context on every card

Exit codes: 2 for wrong use, 3 where a context is asked for and there is no NVIDIA driver or card.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import sys
import time

import marks

REFUSED = 3  # the exit code for what this machine cannot do


def main() -> None:
    """Open the contexts asked for, then wait."""
    parser = argparse.ArgumentParser(description="Wait, and do nothing.")
    parser.add_argument("--duration", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--context", action="store_true", help="hold a CUDA context on every card meanwhile")
    parser.add_argument("--seed", type=int, default=0, help="accepted, and of no effect")
    options = parser.parse_args()
    if not 0 <= options.duration < math.inf:
        parser.error("--duration must be a number of seconds, zero or more")
    contexts = 0
    if options.context:
        with marks.phase("setup"):
            contexts = open_contexts()
    with marks.phase("idle"):
        time.sleep(options.duration)
    marks.result(contexts=contexts)
    print(f"idle for {options.duration:g} s with {contexts} CUDA contexts")


def open_contexts() -> int:
    """Open each card's primary context through the driver itself; they close with the process. How many there are."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise refusal(f"there is no NVIDIA driver here ({error}); leave out --context") from None
    count = ctypes.c_int()
    check(cuda, cuda.cuInit(0), "start the driver")
    check(cuda, cuda.cuDeviceGetCount(ctypes.byref(count)), "count the cards")
    if not count.value:
        raise refusal("the NVIDIA driver sees no card (is CUDA_VISIBLE_DEVICES empty?); leave out --context")
    for number in range(count.value):
        card, context = ctypes.c_int(), ctypes.c_void_p()
        check(cuda, cuda.cuDeviceGet(ctypes.byref(card), number), f"find card {number}")
        check(cuda, cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), card), f"open a context on card {number}")
    return count.value


def check(cuda: ctypes.CDLL, status: int, what: str) -> None:
    """End the script with the driver's own words where a call failed."""
    if status:
        words = ctypes.c_char_p()
        cuda.cuGetErrorString(status, ctypes.byref(words))
        raise refusal(f"the NVIDIA driver could not {what}: {(words.value or b'?').decode()} ({status})")


def refusal(message: str) -> SystemExit:
    """The end of the script, to be raised: this machine cannot do it."""
    print(f"idle.py: {message}", file=sys.stderr)
    return SystemExit(REFUSED)


if __name__ == "__main__":
    main()
