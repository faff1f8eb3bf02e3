from __future__ import annotations

import importlib.util
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from harness.marks import read_marks
from harness.record import MARKS_VARIABLE

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed", allow_module_level=True)

PROTOCOLS = Path(__file__).resolve().parents[2] / "protocols"
SMALL = ("--dataset", "synthetic", "--train-images", "64", "--test-images", "32", "--batch", "16", "--steps", "2")
SMALL += ("--epochs", "2", "--threads", "1", "--device", "cpu", "--lr", "0.01")


@pytest.fixture
def cnn(module):
    return module("torch_width_cnn")


@pytest.fixture
def options(cnn, monkeypatch):
    def parse(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["torch_width_cnn.py", *arguments])
        return cnn.arguments()

    return parse


@pytest.mark.parametrize(("width", "parameters"), [(1, 666_538), (2, 2_658_122), (3, 5_974_762)])
def test_the_network_has_the_parameters_of_study_1(cnn, width, parameters):
    with cnn.torch.device("meta"):
        network = cnn.network(width)

    assert parameters == sum(weight.numel() for weight in network.parameters())


def test_left_out_options_are_those_of_study_1(options):
    chosen = vars(options())

    study = {"dataset": "cifar10", "epochs": 30, "batch": 128, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9}
    study |= {"weight_decay": 5e-4, "input": "loader", "workers": 4, "augment": "crop-flip", "steps": 0}
    study |= {"precision": "float32", "width": 1, "train_images": 0, "test_images": 0}
    assert study == {name: chosen[name] for name in study}


@pytest.mark.parametrize(
    ("precision", "way"),
    [
        ("float32", ("loader", "--workers", "2")),
        ("bfloat16", ("device",)),
        pytest.param("float16", ("device",), marks=pytest.mark.slow),  # emulated on most CPUs
    ],
)
def test_a_short_run_marks_its_phases_and_leaves_its_results(execute, precision, way):
    outcome = execute("torch_width_cnn.py", *SMALL, "--precision", precision, "--emulate", "--input", *way)

    assert 0 == outcome.code, outcome.stderr
    assert (0, ()) == (outcome.marks.unread, outcome.marks.open)
    phases = {phase.name: phase for phase in outcome.marks.phases}
    assert ["setup", "train", "epoch 1", "evaluate 1", "epoch 2", "evaluate 2"] == list(phases)
    for inner, outer in (("epoch 2", "train"), ("evaluate 2", "epoch 2")):
        assert phases[outer].begin_ns <= phases[inner].begin_ns < phases[inner].end_ns <= phases[outer].end_ns
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "input_wait_s"} == phases["epoch 2"].metrics.keys()
    results = outcome.marks.results
    facts = ("classes", "parameters", "steps", "precision")
    assert (10, 666_538, 4, precision) == tuple(results[name] for name in facts)
    seen = [phases[f"epoch {epoch}"].metrics["val_accuracy"] for epoch in (1, 2)]
    assert (max(seen), seen[1]) == (results["accuracy"], results["accuracy_final"])
    assert results["images_per_s"] > 0
    assert results["max_memory_B"] > 1e7
    assert f"{precision}, CPU" in outcome.stdout.splitlines()[-1]


@pytest.mark.parametrize("way", ["device", "loader"])
def test_the_seed_decides_the_run(cnn, options, capsys, way):
    def epochs(seed: int) -> list[str]:
        cnn.main(options(*SMALL, "--input", way, "--workers", "0", "--seed", str(seed)))
        told = capsys.readouterr().out.splitlines()[:-1]
        return [line.partition(", input_wait_s")[0] for line in told]  # how long it waited is no matter of the seed

    first = epochs(1)
    assert first == epochs(1)
    assert first != epochs(2)


