"""Heat the CPU or the GPU for a while: a warm-up, or a load of known shape.

::

    python burn.py --device cpu --duration 60     # every core; numpy where it is there, else plain Python
    python burn.py --device gpu --duration 300    # every visible card; PyTorch, CuPy or JAX, whichever is there
    python burn.py --device none --duration 10    # nothing: the idle beside it

Exit codes: 2 for wrong use, 3 where no card or no library for it is found.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import marks

GPU_SIDE = 8192  # of the square matrices, float16, 128 MiB each; random, since equal numbers draw less power
GPU_ROUND = 4  # products between two looks at the clock: under a second on a slow card
CPU_SIDE = 512
REFUSED = 3  # the exit code for what this machine cannot do

Round = Callable[[], int]
"""Does a stretch of work, waits for its end, and says how many products it was."""


def main() -> None:
    """Burn on the device asked for until the time is over."""
    parser = argparse.ArgumentParser(description="Heat the CPU or the GPU for a while.")
    parser.add_argument("--device", choices=("cpu", "gpu", "none"), default="cpu")
    parser.add_argument("--duration", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0, help="accepted, and of no effect")
    parser.add_argument("--one-core", nargs=2, help=argparse.SUPPRESS)  # how it calls itself: until when, whose child
    options = parser.parse_args()
    if not 0 <= options.duration < math.inf:
        parser.error("--duration must be a number of seconds, zero or more")
    if options.one_core:
        until_s, parent = options.one_core
        print(burn(cpu_round(), float(until_s), int(parent)))
        return
    if options.device == "none":
        with marks.phase("idle"):
            time.sleep(options.duration)
        print(f"burnt nothing for {options.duration:g} s")
        return
    with marks.phase("setup"):
        work, where = gpu_round() if options.device == "gpu" else (None, f"{cores()} cores")
    with marks.phase("burn") as metrics:
        until_s = time.monotonic() + options.duration
        products = burn(work, until_s) if work else burn_every_core(until_s)
        metrics["products"] = products
    marks.result(products=products, device=where)
    print(f"burnt {where} for {options.duration:g} s: {products} products")


def burn(work: Round, until_s: float, parent: int | None = None) -> int:
    """Repeat ``work``, once at least, until the monotonic clock says ``until_s``; how many products that was.

    It ends with its ``parent``, too, where one is named: no core goes on burning when the script itself was killed.
    """
    products = work()
    while time.monotonic() < until_s and parent in (None, os.getppid()):
        products += work()
    return products


# --- CPU -------------------------------------------------------------------------------------------------------------


def burn_every_core(until_s: float) -> int:
    """One process of one thread on every core that we may use."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {name: value for name, value in os.environ.items() if name != marks.VARIABLE} | one_thread
    command = [sys.executable, __file__, "--one-core", repr(until_s), str(os.getpid())]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(cores())]
    try:
        outputs = [process.communicate()[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    if any(process.returncode for process in processes):
        raise SystemExit("burn.py: a core's process failed; its message is above")
    return sum(int(output) for output in outputs)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_round() -> Round:
    """Matrix products by numpy, or multiplications by the interpreter."""
    try:
        import numpy as np
    except ImportError:
        return lambda: sum(1 for i in range(1, 100_000) if i * i % i == 0)
    matrix = np.random.default_rng(0).standard_normal((CPU_SIDE, CPU_SIDE), np.float32)
    product = np.empty_like(matrix)

    def work() -> int:
        np.matmul(matrix, matrix, out=product)
        return 1

    return work


# --- GPU -------------------------------------------------------------------------------------------------------------


def gpu_round() -> tuple[Round, str]:
    """Half-precision products on every visible card, by the first library that is there and sees one."""
    tried = []
    for package, start in (("torch", by_torch), ("cupy", by_cupy), ("jax", by_jax)):
        try:
            library = importlib.import_module(package)
        except ImportError:
            tried.append(f"{package} is not installed")
            continue
        cards, work = start(library)
        if cards:
            return work, f"{cards} GPU{'s' if cards > 1 else ''} by {package}"
        tried.append(f"{package} sees no GPU")
    raise refusal(f"no GPU can be heated here: {', '.join(tried)}")


def by_torch(torch: Any) -> tuple[int, Round]:
    """By PyTorch: queue a round on every card, then wait for all of them."""
    cards = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
    matrices = [torch.randn(GPU_SIDE, GPU_SIDE, dtype=torch.float16, device=card) for card in cards]
    products = [torch.empty_like(matrix) for matrix in matrices]

    def work() -> int:
        for matrix, product in zip(matrices, products, strict=True):
            for _ in range(GPU_ROUND):
                torch.mm(matrix, matrix, out=product)
        for card in cards:
            torch.cuda.synchronize(card)
        return GPU_ROUND * len(cards)

    return len(cards), work


def by_cupy(cupy: Any) -> tuple[int, Round]:
    """By CuPy: the same."""
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        count = 0
    matrices = []
    for number in range(count):
        with cupy.cuda.Device(number):
            matrices.append(cupy.random.standard_normal((GPU_SIDE, GPU_SIDE), "float32").astype("float16"))
    products = [None] * count

    def work() -> int:
        for number, matrix in enumerate(matrices):
            with cupy.cuda.Device(number):
                for _ in range(GPU_ROUND):
                    products[number] = cupy.matmul(matrix, matrix, out=products[number])
        for number in range(count):
            cupy.cuda.Device(number).synchronize()
        return GPU_ROUND * count

    return count, work


def by_jax(jax: Any) -> tuple[int, Round]:
    """By JAX: the same."""
    cards = [device for device in jax.devices() if device.platform in ("gpu", "cuda", "rocm")]
    key = jax.random.key(0) if cards else None
    matrices = [jax.device_put(jax.random.normal(key, (GPU_SIDE, GPU_SIDE), "float16"), card) for card in cards]

    def work() -> int:
        jax.block_until_ready([matrix @ matrix for matrix in matrices for _ in range(GPU_ROUND)])
        return GPU_ROUND * len(cards)

    return len(cards), work


def refusal(message: str) -> SystemExit:
    """The end of the script, to be raised: this machine cannot do it."""
    print(f"burn.py: {message}", file=sys.stderr)
    return SystemExit(REFUSED)


if __name__ == "__main__":
    main()
