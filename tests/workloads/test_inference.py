"""The inference workload as a real process: its window, its figures, and what it says where something is not there."""

from __future__ import annotations

from argparse import Namespace
from array import array
from math import prod
from types import SimpleNamespace

import pytest
import torch

SHORT = ("--duration", "0.3", "--warmup", "0", "--device", "cpu", "--batch", "2", "--threads", "1")


def test_the_window_is_the_loop_and_the_results_follow_from_it(execute):
    done = execute(
        "inference.py", "--model", "mobilenet_v2", "--runtime", "torch-float32", *SHORT, "--ceilings", "0.05",
        "--agreement-images", "13",
    )  # fmt: skip
    assert (0, "") == (done.code, done.stderr)
    assert ["setup", "ceilings", "warm-up", "inference", "agreement"] == [phase.name for phase in done.marks.phases]
    window = next(phase for phase in done.marks.phases if phase.name == "inference")
    told = done.marks.results
    took_s = (window.end_ns - window.begin_ns) / 1e9
    assert told["images"] == 2 * told["batches"]
    assert took_s == pytest.approx(told["batches"] * told["latency_mean_ms"] / 1e3, rel=0.05)
    assert took_s >= 0.3
    assert told["images_per_s"] == pytest.approx(told["images"] / took_s, rel=0.05)
    assert told["latency_p50_ms"] <= told["latency_p90_ms"] <= told["latency_p99_ms"] <= told["latency_max_ms"]
    assert (1.0, 0.0, 1.0) == (told["agreement"], told["output_error"], told["finite"])
    assert 14 == told["images_compared"]  # whole batches, more than the loop's four of two
    assert (3_504_872, "depthwise", "random") == (told["parameters"], told["family"], told["weights"])
    # 300.8 M multiply-adds an image (Sandler et al. 2018), without those of additions and normalisation.
    assert told["flop_per_image"] == pytest.approx(2 * 300.8e6, rel=0.01)
    assert told["ceiling_FLOP_per_s"] > 1e8
    assert told["ceiling_B_per_s"] > 1e8


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("runtime", "error"), [("onnx-float32", 1e-4), ("onnx-float16", 0.02), ("torch-bfloat16", 0.2), ("onnx-int8", 1.0)]
)
def test_every_runtime_agrees_with_float32_as_far_as_its_precision_goes(execute, runtime, error):
    done = execute("inference.py", "--model", "resnet18", "--runtime", runtime, *SHORT, "--ceilings", "0")
    assert 0 == done.code, done.stderr
    told = done.marks.results
    assert 0 < told["output_error"] < error
    assert 1.0 == told["finite"]
    assert told["agreement"] > 0.6
    item_B = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}[runtime.split("-")[1]]
    assert told["bytes_per_image"] / item_B > 11_689_512 / 2


@pytest.mark.slow
def test_onnx_runtime_reads_memory_that_is_still_there(execute):
    done = execute("inference.py", "--model", "mobilenet_v2", "--runtime", "onnx-float16", *SHORT, "--ceilings", "0")
    assert 0 == done.code, done.stderr
    assert done.marks.results["output_error"] < 0.05


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_what_is_not_there_is_refused_with_the_reason(execute):
    done = execute("inference.py", "--model", "mobilenet_v2", "--device", "cuda")
    assert 3 == done.code
    assert "PyTorch sees no CUDA device here; use --device cpu, or a PyTorch built for CUDA\n" == done.stderr


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--duration", "nan", "'nan' is no number from 0 on"),
        ("--duration", "-1", "'-1' is no number from 0 on"),
        ("--warmup", "inf", "'inf' is no number from 0 on"),
        ("--ceilings", "long", "'long' is no number from 0 on"),
        ("--batch", "0", "'0' is no whole number from 1 on"),
        ("--batch", "many", "'many' is no whole number from 1 on"),
    ],
)
def test_an_option_out_of_range_is_refused_with_its_name(module, monkeypatch, capsys, option, value, words):
    inference = module("inference")
    monkeypatch.setattr("sys.argv", ["inference.py", option, value])
    with pytest.raises(SystemExit) as ended:
        inference.arguments()
    assert 2 == ended.value.code
    assert f"argument {option}: {words}" in capsys.readouterr().err


def test_values_that_are_not_finite_are_a_failure_with_its_figures(module, monkeypatch, capsys):
    inference = module("inference")
    told = inference.agree(
        torch.nn.Identity(),
        (torch.ones(2, 3),),
        lambda number: torch.tensor([[1.0, 2, torch.inf]] * 2),
        torch.device("cpu"),
    )
    assert 2 / 3 == pytest.approx(told["finite"])
    assert told["output_error"] == pytest.approx((1 / 6**0.5) * 2**0.5)