@pytest.mark.parametrize("way", ["on_device", "through_loader"])
@pytest.mark.parametrize(("augment", "mirrored"), [("crop-flip", True), ("crop", False), ("none", False)])
def test_augmented_images_are_cut_from_the_padded_ones(cnn, options, way, augment, mirrored):
    images = np.random.default_rng(0).integers(1, 256, (24, 3, 32, 32)).astype(np.uint8)
    chosen = options("--batch", "24", "--workers", "0", "--augment", augment)
    batches = getattr(cnn, way)(images, np.arange(24), chosen, cnn.torch.device("cpu"), training=True)
    bordered = np.pad(images, ((0, 0), (0, 0), (4, 4), (4, 4)))
    cuts = [(top, left) for top in range(9) for left in range(9)] if augment != "none" else [(4, 4)]

    found = set()
    for _ in range(3):
        inputs, labels = next(iter(batches()))
        pixels = inputs.numpy() * np.array(cnn.STD).reshape(3, 1, 1) + np.array(cnn.MEAN).reshape(3, 1, 1)
        for image, number in zip(np.rint(pixels * 255), labels.tolist(), strict=True):
            for top, left in cuts:
                cut = bordered[number, :, top : top + 32, left : left + 32]
                found |= {(top, left, False)} if (image == cut).all() else set()
                found |= {(top, left, True)} if (image == cut[:, :, ::-1]).all() else set()

    assert ({True, False} if mirrored else {False}) == {flip for _, _, flip in found}
    assert len({cut[:2] for cut in found}) > 20 or augment == "none"
    assert set(range(24)) == set(labels.tolist())


@pytest.mark.parametrize("ready", [1, 16, 40, 4096])
def test_every_image_is_seen_once_an_epoch_with_its_label_in_a_new_order(cnn, options, monkeypatch, ready):
    monkeypatch.setattr(cnn, "READY_IMAGES", ready)  # less than a batch, one, some with a part left, all
    images = np.broadcast_to(np.arange(50, dtype=np.uint8).reshape(-1, 1, 1, 1), (50, 3, 32, 32)).copy()
    chosen = options("--batch", "16", "--augment", "none")
    batches = cnn.on_device(images, np.arange(50), chosen, cnn.torch.device("cpu"), training=True)
    orders = []
    for _ in range(2):
        epoch = list(batches())
        assert [16, 16, 16, 2] == [len(labels) for _, labels in epoch]
        numbers = [number for _, labels in epoch for number in labels.tolist()]
        levels = np.concatenate([inputs[:, 0, 0, 0].numpy() for inputs, _ in epoch]) * cnn.STD[0] + cnn.MEAN[0]
        assert numbers == np.rint(levels * 255).astype(int).tolist()
        orders.append(numbers)

    assert list(range(50)) == sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]


def test_evaluation_is_in_float32_and_changes_nothing(cnn, options):
    chosen = options("--precision", "bfloat16")
    trainer = cnn.Trainer(cnn.network(1), chosen, cnn.torch.device("cpu"))
    seen = []
    trainer.model[-1].register_forward_hook(lambda layer, inputs, output: seen.append(output.dtype))
    batch = (cnn.torch.zeros(4, 3, 32, 32), cnn.torch.tensor([0, 1, 2, 3]))
    before = [weight.clone() for weight in trainer.model.parameters()]

    trainer.evaluate([batch])
    unchanged = all((a == b).all() for a, b in zip(before, trainer.model.parameters(), strict=True))
    trainer.train([batch])

    assert unchanged
    assert [cnn.torch.float32, cnn.torch.bfloat16] == seen


def test_accuracy_is_the_best_epochs_and_the_last_one_stands_beside_it(cnn, options, tmp_path, monkeypatch):
    monkeypatch.setenv(MARKS_VARIABLE, str(tmp_path / "marks.jsonl"))
    evaluations = iter([(1.5, 0.2), (1.1, 0.8), (1.3, 0.5)])
    monkeypatch.setattr(cnn.Trainer, "evaluate", lambda trainer, batches: next(evaluations))

    cnn.main(options(*SMALL, "--input", "device", "--epochs", "3"))

    results = read_marks(tmp_path / "marks.jsonl", 0, time.monotonic_ns()).results
    assert (0.8, 0.5, 1.3) == (results["accuracy"], results["accuracy_final"], results["val_loss_final"])


