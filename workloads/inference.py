"""Classify images for a fixed time with one model, runtime, precision and batch: latency, throughput, agreement.

::

    python inference.py --model resnet50 --runtime onnx-float16 --batch 8 --duration 30
    python inference.py --model mobilenet_v2 --runtime onnx-int8 --batch 1 --device cpu

Study 5 compares PyTorch and ONNX Runtime, each in float32 and float16, on GPUs, and int8 on the CPU.

Phases: setup, ceilings (what the device can do at most: arithmetic and memory), warm-up, then "inference", the window
to compare. It is a closed loop: the next batch starts when the device has finished the last one. The images lie where
the runtime computes; no copy from the host is in the loop. "agreement" follows it: the outputs of the same images
against PyTorch in float32 with the same weights.
Exit codes: 2 for wrong use, 3 for what this machine or this runtime cannot do (a reason stands on standard error).
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import gc
import importlib
import importlib.util
import os
import sys
import tempfile
import time
import warnings
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import data
import marks

RUNTIMES = ("torch-float32", "torch-float16", "torch-bfloat16", "onnx-float32", "onnx-float16", "onnx-int8")
NAMES = (
    *("mobilenet_v2", "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("vit_b_16", "vit_b_32", "swin_t", "swin_s", "convnext_tiny"),
)
REFUSED = 3  # the exit code for what this machine or runtime cannot do
OPSET = 17
BATCHES = 4
"""Different batches, used in turn by the loop."""
FEWEST = 10
"""Batches of the warm-up at least."""
CALIBRATION_BATCHES = 8
ITEM_B = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}

Run = Callable[[int], None]
"""Classifies batch number i and returns when the device has finished."""


def arguments() -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description="Classify images for a fixed time.")
    add = parser.add_argument
    add("--model", choices=NAMES, default="resnet50")
    add("--runtime", choices=RUNTIMES, default="torch-float32")
    add("--batch", type=data.at_least(1), default=1, help="images at a time")
    add("--duration", type=data.number, default=30.0, help="of the measured loop, seconds")
    add(
        "--warmup", type=data.number, default=3.0, help=f"of the loop before it, seconds, and at least {FEWEST} batches"
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--source", choices=("auto", "torchvision", "timm", "transformers"), default="auto", help="of the model")
    add("--weights", default="random", help="random, or a file with the model's state_dict")
    add("--threads", type=data.at_least(0), default=0, help="on the CPU; 0: the runtime's own choice")
    add("--ceilings", type=data.number, default=0.5, help="seconds for each of the two ceilings; 0: not measured")
    add(
        "--agreement-images", type=data.at_least(1), default=32,
        help="whose classes are compared with float32's after the loop, in whole batches: of 32, one is 3 %%",
    )  # fmt: skip
    add("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    settings = arguments()
    marks.begin("setup")

try:
    import classifiers
    import torch
except ImportError as missing:
    print(f"inference.py needs torch, and torchvision, timm or transformers: {missing}", file=sys.stderr)
    sys.exit(REFUSED)


def main(options: argparse.Namespace) -> None:
    """Build, warm up, loop, compare, and leave the results."""
    runtime, precision = options.runtime.split("-")
    if options.threads:
        torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    try:
        model, source = classifiers.build(
            options.model, source=options.source, seed=options.seed, weights=options.weights
        )
    except classifiers.ClassifierError as error:
        refuse(str(error))
    what = classifiers.CLASSIFIERS[options.model]
    compared = -(-options.agreement_images // options.batch)
    count = max(BATCHES, compared)
    batches = classifiers.images(options.model, count * options.batch, options.seed).split(options.batch)
    flop, elements = cost(model, batches[0])
    with tempfile.TemporaryDirectory(dir=".") as folder:
        if runtime == "torch":
            run, outputs = in_torch(model, batches, precision, device)
        else:
            run, outputs = in_onnx(model, batches, options, device, Path(folder))
        marks.end("setup")
        ceilings = measure_ceilings(device, precision, options.ceilings)
        with marks.phase("warm-up"):
            loop(run, options.warmup, fewest=FEWEST)
        gc.collect()
        gc.disable()  # a collection in the loop would be one batch's latency
        with marks.phase("inference"):
            latencies_ns, took_s = loop(run, options.duration)
        gc.enable()
        with marks.phase("agreement"):
            agreement = agree(model, batches[:compared], outputs, device)
    images = len(latencies_ns) * options.batch
    marks.result(images=images, batches=len(latencies_ns), images_per_s=images / took_s, **percentiles(latencies_ns))
    marks.result(**agreement, **ceilings)
    marks.result(flop_per_image=flop / options.batch, bytes_per_image=elements / options.batch * ITEM_B[precision])
    marks.result(
        family=what.family,
        parameters=what.parameters,
        source=source,
        weights=_told(options.weights),
        precision=precision,
    )
    marks.result(device=device_name(device), torch_version=torch.__version__, runtime_version=version_of(runtime))
    rate, middle = images / took_s, percentiles(latencies_ns)["latency_p50_ms"]
    print(
        f"{options.model} ({what.family}, {source}, {_told(options.weights)} weights), {options.runtime}, batch "
        f"{options.batch}, {device_name(device)}: {rate:,.1f} images/s, median {middle:.3g} ms, "
        f"top-1 agreement {agreement['agreement']:.3f}"
    )
    if agreement["finite"] < 1:
        refuse(f"{options.runtime} of {options.model} gives values that are not finite ({agreement['finite']:.0%} are)")


def loop(run: Run, seconds: float, fewest: int = 1) -> tuple[array[int], float]:
    """Batch after batch until the time is over; the latency of each (ns), and how long it took (s)."""
    latencies: array[int] = array("q")
    clock = time.perf_counter_ns
    began = now = clock()
    end = began + int(seconds * 1e9)
    number = 0
    while now < end or number < fewest:
        run(number % BATCHES)
        before, now = now, clock()
        latencies.append(now - before)
        number += 1
    return latencies, (now - began) / 1e9


def percentiles(latencies_ns: array[int]) -> dict[str, float]:
    """Of the batches: nearest rank, milliseconds."""
    ordered = sorted(latencies_ns)

    def at(share: float) -> float:
        return ordered[max(0, -(-len(ordered) * round(share * 100) // 10_000) - 1)] / 1e6

    named = {f"latency_p{share:g}_ms": at(share) for share in (50, 90, 95, 99)}
    return {**named, "latency_mean_ms": sum(ordered) / len(ordered) / 1e6, "latency_max_ms": ordered[-1] / 1e6}


# --- runtimes --------------------------------------------------------------------------------------------------------


def in_torch(model: Any, batches: Any, precision: str, device: Any) -> tuple[Run, Callable[[int], Any]]:
    """PyTorch, eager: how to run a batch, and its outputs."""
    dtype = getattr(torch, precision)
    mine = copy.deepcopy(model).to(device=device, dtype=dtype)
    there = [batch.to(device=device, dtype=dtype) for batch in batches]

    def outputs(number: int) -> Any:
        with torch.inference_mode():
            return mine(there[number])

    def run(number: int) -> None:
        outputs(number)
        synchronise(device)

    try:
        run(0)
    except (RuntimeError, TypeError) as error:
        refuse_unless_memory(error, f"PyTorch cannot compute this model in {precision} on {device_name(device)}")
    return run, outputs


def in_onnx(
    model: Any, batches: Any, options: argparse.Namespace, device: Any, folder: Path
) -> tuple[Run, Callable[[int], Any]]:
    """ONNX Runtime, bound to memory on the device: how to run a batch, and its outputs."""
    precision = options.runtime.split("-")[1]
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        refuse(f"{' and '.join(missing)} not installed: pip install {' '.join(missing)}")
    ort = importlib.import_module("onnxruntime")
    provider = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    if provider not in ort.get_available_providers():
        others = ", ".join(ort.get_available_providers())
        refuse(f"ONNX Runtime here has no {provider} ({others}): pip install onnxruntime-gpu, or --device cpu")
    if precision == "int8" and device.type == "cuda":
        refuse("int8 is for the CPU: ONNX Runtime's CUDA provider computes most int8 operators on the host")
    path = export(model, batches, precision, folder)
    wanted = ort.SessionOptions()
    wanted.log_severity_level = 3
    if options.threads:
        wanted.intra_op_num_threads = options.threads
    try:
        session = ort.InferenceSession(str(path), wanted, providers=[provider])
    except Exception as error:  # noqa: BLE001  its own errors are of no common kind; a type check that fails is data
        refuse_unless_memory(error, f"ONNX Runtime refuses this model in {precision}")
    if session.get_providers()[0] != provider:
        refuse(f"ONNX Runtime fell back from {provider} to {session.get_providers()[0]}: see its message above")
    dtype = torch.float16 if precision == "float16" else torch.float32
    there = [batch.to(device=device, dtype=dtype).contiguous() for batch in batches]
    bound = [(_bound(session, batch, device), batch) for batch in there]  # a binding does not keep its memory alive
    synchronise(device)

    def run(number: int) -> None:
        session.run_with_iobinding(bound[number][0])
        bound[number][0].synchronize_outputs()

    def outputs(number: int) -> Any:
        run(number)
        return torch.from_numpy(bound[number][0].copy_outputs_to_cpu()[0])

    try:
        run(0)
    except Exception as error:  # noqa: BLE001  likewise
        refuse_unless_memory(error, f"ONNX Runtime cannot compute this model in {precision}")
    return run, outputs


def _bound(session: Any, batch: Any, device: Any) -> Any:
    binding = session.io_binding()
    element = importlib.import_module("numpy").dtype(str(batch.dtype).removeprefix("torch."))
    number = device.index or 0
    binding.bind_input("images", device.type, number, element, tuple(batch.shape), batch.data_ptr())
    binding.bind_output("logits", device.type, number)
    return binding


def export(model: Any, batches: Any, precision: str, folder: Path) -> Path:
    """The model as an ONNX file of that precision; refuses where that fails."""
    path = folder / "model.onnx"
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                model, (batches[0],), str(path), input_names=["images"], output_names=["logits"],
                opset_version=OPSET, dynamo=False,
            )  # fmt: skip
            if precision == "float16":
                return _halved(path, folder)
            return _quantised(path, folder, batches) if precision == "int8" else path
        except Exception as error:  # noqa: BLE001  exporters raise errors of every kind, and a failure is data
            refuse_unless_memory(error, f"the export to ONNX in {precision} failed")


def _halved(path: Path, folder: Path) -> Path:
    onnx = importlib.import_module("onnx")
    convert = importlib.import_module("onnxruntime.transformers.float16").convert_float_to_float16
    onnx.save(convert(onnx.load(str(path))), str(folder / "half.onnx"))
    return folder / "half.onnx"


def _quantised(path: Path, folder: Path, batches: Any) -> Path:
    """Static, per channel, calibrated on the images themselves: QDQ with uint8 activations and int8 weights."""
    tools = importlib.import_module("onnxruntime.quantization")
    prepare = importlib.import_module("onnxruntime.quantization.shape_inference").quant_pre_process

    class Reader(tools.CalibrationDataReader):  # type: ignore[name-defined]
        left = iter([{"images": batch.numpy()} for batch in batches][:CALIBRATION_BATCHES])

        def get_next(self) -> Any:
            return next(self.left, None)

    prepare(str(path), str(folder / "prepared.onnx"), skip_symbolic_shape=True)
    tools.quantize_static(
        str(folder / "prepared.onnx"), str(folder / "int8.onnx"), Reader(), quant_format=tools.QuantFormat.QDQ,
        per_channel=True, activation_type=tools.QuantType.QUInt8, weight_type=tools.QuantType.QInt8,
    )  # fmt: skip
    return folder / "int8.onnx"


# --- what comes out --------------------------------------------------------------------------------------------------


def agree(model: Any, batches: Any, outputs: Callable[[int], Any], device: Any) -> dict[str, float]:
    """Against PyTorch in float32: share of equal classes, error relative to the reference (L2), share of finite values.

    ``batches``: those to compare, the first of the loop's.
    """
    reference_model = model.to(device)
    with torch.inference_mode():
        reference = torch.cat([reference_model(batch.to(device)).float().cpu() for batch in batches])
    told = torch.cat([outputs(number).float().cpu() for number in range(len(batches))])
    finite = torch.isfinite(told)
    error = ((told - reference)[finite].norm() / reference.norm()).item() if bool(finite.any()) else float("nan")
    return {
        "agreement": (told.argmax(1) == reference.argmax(1)).float().mean().item(),
        "output_error": error,
        "finite": finite.float().mean().item(),
        "images_compared": len(told),
    }


def cost(model: Any, batch: Any) -> tuple[float, float]:
    """FLOP of one batch (2 per multiply-add) and the elements that its operators read and write, unfused.

    Elements: each operator's tensors once in and once out, weights included; views cost nothing. Counted on the meta
    device, where nothing is computed.
    """
    counter_of = importlib.import_module("torch.utils.flop_counter").FlopCounterMode
    tracer = importlib.import_module("torch.utils._python_dispatch").TorchDispatchMode
    tree = importlib.import_module("torch.utils._pytree")
    elements = 0

    class Traffic(tracer):  # type: ignore[valid-type,misc]
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal elements
            out = function(*args, **(kwargs or {}))
            if not function.is_view and "empty" not in function.name():
                moved = tree.tree_leaves((args, kwargs, out))
                elements += sum(item.numel() for item in moved if isinstance(item, torch.Tensor))
            return out

    ghost = copy.deepcopy(model).to("meta")
    with torch.no_grad(), counter_of(display=False) as flops, Traffic():
        ghost(torch.empty_like(batch, device="meta"))
    return float(flops.get_total_flops()), float(elements)


def measure_ceilings(device: Any, precision: str, seconds: float) -> dict[str, float | None]:
    """FLOP/s of one large matrix product and bytes/s of one large copy, each the best of what fits the time.

    None for int8, for which PyTorch has no common product.
    """
    if seconds <= 0:
        return {}
    with marks.phase("ceilings"):
        dtype = torch.float32 if precision == "int8" else getattr(torch, precision)
        on_gpu = device.type == "cuda"
        wide, long = (8192, 1 << 28) if on_gpu else (1024, 1 << 25)
        left = torch.randn(wide, wide, device=device, dtype=dtype)
        origin = torch.zeros(long, device=device)
        target = torch.empty_like(origin)
        product_s = None if precision == "int8" else _fastest(lambda: left @ left, device, seconds)
        copy_s = _fastest(lambda: target.copy_(origin), device, seconds)
    return {
        "ceiling_FLOP_per_s": None if product_s is None else 2 * wide**3 / product_s,
        "ceiling_B_per_s": 2 * origin.numel() * origin.element_size() / copy_s,
    }


def _fastest(work: Callable[[], Any], device: Any, seconds: float) -> float:
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        started = time.perf_counter()
        work()
        synchronise(device)
        best = min(best, time.perf_counter() - started)
    return best


# --- device ----------------------------------------------------------------------------------------------------------


def choose_device(asked: str) -> Any:
    """The device asked for; refuses where it is absent."""
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        refuse("PyTorch sees no CUDA device here; use --device cpu, or a PyTorch built for CUDA")
    return torch.device("cuda", 0) if there and asked != "cpu" else torch.device("cpu")


def synchronise(device: Any) -> None:
    """Wait until the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def device_name(device: Any) -> str:
    """What the device calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def version_of(runtime: str) -> str:
    """Of the runtime that classified."""
    return str(torch.__version__ if runtime == "torch" else importlib.import_module("onnxruntime").__version__)


def _told(weights: str) -> str:
    return weights if weights == "random" else os.path.basename(weights)  # noqa: PTH119  a name, not a path


def refuse_unless_memory(error: BaseException, what: str) -> NoReturn:
    """Out of memory goes on as itself, so that the run is told as that; everything else is a refusal."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        raise error
    reason = " ".join((str(error).strip() or type(error).__name__).split())
    refuse(f"{what}: {type(error).__name__}: {reason[:400]}")


def refuse(message: str) -> NoReturn:
    """End with the reason on standard error."""
    print(message, file=sys.stderr)
    sys.exit(REFUSED)


if __name__ == "__main__":
    main(settings)
