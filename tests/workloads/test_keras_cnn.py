from __future__ import annotations

import importlib.util
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

for package in ("keras", "tensorflow"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed", allow_module_level=True)

SMALL = ("--dataset", "synthetic", "--train-images", "32", "--test-images", "32", "--batch", "8", "--steps", "2")
SMALL += ("--epochs", "2", "--device", "cpu")
TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}


@pytest.fixture
def cnn(module):
    os.environ["KERAS_BACKEND"] = "tensorflow"  # it is read once, when Keras is imported
    return module("keras_cnn")


@pytest.fixture
def options(cnn, monkeypatch):
    def parse(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["keras_cnn.py", *arguments])
        return cnn.arguments()

    return parse


def test_the_network_has_the_parameters_of_study_2(cnn):
    assert 10_484_874 == cnn.network().count_params()


def test_left_out_options_are_those_of_study_2(options):
    chosen = vars(options())

    study = {"dataset": "cifar10", "epochs": 25, "batch": 512, "optimizer": "rmsprop", "lr": 1e-4, "steps": 0}
    study |= {"precision": "float32", "augment": "shift-flip", "input": "loader", "train_images": 0, "test_images": 0}
    assert study == {name: chosen[name] for name in study}


def test_an_epoch_of_50000_images_has_98_steps(cnn, options):
    assert 98 == len(cnn.Batches(np.zeros(50_000, int), lambda chosen, rng: chosen, options(), training=True))


@pytest.mark.parametrize(
    ("precision", "way"), [("float32", "loader"), pytest.param("mixed_bfloat16", "device", marks=pytest.mark.slow)]
)
def test_a_short_run_marks_its_phases_and_leaves_its_results(execute, precision, way):
    outcome = execute("keras_cnn.py", *SMALL, "--precision", precision, "--emulate", "--input", way, env=TENSORFLOW)

    assert 0 == outcome.code, outcome.stderr
    assert (0, ()) == (outcome.marks.unread, outcome.marks.open)
    phases = {phase.name: phase for phase in outcome.marks.phases}
    assert ["setup", "train", "epoch 1", "evaluate 1", "epoch 2", "evaluate 2", "evaluate"] == list(phases)
    for inner, outer in (("epoch 2", "train"), ("evaluate 2", "epoch 2")):
        assert phases[outer].begin_ns <= phases[inner].begin_ns < phases[inner].end_ns <= phases[outer].end_ns
    told = [phases[f"epoch {epoch}"].metrics for epoch in (1, 2)]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "input_wait_s"} == told[1].keys()
    results = outcome.marks.results
    window_s = (phases["train"].end_ns - phases["train"].begin_ns) / 1e9
    assert 0 < results["input_wait_s"] < window_s
    assert sum(epoch["input_wait_s"] for epoch in told) == pytest.approx(results["input_wait_s"])
    facts = ("classes", "parameters", "steps", "precision")
    assert (10, 10_484_874, 4, precision) == tuple(results[name] for name in facts)
    seen = [phases[f"epoch {epoch}"].metrics["val_accuracy"] for epoch in (1, 2)]
    assert (max(seen), seen[1]) == (results["accuracy"], results["accuracy_final"])
    assert results["images_per_s"] > 0
    assert f"{precision}, tensorflow on CPU" in outcome.stdout.splitlines()[-1]


def test_the_output_layer_is_float32_under_a_mixed_policy_and_float16_is_scaled(cnn):
    before = cnn.keras.config.dtype_policy()
    cnn.keras.config.set_dtype_policy("mixed_float16")
    try:
        network = cnn.network()
        network.compile(cnn.keras.optimizers.RMSprop(1e-4), "categorical_crossentropy")
    finally:
        cnn.keras.config.set_dtype_policy(before)

    assert ["float16", "float32"] == [network.layers[0].compute_dtype, network.layers[-1].compute_dtype]
    assert isinstance(network.optimizer, cnn.keras.optimizers.LossScaleOptimizer)


def test_whole_pixel_shifts_move_the_image_and_hold_its_edges(cnn):
    image = np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)

    moved = cnn.shifted(np, image, np.float32([2]), np.float32([-3]), np.array([False]))[0]

    rows, columns = np.clip(np.arange(32) - 2, 0, 31), np.clip(np.arange(32) + 3, 0, 31)
    assert np.allclose(image[0][rows][:, columns], moved)


def test_half_a_pixel_is_the_mean_of_its_neighbours(cnn):
    image = np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)

    moved = cnn.shifted(np, image, np.float32([0]), np.float32([0.5]), np.array([False]))[0]

    assert np.allclose((image[0, :, 4] + image[0, :, 5]) / 2, moved[:, 5], atol=1e-6)


