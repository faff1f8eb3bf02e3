"""Train a new head on a network of keras.applications, and fine-tune it, in Keras 3; by default study 3.

::

    python keras_transfer.py --architecture vgg16 --dataset cifar10 --data ~/cifar-10-python.tar.gz
    python keras_transfer.py --architecture xception --dataset folder --data ~/squares --size 128 --head pooled \\
        --epochs 10 --finetune-epochs 30 --patience 3

Study 3 is Xu et al. 2023: VGG16, VGG19, ResNet50, frozen, under two dense layers of 4096. Study 4 is del Rey et al.
2023: five networks on images of two classes, the head first, then all of it, with early stopping.

Phases: setup, then train > epoch N > evaluate N (epochs count through both stages; "finetune" holds those of the
second), then "inference": the test images once more, timed for itself. "train" is the window to compare, and
"input_wait_s" the host's time within it to get its batches (keras_input.py says how it is taken).
Exit codes: 2 for wrong use or data, 3 for what this machine lacks, weights that cannot be had included.
"""

from __future__ import annotations

import argparse
import time
from contextlib import nullcontext
from typing import Any

import data
import marks
import numpy as np
from keras_device import PRECISIONS, REFUSED, Device, prepare_environment, refuse_what_is_lacking
from keras_input import InputWait

ARCHITECTURES = {
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "resnet50": "ResNet50",
    "mobilenet_v2": "MobileNetV2",
    "nasnet_mobile": "NASNetMobile",
    "xception": "Xception",
}
STUDY = {"architecture": "vgg16", "dataset": "cifar10", "size": 0, "head": "dense", "epochs": 30, "batch": 32}
STUDY |= {"lr": 1e-4, "finetune_lr": 1e-5, "augment": "rotate-shift-flip", "precision": "float32", "workers": 1}
ROTATION, SHIFT = 15 / 360, 0.1  # of a turn; of the image's size
SETTLING = 64
"""Images from which a random base takes the statistics of its normalisations."""
FLOP_BATCH = 32
"""Images of the forward pass whose operations are counted, as in study 3."""


def arguments() -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description="Transfer learning. Left out, an option is as in study 3.")
    add = parser.add_argument
    add("--architecture", choices=ARCHITECTURES)
    add("--weights", default="random", help="of the base: random, imagenet (fetched by Keras), or a file of weights")
    add("--head", choices=("dense", "pooled"), help="dense: flatten, 4096, 4096, dropout (study 3); pooled: study 4")
    data.add_options(parser, folder=True)
    add("--size", type=data.at_least(0), help="height and width of images; 0: as in study 3, 48 for mnist, else 32")
    add("--binary", action="store_true", help="of a set of ten classes: even against odd")
    add("--epochs", type=data.at_least(1), help="of the head, the base frozen")
    add("--finetune-epochs", type=data.at_least(0), default=0, help="then of all layers: SGD with momentum 0.9")
    add("--patience", type=data.at_least(0), default=0, help="epochs without a lower validation loss; 0: no stopping")
    add("--batch", type=data.at_least(1))
    add("--steps", type=data.at_least(0), default=0, help="at most so many training steps an epoch; 0: all")
    add("--lr", type=data.number, help="of Adam, for the head")
    add("--finetune-lr", type=data.number)
    add("--augment", choices=("rotate-shift-flip", "rotate-shift", "none"), help="of training images")
    add("--precision", choices=PRECISIONS)
    add("--emulate", action="store_true", help="go on where the CPU can only emulate the precision, very slowly")
    add("--eager", action="store_true", help="operations one by one: begins sooner, as nothing is compiled; for trials")
    add("--workers", type=data.at_least(1), help="threads of the loader")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--seed", type=data.at_least(0), default=0)
    parser.set_defaults(**STUDY)
    options = parser.parse_args()
    options.size = options.size or (48 if options.dataset == "mnist" else data.SIZE)
    return options


if __name__ == "__main__":
    settings = arguments()
    marks.begin("setup")
    prepare_environment(settings.device)

import keras  # noqa: E402  a wrong option is told before this takes its seconds
from keras import layers  # noqa: E402


