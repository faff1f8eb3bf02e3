"""Train a CNN in float32 or mixed precision on 32x32 images, in Keras 3; by default exactly study 2.

::

    KERAS_BACKEND=tensorflow python keras_cnn.py --precision mixed_float16 --data ~/cifar-10-python.tar.gz
    KERAS_BACKEND=jax python keras_cnn.py --dataset synthetic --train-images 5120 --epochs 3 --input device

Study 2 is Group 30, 2026: float32 against mixed_float16, 30 runs each. Backends: tensorflow (default), jax, torch.

Phases: setup (from the import of the framework on), train > epoch N > evaluate N, and a last evaluate. "train" is the
window to compare. The first epoch also compiles, on tensorflow and jax. "input_wait_s" is the host's time within that
window to get its batches, training and evaluation together (keras_input.py says how it is taken).
Exit codes: 2 for wrong use or data, 3 for a device that is not there or lacks the precision.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import data
import marks
import numpy as np
from keras_device import PRECISIONS, Device, prepare_environment, refuse_what_is_lacking
from keras_input import InputWait

# What the study fixes.
SHIFT = 0.1  # of the image's size at most, both ways; a fraction of a pixel is interpolated, edges are held
DROPOUT, DENSE_DROPOUT = 0.25, 0.5
STUDY = {"dataset": "cifar10", "epochs": 25, "batch": 512, "optimizer": "rmsprop", "lr": 1e-4, "precision": "float32"}
STUDY |= {"augment": "shift-flip", "input": "loader", "workers": 1}


def arguments() -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description="Train the Keras CNN. Left out, an option is as in study 2.")
    add = parser.add_argument
    add("--precision", choices=PRECISIONS, help="tf32: float32 by tensor cores; the output layer is always float32")
    add("--emulate", action="store_true", help="go on where the CPU can only emulate the precision, very slowly")
    data.add_options(parser)
    add("--epochs", type=data.at_least(1))
    add("--batch", type=data.at_least(1))
    add("--steps", type=data.at_least(0), default=0, help="at most so many training steps an epoch; 0: all")
    add("--optimizer", choices=("rmsprop", "adam", "sgd"))
    add("--lr", type=data.number)
    add("--augment", choices=("shift-flip", "shift", "none"), help="of training images")
    add("--input", choices=("loader", "device"), help="device: data set and augmentation on the device, in the step")
    add("--workers", type=data.at_least(1), help="threads of the loader")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--seed", type=data.at_least(0), default=0)
    parser.set_defaults(**STUDY)
    return parser.parse_args()


if __name__ == "__main__":
    settings = arguments()
    marks.begin("setup")
    prepare_environment(settings.device)

import keras  # noqa: E402  a wrong option is told before this takes its seconds
from keras import layers, ops  # noqa: E402


def main(options: argparse.Namespace) -> None:
    """Set up, train, evaluate, leave the results."""
    device = Device(keras.backend.backend())
    refuse_what_is_lacking(options, device)
    device.set_precision(options.precision)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy(options.precision if options.precision.startswith("mixed") else "float32")
    keras.utils.set_random_seed(options.seed)
    images, cnn = data.load_as_asked(options), network()
    model, training, test = (on_device if options.input == "device" else through_loader)(cnn, images, options)
    optimiser = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    model.compile(optimiser[options.optimizer](options.lr), "categorical_crossentropy", metrics=["accuracy"])
    wait = InputWait(device.backend, keras.__version__)
    wait.watch(model)
    device.synchronise(model)
    marks.end("setup")

    epochs = Epochs(device, wait)
    with marks.phase("train"):
        model.fit(training, epochs=options.epochs, validation_data=test, callbacks=[epochs], shuffle=False, verbose=0)
    waited = wait.since(0.0)
    with marks.phase("evaluate") as metrics:
        metrics.update(model.evaluate(test, verbose=0, return_dict=True))
        device.synchronise(model)

    best = max(logs["val_accuracy"] for logs in epochs.history)
    images_per_s = min(len(training) * training.batch, len(training.labels)) * options.epochs / epochs.training_s
    parameters, steps = cnn.count_params(), len(training) * options.epochs
    marks.result(accuracy=best, accuracy_final=metrics["accuracy"])
    marks.result(loss_final=epochs.history[-1]["loss"], val_loss_final=metrics["loss"])
    marks.result(
        classes=data.CLASSES, parameters=parameters, steps=steps, images_per_s=images_per_s, precision=options.precision
    )
    marks.result(**waited, device=device.name, max_memory_B=device.max_memory_B())
    marks.result(backend=device.backend, keras_version=keras.__version__)
    print(
        f"{options.precision}, {device.backend} on {device.name}: {parameters:,} parameters, {steps} steps, "
        f"{images_per_s:,.0f} images/s, best accuracy {best:.4f}"
    )


def network() -> Any:
    """The study's network, 10,484,874 parameters: two stages, each of one padded and one bare convolution."""

    def stage(filters: int) -> list[Any]:
        return [
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.Conv2D(filters, 3, padding="valid", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(DROPOUT),
        ]

    top = [layers.Flatten(), layers.Dense(1024, activation="relu"), layers.Dropout(DENSE_DROPOUT)]
    output = layers.Dense(data.CLASSES, activation="softmax", dtype="float32")
    shape = (data.SIZE, data.SIZE, data.CHANNELS)
    return keras.Sequential([layers.Input(shape), *stage(128), *stage(256), *top, output])


class Epochs(keras.callbacks.Callback):
    """Marks every epoch and its evaluation, each after the device has caught up."""

    def __init__(self, device: Device, wait: InputWait) -> None:
        super().__init__()
        self.device, self.wait, self.epoch, self.training_s = device, wait, 0, 0.0
        self.history: list[dict[str, float]] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """The epoch begins."""
        self.device.synchronise(self.model)
        self.epoch, self.began_s, self.waited_s = epoch + 1, time.monotonic(), self.wait.seconds
        marks.begin(f"epoch {self.epoch}")
        self.wait.begin()

    def on_test_begin(self, logs: Any = None) -> None:
        """Its training is over, its evaluation begins."""
        self.device.synchronise(self.model)
        self.training_s += time.monotonic() - self.began_s
        marks.begin(f"evaluate {self.epoch}")
        self.wait.begin()

    def on_test_end(self, logs: Any = None) -> None:
        """Its evaluation is over."""
        self.device.synchronise(self.model)
        marks.end(f"evaluate {self.epoch}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The epoch is over, with these means."""
        self.device.synchronise(self.model)
        values = {name: float(value) for name, value in logs.items()} | self.wait.since(self.waited_s)
        marks.end(f"epoch {self.epoch}", **values)
        self.history.append(values)
        print(f"epoch {self.epoch}: " + ", ".join(f"{name} {value:.4f}" for name, value in values.items()), flush=True)


def shifted(xp: Any, images: Any, down: Any, right: Any, mirrored: Any) -> Any:
    """``images`` (n, size, size, channels) moved by (n,) pixels and mirrored where (n,) ``mirrored``; bilinear.

    ``xp`` is numpy or keras.ops: both inputs do the same arithmetic. Each output row is a weighted sum of the input's
    rows, 1 - distance where that is positive, and the same for columns; so two small matrix products do all of it.
    """
    along = xp.arange(data.SIZE, dtype="float32")
    last = data.SIZE - 1.0

    def weights(source: Any) -> Any:
        return xp.maximum(1.0 - xp.abs(xp.clip(source, 0.0, last)[:, :, None] - along), 0.0)

    def along_first_axis(matrix: Any, pixels: Any) -> Any:
        flat = xp.reshape(pixels, (-1, data.SIZE, data.SIZE * data.CHANNELS))
        return xp.reshape(xp.matmul(matrix, flat), (-1, data.SIZE, data.SIZE, data.CHANNELS))

    columns = along - right[:, None]
    columns = xp.where(mirrored[:, None], last - columns, columns)
    moved = along_first_axis(weights(along - down[:, None]), images)
    return xp.transpose(along_first_axis(weights(columns), xp.transpose(moved, (0, 2, 1, 3))), (0, 2, 1, 3))


class Batches(keras.utils.PyDataset):
    """Batches of (inputs, one-hot labels); the training split comes in a new order every epoch.

    ``inputs(numbers, rng)`` makes them of the images' numbers (n,) and a generator of random numbers.
    """

    def __init__(self, labels: Any, inputs: Any, options: argparse.Namespace, *, training: bool) -> None:
        super().__init__(workers=options.workers, max_queue_size=10 * options.workers)
        self.labels, self.inputs = np.eye(data.CLASSES, dtype=np.float32)[labels], inputs
        self.batch, self.seed, self.training, self.epoch = options.batch, options.seed, training, 0
        steps = -(-len(labels) // options.batch)
        self.steps = min(steps, options.steps) if training and options.steps else steps
        self.on_epoch_end()

    def __len__(self) -> int:
        return self.steps

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self.epoch += 1
        count = len(self.labels)
        order = np.random.default_rng([self.seed, self.epoch]).permutation(count) if self.training else np.arange(count)
        self.order = order.astype(np.int32)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        chosen = self.order[index * self.batch : (index + 1) * self.batch]
        rng = np.random.default_rng([self.seed, self.epoch, index])  # of its own: threads share none
        return self.inputs(chosen, rng), self.labels[chosen]


def through_loader(cnn: Any, images: data.DataSet, options: argparse.Namespace) -> tuple[Any, Batches, Batches]:
    """The study's way: the host augments batch by batch and sends pixels, float32 from 0 to 1."""

    def plain(chosen: Any, rng: np.random.Generator) -> Any:
        return images.test_images[chosen].astype(np.float32) / 255

    def augmented(chosen: Any, rng: np.random.Generator) -> Any:
        pixels = images.train_images[chosen].astype(np.float32) / 255
        if options.augment == "none":
            return pixels
        down, right = rng.uniform(-SHIFT * data.SIZE, SHIFT * data.SIZE, (2, len(chosen))).astype(np.float32)
        mirrored = rng.random(len(chosen)) < (0.5 if options.augment == "shift-flip" else 0)
        return shifted(np, pixels, down, right, mirrored)

    training = Batches(images.train_labels, augmented, options, training=True)
    return cnn, training, Batches(images.test_labels, plain, options, training=False)


def on_device(cnn: Any, images: data.DataSet, options: argparse.Namespace) -> tuple[Any, Batches, Batches]:
    """The whole data set lies on the device; the host sends numbers, the compiled step fetches and augments."""
    numbers, first = layers.Input((), dtype="int32"), np.int32(len(images.train_labels))
    stored = StoredImages(np.concatenate([images.train_images, images.test_images]), options.augment, options.seed)
    training = Batches(images.train_labels, lambda chosen, rng: chosen, options, training=True)
    test = Batches(images.test_labels, lambda chosen, rng: chosen + first, options, training=False)
    return keras.Model(numbers, cnn(stored(numbers))), training, test


class StoredImages(layers.Layer):
    """Holds all images on the device, and gives those with the numbers asked for, from 0 to 1; augments in training."""

    def __init__(self, images: Any, augment: str, seed: int) -> None:
        super().__init__(dtype="float32", trainable=False)
        self.augment, self.random = augment, keras.random.SeedGenerator(seed)
        self.images = keras.Variable(images, dtype="uint8", trainable=False, name="images")

    def call(self, numbers: Any, training: bool = False) -> Any:
        """Images (n, 32, 32, 3) float32 with these (n,) numbers."""
        images = ops.cast(ops.take(self.images, numbers, axis=0), "float32") / 255.0
        if not training or self.augment == "none":
            return images
        many, reach = (ops.shape(numbers)[0],), SHIFT * data.SIZE
        down, right = (keras.random.uniform(many, -reach, reach, seed=self.random) for _ in range(2))
        mirrored = keras.random.uniform(many, seed=self.random) < (0.5 if self.augment == "shift-flip" else 0.0)
        return shifted(ops, images, down, right, mirrored)


if __name__ == "__main__":
    main(settings)