def test_a_mirrored_image_is_read_from_right_to_left(cnn):
    image = np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)

    moved = cnn.shifted(np, image, np.zeros(2, np.float32), np.zeros(2, np.float32), np.array([True, False]))

    assert np.allclose([image[0, :, ::-1], image[1]], moved)


def test_both_inputs_do_the_same_arithmetic(cnn):
    rng = np.random.default_rng(0)
    image = rng.random((3, 32, 32, 3)).astype(np.float32)
    arguments = image, *rng.uniform(-3.2, 3.2, (2, 3)).astype(np.float32), np.array([True, False, True])

    on_host, in_step = cnn.shifted(np, *arguments), cnn.shifted(cnn.ops, *arguments)

    assert np.allclose(on_host, cnn.ops.convert_to_numpy(in_step), atol=1e-5)


def test_images_on_the_device_are_augmented_in_training_only(cnn):
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
    stored = cnn.StoredImages(images, "shift-flip", seed=1)
    numbers = np.array([4, 0], np.int32)

    plain = cnn.ops.convert_to_numpy(stored(numbers, training=False))
    first, second = (cnn.ops.convert_to_numpy(stored(numbers, training=True)) for _ in range(2))

    assert np.allclose(images[[4, 0]] / 255, plain)
    assert not np.allclose(plain, first)
    assert not np.allclose(first, second)


def test_the_test_split_is_neither_shuffled_nor_augmented_on_either_way(cnn, options):
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(9)
    split = SimpleNamespace(
        train_images=images[:5], train_labels=labels[:5], test_images=images[5:], test_labels=labels[5:]
    )

    _, _, by_host = cnn.through_loader(None, split, options("--batch", "4"))
    model, _, by_number = cnn.on_device(cnn.keras.layers.Flatten(), split, options("--batch", "4"))

    assert np.allclose(images[5:] / 255, by_host[0][0])
    assert [5, 6, 7, 8] == by_number[0][0].tolist() == by_number[0][1].argmax(1).tolist()
    assert np.allclose(images[5:].reshape(4, -1) / 255, model.predict(by_number[0][0], verbose=0))


def test_batches_are_drawn_by_seed_and_epoch_whatever_the_order_of_asking(cnn, options):
    images, labels = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3)).astype(np.uint8), np.arange(20) % 10

    def batches(seed: int, indices: tuple[int, ...]) -> dict[int, np.ndarray]:
        split = SimpleNamespace(train_images=images, train_labels=labels, test_images=images, test_labels=labels)
        _, made, _ = cnn.through_loader(None, split, options("--batch", "8", "--seed", str(seed)))
        return {index: made[index][0] for index in indices}

    forth, back = batches(1, (0, 1, 2)), batches(1, (2, 1, 0))
    assert all((forth[index] == back[index]).all() for index in range(3))
    assert [8, 8, 4] == [len(forth[index]) for index in range(3)]
    assert not (forth[0] == batches(2, (0,))[0]).all()


def test_every_image_is_seen_once_an_epoch_in_a_new_order_with_its_own_label(cnn, options):
    labels = np.arange(20) % 10
    batches = cnn.Batches(labels, lambda chosen, rng: chosen, options("--batch", "8"), training=True)

    def epoch() -> list[int]:
        pairs = [batches[index] for index in range(len(batches))]
        numbers = np.concatenate([numbers for numbers, _ in pairs])
        assert (labels[numbers] == np.concatenate([hot for _, hot in pairs]).argmax(1)).all()
        return numbers.tolist()

    first = epoch()
    batches.on_epoch_end()
    second = epoch()
    assert list(range(20)) == sorted(first) == sorted(second)
    assert first != second


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (("--epochs", "0"), TENSORFLOW, 2, "argument --epochs: '0' is no whole number from 1 on"),
        (("--lr", "quick"), TENSORFLOW, 2, "argument --lr: 'quick' is no number from 0 on"),
        ((), {"KERAS_BACKEND": "theano"}, 2, "KERAS_BACKEND is 'theano', not one of tensorflow, jax, torch"),
    ],
)
def test_what_cannot_be_is_refused_without_a_traceback(execute, arguments, environment, code, words):
    outcome = execute("keras_cnn.py", *arguments, env=environment)

    assert code == outcome.code
    assert words in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_data_that_are_not_there_end_the_script_with_code_2(cnn, options, capsys):
    with pytest.raises(SystemExit) as ended:
        cnn.main(options("--data", "absent", "--device", "cpu"))

    assert 2 == ended.value.code
    assert "there is no absent; cifar10 is to be had at https://www.cs.toronto.edu" in capsys.readouterr().err