def main(options: argparse.Namespace) -> None:
    """Set up, train the head, fine-tune, time the inference, leave the results."""
    device = configured(options)
    images = data.load_as_asked(options)
    if options.binary:
        images = data.parity(images)
    classes = images.classes
    base = base_network(options)
    if options.weights == "random":
        settle_statistics(base, data.resized(images.train_images[:SETTLING], options.size) / 255)
    model = network(base, options.head, classes)
    training = Batches(images.train_images, images.train_labels, options, classes, training=True)
    test = Batches(images.test_images, images.test_labels, options, classes, training=False)
    base.trainable = False
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    wait = InputWait(device.backend, keras.__version__)
    compile_for(model, keras.optimizers.Adam(options.lr), classes, wait, eager=options.eager)
    device.synchronise(model)
    marks.end("setup")

    epochs = Epochs(device, wait)
    asked = {"validation_data": test, "shuffle": False, "verbose": 0}
    with marks.phase("train"):
        model.fit(training, epochs=options.epochs, callbacks=[epochs, *stopping(options)], **asked)
        head_epochs = len(epochs.history)
        with marks.phase("finetune") if options.finetune_epochs else nullcontext():
            if options.finetune_epochs:
                base.trainable = True
                optimiser = keras.optimizers.SGD(options.finetune_lr, momentum=0.9)
                compile_for(model, optimiser, classes, wait, eager=options.eager)
                model.fit(training, epochs=options.finetune_epochs, callbacks=[epochs, *stopping(options)], **asked)
    waited = wait.since(0.0)
    model.predict(test, steps=1, verbose=0)  # compiled before it is timed
    device.synchronise(model)
    with marks.phase("inference"):
        began_s = time.monotonic()
        scores = model.predict(test, verbose=0)
        device.synchronise(model)
        inference_s = time.monotonic() - began_s

    epochs.leave_results(head_epochs, training.seen)
    guesses = scores.argmax(1) if classes > 2 else (scores[:, 0] > 0.5).astype(int)
    marks.result(accuracy_final=float((guesses == images.test_labels).mean()), classes=classes)
    marks.result(f1=f1(guesses, images.test_labels, classes))
    marks.result(inference_images=len(images.test_labels), inference_s=inference_s)
    total, parameters = flop(model, FLOP_BATCH), model.count_params()
    marks.result(parameters=parameters, trainable_parameters=trainable, flop_per_batch=total)
    marks.result(flop_head_per_batch=total - flop(base, FLOP_BATCH), precision=options.precision)
    marks.result(weights=options.weights if options.weights in ("random", "imagenet") else "file")
    marks.result(**waited, device=device.name, max_memory_B=device.max_memory_B())
    marks.result(backend=device.backend, keras_version=keras.__version__, eager=options.eager)
    print(
        f"{options.architecture}, {options.size} pixels, {device.backend} on {device.name}: {parameters:,} parameters "
        f"({trainable:,} trainable), {total / 1e9:.3g} GFLOP a batch of {FLOP_BATCH}, {len(epochs.history)} epochs"
    )


def configured(options: argparse.Namespace) -> Device:
    """The device, with Keras set as the options say; ends the script where it lacks something."""
    device = Device(keras.backend.backend())
    refuse_what_is_lacking(options, device)
    device.set_precision(options.precision)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy(options.precision if options.precision.startswith("mixed") else "float32")
    keras.utils.set_random_seed(options.seed)
    return device


def base_network(options: argparse.Namespace) -> Any:
    """The network without its top; ends the script where its weights cannot be had."""
    shape, weights = (options.size, options.size, data.CHANNELS), options.weights
    make = getattr(keras.applications, ARCHITECTURES[options.architecture])
    named = None if weights == "random" else weights
    try:
        return make(include_top=False, weights=named, input_shape=shape)
    except ValueError as error:
        reason = " ".join(str(error).split())
        data.leave(f"{options.architecture} at {options.size} pixels with weights {weights}: {reason[:300]}", REFUSED)
    except Exception as error:  # noqa: BLE001  a download fails in as many ways as there are libraries below it
        reason = " ".join(str(error).split())
        data.leave(
            f"the weights {weights} of {options.architecture} cannot be had ({type(error).__name__}: {reason[:200]}); "
            "fetch them beforehand into Keras's own folder, name a file, or use --weights random",
            REFUSED,
        )