def test_a_training_that_diverges_goes_on_and_says_so(cnn, options, tmp_path, monkeypatch):
    monkeypatch.setenv(MARKS_VARIABLE, str(tmp_path / "marks.jsonl"))

    cnn.main(options(*SMALL, "--input", "device", "--lr", "1e30"))

    marks = read_marks(tmp_path / "marks.jsonl", 0, time.monotonic_ns())
    assert "NaN" == marks.results["loss_final"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("--data", "absent"),
            2,
            "there is no absent; cifar10 is to be had at https://www.cs.toronto.edu/~kriz/cifar.html",
        ),
        (("--width", "0"), 2, "argument --width: '0' is no whole number from 1 on"),
        (("--precision", "float8"), 2, "invalid choice: 'float8'"),
        (("--lr", "nan"), 2, "argument --lr: 'nan' is no number from 0 on"),
        (("--weight-decay", "-1"), 2, "argument --weight-decay: '-1' is no number from 0 on"),
    ],
)
def test_what_cannot_be_is_refused_without_a_traceback(execute, arguments, code, words):
    outcome = execute("torch_width_cnn.py", *arguments)

    assert code == outcome.code
    assert words in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_tf32_is_refused_on_a_cpu(cnn, options, capsys):
    with pytest.raises(SystemExit) as ended:
        cnn.choose_device(options("--precision", "tf32", "--device", "cpu", "--emulate"))

    assert 3 == ended.value.code
    assert "tf32 is a mode of NVIDIA tensor cores" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("precision", "features", "lacks"),
    [
        ("float16", "avx2 avx512_bf16", True),
        ("float16", "avx2 avx512_fp16", False),
        ("bfloat16", "avx2 avx512_bf16", False),
        ("bfloat16", "avx2 avx512f", True),
        ("float32", "", False),
    ],
)
def test_a_cpu_lacks_a_precision_that_it_could_only_emulate(cnn, monkeypatch, tmp_path, precision, features, lacks):
    facts = tmp_path / "cpuinfo"
    facts.write_text(f"processor : 0\nflags : fpu {features}\n")
    monkeypatch.setattr(cnn, "CPU_FACTS", facts)

    assert lacks is cnn.cpu_lacks(precision)


def test_a_precision_that_the_cpu_would_emulate_has_to_be_asked_for(cnn, options, monkeypatch, capsys):
    monkeypatch.setattr(cnn, "cpu_lacks", lambda precision: True)

    with pytest.raises(SystemExit) as ended:
        cnn.choose_device(options("--precision", "float16", "--device", "cpu"))

    assert 3 == ended.value.code
    assert "--emulate to do it all the same" in capsys.readouterr().err
    assert "cpu" == cnn.choose_device(options("--precision", "float16", "--device", "cpu", "--emulate")).type


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("width", [1, 2])
def test_the_demo_reaches_80_percent(execute, width, seed):
    pytest.importorskip("sklearn", reason="the digits are part of scikit-learn")
    demo = tomllib.loads((PROTOCOLS / "demo.toml").read_text())["workload"]["command"]
    outcome = execute("torch_width_cnn.py", *(word.format(width=width, seed=seed) for word in demo[2:]))

    assert outcome.marks.results["accuracy"] > 0.80


@pytest.mark.slow
def test_fifteen_epochs_of_digits_reach_95_percent_at_width_1(execute):
    pytest.importorskip("sklearn", reason="the digits are part of scikit-learn")
    recipe = ("--dataset", "digits", "--optimizer", "adam", "--lr", "1e-3", "--batch", "32", "--input", "device")
    outcome = execute("torch_width_cnn.py", *recipe, "--epochs", "15")

    assert outcome.marks.results["accuracy"] > 0.95


def test_the_wait_for_input_is_that_of_the_iterator_and_not_of_the_step(cnn, options):
    chosen = options("--device", "cpu", "--lr", "0.01")
    trainer = cnn.Trainer(cnn.network(1), chosen, cnn.torch.device("cpu"))
    batch = cnn.torch.zeros(4, 3, 32, 32), cnn.torch.zeros(4, dtype=cnn.torch.int64)

    def slow():
        for _ in range(3):
            time.sleep(0.05)
            yield batch

    trainer.train(slow())
    assert trainer.input_wait_s >= 0.15
    before = trainer.input_wait_s
    for _ in trainer.waited([batch] * 3):
        time.sleep(0.05)
    assert trainer.input_wait_s - before < 0.05


def test_the_wait_is_a_result_and_a_metric_of_each_epoch_that_add_up(execute):
    outcome = execute("torch_width_cnn.py", *SMALL, "--input", "loader", "--workers", "0")
    told = [phase.metrics["input_wait_s"] for phase in outcome.marks.phases if phase.name.startswith("epoch")]
    assert outcome.marks.results["input_wait_s"] == pytest.approx(sum(told))
    assert (
        0
        < outcome.marks.results["input_wait_s"]
        < sum((phase.end_ns - phase.begin_ns) / 1e9 for phase in outcome.marks.phases if phase.name == "train")
    )
