"""Transfer learning as studies 3 and 4 had it: their networks, their two stages, and what they left."""

from __future__ import annotations

import importlib.util
import os
import sys

import numpy as np
import pytest

for package in ("keras", "tensorflow"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed", allow_module_level=True)

TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}


@pytest.fixture
def transfer(module):
    os.environ["KERAS_BACKEND"] = "tensorflow"  # it is read once, when Keras is imported
    return module("keras_transfer")


@pytest.fixture
def options(transfer, monkeypatch):
    def parse(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["keras_transfer.py", *arguments])
        return transfer.arguments()

    return parse


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("architecture", "size", "millions", "trainable", "gflop", "head_gflop"),
    [
        ("vgg16", 32, 33.6, 18.9, 21.3, 1.21),
        ("vgg16", 48, 33.6, 18.9, 46.3, 1.21),
        ("vgg19", 32, 38.9, 18.9, 26.7, 1.21),
        ("vgg19", 48, 38.9, 18.9, 58.6, 1.21),
        ("resnet50", 32, 48.8, 25.2, 6.68, 1.61),
        ("resnet50", 48, 73.9, 50.3, 16.3, 3.22),
    ],
)
def test_the_networks_of_study_3_have_the_published_sizes(
    transfer, options, architecture, size, millions, trainable, gflop, head_gflop
):
    base = transfer.base_network(options("--architecture", architecture, "--size", str(size)))
    model = transfer.network(base, "dense", 10)
    base.trainable = False
    # The published figures are cut, not rounded: 73.97 is given as 73.9.
    assert millions == pytest.approx(model.count_params() / 1e6, abs=0.1)
    assert trainable == pytest.approx(sum(np.prod(item.shape) for item in model.trainable_weights) / 1e6, abs=0.1)
    total = transfer.flop(model, 32)
    assert gflop == pytest.approx(total / 1e9, rel=0.01)
    assert head_gflop == pytest.approx((total - transfer.flop(base, 32)) / 1e9, rel=0.01)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_stages_mark_their_epochs_and_stop_early(execute):
    done = execute(
        "keras_transfer.py", "--architecture", "mobilenet_v2", "--dataset", "digits", "--binary", "--head", "pooled",
        "--epochs", "2", "--finetune-epochs", "30", "--patience", "1", "--finetune-lr", "10", "--steps", "2",
        "--test-images", "32", "--device", "cpu", env=TENSORFLOW,
    )  # fmt: skip
    assert 0 == done.code, done.stderr
    told, phases = done.marks.results, [phase.name for phase in done.marks.phases]
    assert (0, ()) == (done.marks.unread, done.marks.open)
    assert told["epochs"] < 32
    assert told["stopped_early"] is True
    assert [f"epoch {n}" for n in range(1, told["epochs"] + 1)] == [name for name in phases if name.startswith("epoch")]
    assert {"setup", "train", "finetune", "inference", "evaluate 1"} <= set(phases)
    assert told["images"] == 2 * 32 * told["epochs"]
    assert (2, 32, "random") == (told["classes"], told["inference_images"], told["weights"])
    assert 0 <= told["f1"] <= 1
    waits = [phase.metrics["input_wait_s"] for phase in done.marks.phases if phase.name.startswith("epoch")]
    assert 0 < told["input_wait_s"] == pytest.approx(sum(waits))  # through both stages


@pytest.mark.parametrize(("steps", "seen"), [("0", 70), ("2", 64), ("9", 70)])
def test_an_epoch_has_seen_the_images_that_its_batches_held(transfer, options, steps, seen):
    images, labels = np.zeros((70, 32, 32, 3), np.uint8), np.arange(70) % 10
    chosen = options("--steps", steps, "--augment", "none")
    batches = transfer.Batches(images, labels, chosen, 10, training=True)
    assert seen == batches.seen == sum(len(batches[number][1]) for number in range(len(batches)))


def test_weights_that_are_not_there_are_refused_with_the_remedy(transfer, options, capsys):
    with pytest.raises(SystemExit) as ended:
        transfer.base_network(options("--architecture", "mobilenet_v2", "--weights", "absent.weights.h5"))
    assert 3 == ended.value.code
    assert "absent.weights.h5" in capsys.readouterr().err


def test_a_size_that_the_network_cannot_take_is_refused(transfer, options, capsys):
    with pytest.raises(SystemExit) as ended:
        transfer.base_network(options("--architecture", "xception", "--size", "40"))
    assert 3 == ended.value.code
    assert "xception at 40 pixels" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--lr", "--finetune-lr"])