def settle_statistics(base: Any, images: Any) -> None:
    """Mean and variance of every batch normalisation from these images: random weights know none.

    Without it the values run away or vanish with depth, and a frozen base tells its head nothing.
    """
    found = [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in found]
    for layer in found:
        layer.momentum = 0.0
    if found:
        base(images, training=True)
    for layer, momentum in zip(found, momenta, strict=True):
        layer.momentum = momentum


def network(base: Any, head: str, classes: int) -> Any:
    """``base`` under the head of study 3 or 4; one sigmoid for two classes, else softmax; the output in float32."""
    if head == "dense":
        top = [layers.Flatten(), layers.Dense(4096, activation="relu"), layers.Dense(4096, activation="relu")]
        top += [layers.Dropout(0.5)]
    else:
        top = [layers.GlobalAveragePooling2D(), layers.Dropout(0.2)]
    last = layers.Dense(1, activation="sigmoid", dtype="float32")
    if classes > 2:
        last = layers.Dense(classes, activation="softmax", dtype="float32")
    tensor = base.output
    for layer in (*top, last):
        tensor = layer(tensor)
    return keras.Model(base.input, tensor)


def compile_for(model: Any, optimiser: Any, classes: int, wait: InputWait, *, eager: bool) -> None:
    """Cross-entropy and accuracy for so many classes; the waits for its batches are watched."""
    kind = "sparse_categorical" if classes > 2 else "binary"
    model.compile(optimiser, f"{kind}_crossentropy", metrics=["accuracy"], run_eagerly=eager)
    wait.watch(model)


def stopping(options: argparse.Namespace) -> list[Any]:
    """Early stopping on the validation loss, which goes back to the best weights; nothing where it is not asked for."""
    if not options.patience:
        return []
    return [keras.callbacks.EarlyStopping("val_loss", patience=options.patience, restore_best_weights=True)]


