"""The one device that a Keras script computes on: what it can do, how to wait for it, how much memory it took.

Copy this file beside your own script, with data.py; it needs nothing else of nightwatt. It imports no framework
before ``Device`` is made, so that a wrong option is told first.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

import data

BACKENDS = ("tensorflow", "jax", "torch")  # the packages are called so, too
PRECISIONS = ("float32", "tf32", "mixed_float16", "mixed_bfloat16")
CPU_FACTS = Path("/proc/cpuinfo")
CPU_FEATURES = {"mixed_float16": {"avx512_fp16", "amx_fp16", "asimdhp"}}
CPU_FEATURES |= {"mixed_bfloat16": {"avx512_bf16", "amx_bf16", "bf16"}}
REFUSED = 3  # the exit code for what this machine cannot do


def prepare_environment(device: str) -> None:
    """What has to be said before the framework is imported; ends the script where the framework is missing."""
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if device == "cpu":
        os.environ.update(CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu")
    if backend not in BACKENDS:
        data.leave(f"KERAS_BACKEND is {backend!r}, not one of {', '.join(BACKENDS)}", 2)
    for package in ("keras", backend):
        if importlib.util.find_spec(package) is None:
            data.leave(f"KERAS_BACKEND={backend} needs the package {package}: pip install {package}", REFUSED)


class Device:
    """The one device that the backend computes on: its name, ``capability`` (None: no GPU), how to wait for it."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.framework: Any = importlib.import_module(backend)
        self.name = f"CPU {platform.machine()}"
        self.capability: tuple[int, ...] | None = None
        if backend == "tensorflow":
            for gpu in self.framework.config.list_physical_devices("GPU")[:1]:
                details = self.framework.config.experimental.get_device_details(gpu)
                self.name = details.get("device_name", "GPU")
                self.capability = details.get("compute_capability", (0, 0))
        elif backend == "jax" and self.framework.default_backend() != "cpu":
            gpu = self.framework.devices()[0]
            found = str(getattr(gpu, "compute_capability", "0.0")).split(".")
            self.name, self.capability = gpu.device_kind, tuple(map(int, found))
        elif backend == "torch" and self.framework.cuda.is_available():
            self.name = self.framework.cuda.get_device_name()
            self.capability = self.framework.cuda.get_device_capability()

    def set_precision(self, precision: str) -> None:
        """Let float32 be float32 on a GPU too, unless tf32 is asked for."""
        tf32 = precision == "tf32"
        if self.backend == "tensorflow":
            self.framework.config.experimental.enable_tensor_float_32_execution(tf32)
        elif self.backend == "jax":
            self.framework.config.update("jax_default_matmul_precision", "default" if tf32 else "highest")
        else:
            self.framework.set_float32_matmul_precision("high" if tf32 else "highest")
            self.framework.backends.cudnn.allow_tf32 = tf32

    def synchronise(self, model: Any) -> None:
        """Wait until the device has done all that was asked of it."""
        if self.backend == "jax":
            variables = [*model.variables, *model.optimizer.variables]
            self.framework.block_until_ready([variable.value for variable in variables])
        elif self.backend == "torch" and self.capability is not None:
            self.framework.cuda.synchronize()
        elif self.capability is not None:
            self.framework.test.experimental.sync_devices()

    def max_memory_B(self) -> int:
        """The most memory held at once: on a GPU by tensors, on the CPU by this process."""
        if self.capability is None:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        if self.backend == "tensorflow":
            return int(self.framework.config.experimental.get_memory_info("GPU:0")["peak"])
        if self.backend == "jax":
            return int((self.framework.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0))
        return int(self.framework.cuda.max_memory_allocated())


def refuse_what_is_lacking(options: argparse.Namespace, device: Device) -> None:
    """End the script where the device is absent or would have to emulate the precision."""
    precision, capability, lacks = options.precision, device.capability, ""
    if options.device == "cuda" and capability is None:
        lacks = f"{device.backend} sees no CUDA device here; use --device cpu, or a build for CUDA"
    elif precision in ("tf32", "mixed_bfloat16") and capability is not None and capability < (8, 0):
        lacks = f"{device.name} lacks {precision} (from compute capability 8.0 on): use mixed_float16"
    elif precision == "tf32" and capability is None:
        lacks = "tf32 is a mode of NVIDIA tensor cores; on a CPU use float32 or mixed_bfloat16"
    elif capability is None and not options.emulate and cpu_lacks(precision):
        remedy = "use another precision, or --emulate to do it all the same"
        lacks = f"this CPU has no arithmetic for {precision}, it would be emulated many times slower; {remedy}"
    if lacks:
        data.leave(lacks, REFUSED)


def cpu_lacks(precision: str) -> bool:
    """Whether the CPU's own list of features is there and lacks arithmetic in ``precision``."""
    native = CPU_FEATURES.get(precision)
    return native is not None and CPU_FACTS.exists() and not native & set(CPU_FACTS.read_text("latin-1").split())