@pytest.mark.parametrize("rate", ["nan", "-1", "slow"])
def test_a_rate_that_is_none_is_refused_with_its_option(options, capsys, option, rate):
    with pytest.raises(SystemExit) as ended:
        options(option, rate)
    assert 2 == ended.value.code
    assert f"argument {option}: {rate!r} is no number from 0 on" in capsys.readouterr().err


def test_random_normalisations_take_their_statistics_from_images(transfer):
    keras, layers = transfer.keras, transfer.layers
    norm = layers.BatchNormalization()
    base = keras.Sequential([layers.Input((4, 4, 3)), norm])
    images = np.random.default_rng(0).normal(5.0, 2.0, (50, 4, 4, 3)).astype(np.float32)
    transfer.settle_statistics(base, images)
    assert np.asarray(norm.moving_mean) == pytest.approx(images.mean((0, 1, 2)), rel=1e-4)
    assert np.asarray(norm.moving_variance) == pytest.approx(images.var((0, 1, 2)), rel=1e-3)
    assert 0.99 == norm.momentum


@pytest.mark.parametrize("asked", [(), ("--eager",)])
def test_steps_are_compiled_unless_operations_are_asked_for_one_by_one(transfer, options, asked):
    keras, layers = transfer.keras, transfer.layers
    model = keras.Sequential([layers.Input((2,)), layers.Dense(1, activation="sigmoid")])
    wait = transfer.InputWait("tensorflow", keras.__version__)
    transfer.compile_for(model, keras.optimizers.SGD(), 2, wait, eager=options(*asked).eager)
    assert bool(asked) is model.run_eagerly
    model.fit(np.ones((4, 2)), np.ones(4), batch_size=2, verbose=0)
    assert 0 < wait.seconds  # its batches are watched either way


def test_operations_are_counted_by_hand(transfer):
    keras, layers = transfer.keras, transfer.layers
    model = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(5, 3, padding="valid"),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.SeparableConv2D(7, 3, padding="same"),
            layers.Flatten(),
            layers.Dense(11),
        ]
    )
    by_hand = 36 * 27 * 5 + 36 * 9 * 5 + 36 * (9 * 5 + 5 * 7) + 36 * 7 * 11
    assert 2 * 4 * by_hand == transfer.flop(model, 4)


@pytest.mark.parametrize(("guesses", "truth", "classes", "score"), [
    ([1, 1, 0, 0], [1, 0, 1, 0], 2, 0.5),
    ([0, 0], [0, 1], 2, 0.0),
    ([0, 0], [0, 0], 2, None),
    ([0, 1, 2, 2], [0, 1, 1, 2], 3, (1 + 2 / 3 + 2 / 3) / 3),
    ([0, 0, 0], [0, 0, 1], 3, (4 / 5 + 0) / 2),
    ([0, 0, 2], [0, 0, 1], 3, (1 + 0 + 0) / 3),
])  # fmt: skip
def test_f1_is_of_the_second_class_or_the_mean_over_the_classes_that_there_are(
    transfer, guesses, truth, classes, score
):
    told = transfer.f1(np.array(guesses), np.array(truth), classes)
    assert score == (told if told is None else pytest.approx(told))
    sklearn = pytest.importorskip("sklearn.metrics", reason="compared with scikit-learn")
    average = "binary" if classes == 2 else "macro"
    assert (score or 0.0) == pytest.approx(sklearn.f1_score(truth, guesses, average=average, zero_division=0.0))


def test_augmentation_turns_moves_and_mirrors_within_its_bounds(transfer):
    image = np.zeros((1, 33, 33, 3), np.float32)
    image[0, 16, 20] = 1.0
    seen = []
    for seed in range(300):
        moved = transfer.augmented(image, np.random.default_rng(seed), "rotate-shift-flip")
        places = np.argwhere(moved[0, :, :, 0] > 0)
        if len(places):
            seen.append(places.mean(0) - 16)
    rows, columns = np.array(seen).T
    assert -3.3 - 4 * np.sin(np.pi / 12) - 1 <= rows.min() < -2
    assert 2 < rows.max() <= 3.3 + 4 * np.sin(np.pi / 12) + 1
    assert columns.min() < -3  # mirrored
    assert 3 < columns.max() <= 4 + 3.3 + 1
    assert np.array_equal(image, transfer.augmented(image, np.random.default_rng(0), "none-of-these")) is False