class Epochs(keras.callbacks.Callback):
    """Marks every epoch and its evaluation, counted through both stages, each after the device has caught up."""

    def __init__(self, device: Device, wait: InputWait) -> None:
        super().__init__()
        self.device, self.wait, self.training_s, self.stopped = device, wait, 0.0, False
        self.history: list[dict[str, float]] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """The epoch begins."""
        self.device.synchronise(self.model)
        self.began_s, self.waited_s = time.monotonic(), self.wait.seconds
        marks.begin(f"epoch {len(self.history) + 1}")
        self.wait.begin()

    def on_test_begin(self, logs: Any = None) -> None:
        """Its training is over, its evaluation begins."""
        self.device.synchronise(self.model)
        self.training_s += time.monotonic() - self.began_s
        marks.begin(f"evaluate {len(self.history) + 1}")
        self.wait.begin()

    def on_test_end(self, logs: Any = None) -> None:
        """Its evaluation is over."""
        self.device.synchronise(self.model)
        marks.end(f"evaluate {len(self.history) + 1}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The epoch is over, with these means."""
        values = {name: float(value) for name, value in logs.items()} | self.wait.since(self.waited_s)
        number = len(self.history) + 1
        marks.end(f"epoch {number}", **values)
        self.history.append(values)
        print(f"epoch {number}: " + ", ".join(f"{name} {value:.4f}" for name, value in values.items()), flush=True)

    def on_train_end(self, logs: Any = None) -> None:
        """Whether a stage ended before its last epoch."""
        self.stopped = self.stopped or bool(self.model.stop_training)

    def leave_results(self, head_epochs: int, images_an_epoch: int) -> None:
        """What the epochs came to."""
        images, last = images_an_epoch * len(self.history), self.history[-1]
        marks.result(accuracy=max(logs["val_accuracy"] for logs in self.history))
        marks.result(loss_final=last["loss"], val_loss_final=last["val_loss"])
        marks.result(epochs=len(self.history), head_epochs=head_epochs, stopped_early=self.stopped)
        marks.result(images=images, images_per_s=images / self.training_s)


class Batches(keras.utils.PyDataset):
    """Batches of (images from 0 to 1, labels); the training split augmented, in a new order every epoch."""

    def __init__(self, images: Any, labels: Any, options: argparse.Namespace, classes: int, *, training: bool) -> None:
        super().__init__(workers=options.workers, max_queue_size=10)
        self.images, self.labels = images, labels.astype(np.int32 if classes > 2 else np.float32)
        self.batch, self.size, self.seed, self.training, self.epoch = (
            options.batch,
            options.size,
            options.seed,
            training,
            0,
        )
        self.augment = options.augment if training else "none"
        steps = -(-len(labels) // options.batch)
        self.steps = min(steps, options.steps) if training and options.steps else steps
        self.on_epoch_end()

    def __len__(self) -> int:
        return self.steps

    @property
    def seen(self) -> int:
        """Images in an epoch: the last batch may be smaller."""
        return min(self.steps * self.batch, len(self.labels))

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self.epoch += 1
        count = len(self.labels)
        self.order = (
            np.random.default_rng([self.seed, self.epoch]).permutation(count) if self.training else np.arange(count)
        )

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        chosen = self.order[index * self.batch : (index + 1) * self.batch]
        images = data.resized(self.images[chosen], self.size).astype(np.float32) / 255
        if self.augment != "none":
            images = augmented(images, np.random.default_rng([self.seed, self.epoch, index]), self.augment)
        return images, self.labels[chosen]


def augmented(images: Any, rng: np.random.Generator, augment: str) -> Any:
    """``images`` (n, size, size, channels) turned, moved and mirrored at random; nearest pixel, edges held."""
    count, size = images.shape[:2]
    angle = rng.uniform(-ROTATION, ROTATION, (count, 1, 1)) * 2 * np.pi
    down, right = rng.uniform(-SHIFT * size, SHIFT * size, (2, count, 1, 1))
    sign = np.where(rng.random((count, 1, 1)) < (0.5 if augment.endswith("flip") else 0.0), -1.0, 1.0)
    middle = (size - 1) / 2
    y, x = np.meshgrid(np.arange(size) - middle, np.arange(size) - middle, indexing="ij")
    x = x * sign
    rows = np.clip(np.rint(np.cos(angle) * y - np.sin(angle) * x + middle + down), 0, size - 1).astype(np.int64)
    columns = np.clip(np.rint(np.sin(angle) * y + np.cos(angle) * x + middle + right), 0, size - 1).astype(np.int64)
    return images[np.arange(count)[:, None, None], rows, columns]


def f1(guesses: Any, truth: Any, classes: int) -> float | None:
    """Of class 1 where there are two, else the mean over the classes that are there or guessed; None without any.

    A class that is there and never guessed has 0, as in scikit-learn; one that is neither has no F1 to be averaged.
    """
    scores = []
    for label in range(classes) if classes > 2 else (1,):
        hits = int(((guesses == label) & (truth == label)).sum())
        told = int((guesses == label).sum()) + int((truth == label).sum())
        scores += [2 * hits / told] if told else []
    return sum(scores) / len(scores) if scores else None


def flop(model: Any, batch: int) -> int:
    """Floating-point operations of a forward pass of ``batch`` images: 2 per multiply-add of convolutions and products.

    Additions, normalisations, activations and pooling are left out, as profilers of graphs mostly do.
    """
    total = 0
    for layer in model.layers:
        kernels = [weight for weight in layer.weights if "kernel" in weight.name]
        if isinstance(layer, layers.Dense):
            total += int(np.prod(layer.kernel.shape))
        elif kernels and isinstance(layer.output, keras.KerasTensor) and len(layer.output.shape) == 4:
            places = int(np.prod(layer.output.shape[1:3]))
            total += places * sum(int(np.prod(weight.shape)) for weight in kernels)
    return 2 * batch * total


if __name__ == "__main__":
    main(settings)