def test_percentiles_are_latencies_that_occurred(module):
    told = module("inference").percentiles(array("q", [n * 1_000_000 for n in range(100, 0, -1)]))
    assert [50, 90, 95, 99, 100, 50.5] == [
        told[f"latency_{name}_ms"] for name in ("p50", "p90", "p95", "p99", "max", "mean")
    ]
    assert 7.0 == module("inference").percentiles(array("q", [7_000_000]))["latency_p99_ms"]


def test_the_cost_is_counted_by_hand_for_one_layer(module):
    layer = torch.nn.Linear(30, 20)
    flop, elements = module("inference").cost(layer, torch.zeros(7, 30))
    assert 2 * 7 * 30 * 20 == flop
    assert sum(prod(shape) for shape in ((7, 30), (30, 20), (20,), (7, 20))) == elements


def test_a_loop_ends_by_time_and_does_its_fewest(module):
    ran: list[int] = []
    latencies, took_s = module("inference").loop(ran.append, 0.0, fewest=6)
    assert [0, 1, 2, 3, 0, 1] == ran
    assert 6 == len(latencies)
    assert took_s == pytest.approx(sum(latencies) / 1e9)


CUDA = SimpleNamespace(type="cuda", index=0)


@pytest.fixture
def onnx_runtime(module, monkeypatch):
    """An ONNX Runtime as this machine may have it: ``tell`` names what is not installed and the providers there are."""
    inference = module("inference")

    def tell(missing=(), providers=("CPUExecutionProvider",), opened=None):
        there = inference.importlib.util.find_spec
        monkeypatch.setattr(
            inference.importlib.util, "find_spec", lambda name: None if name in missing else there(name)
        )
        session = SimpleNamespace(get_providers=lambda: [opened or providers[0]])
        runtime = SimpleNamespace(
            get_available_providers=lambda: list(providers),
            SessionOptions=SimpleNamespace,
            InferenceSession=lambda *arguments, **options: session,
        )
        monkeypatch.setattr(inference.importlib, "import_module", lambda name: runtime)
        monkeypatch.setattr(inference, "export", lambda *arguments: "model.onnx")
        return inference

    return tell


@pytest.mark.parametrize(
    ("found", "runtime", "device", "words"),
    [
        (
            {"missing": ("onnx", "onnxruntime")},
            "onnx-float32",
            "cpu",
            "onnx and onnxruntime not installed: pip install",
        ),
        ({}, "onnx-float32", "cuda", "ONNX Runtime here has no CUDAExecutionProvider (CPUExecutionProvider): pip inst"),
        ({"providers": ("CUDAExecutionProvider",)}, "onnx-int8", "cuda", "int8 is for the CPU"),
        (
            {"providers": ("CUDAExecutionProvider", "CPUExecutionProvider"), "opened": "CPUExecutionProvider"},
            "onnx-float16",
            "cuda",
            "ONNX Runtime fell back from CUDAExecutionProvider to CPUExecutionProvider",
        ),
    ],
)
def test_a_runtime_or_execution_provider_that_is_not_there_is_refused(
    onnx_runtime, capsys, tmp_path, found, runtime, device, words
):
    inference = onnx_runtime(**found)
    place = CUDA if device == "cuda" else torch.device("cpu")
    with pytest.raises(SystemExit) as ended:
        inference.in_onnx(None, (), Namespace(runtime=runtime, threads=0), place, tmp_path)
    assert 3 == ended.value.code
    assert words in capsys.readouterr().err


def test_an_export_that_fails_is_refused_with_its_own_words(module, monkeypatch, capsys, tmp_path):
    inference = module("inference")

    def fails(*arguments, **options):
        raise RuntimeError("Exporting the operator 'aten::quux' to ONNX opset version 17 is not supported")

    monkeypatch.setattr(inference.torch.onnx, "export", fails)
    with pytest.raises(SystemExit) as ended:
        inference.export(torch.nn.Identity(), (torch.zeros(1, 3),), "float32", tmp_path)
    assert 3 == ended.value.code
    expected = "the export to ONNX in float32 failed: RuntimeError: Exporting the operator 'aten::quux'"
    assert capsys.readouterr().err.startswith(expected)


@pytest.mark.parametrize("error", [torch.cuda.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_memory_that_runs_out_goes_on_as_itself(module, monkeypatch, tmp_path, error):
    inference = module("inference")

    def fails(*arguments, **options):
        raise error

    monkeypatch.setattr(inference.torch.onnx, "export", fails)
    with pytest.raises(type(error)):
        inference.export(torch.nn.Identity(), (torch.zeros(1, 3),), "float32", tmp_path)
