"""Train a small CNN of chosen width and precision on 32x32 images, in PyTorch; by default exactly study 1.

::

    python torch_width_cnn.py --width 2 --precision float16 --data ~/cifar-10-python.tar.gz
    python torch_width_cnn.py --dataset digits --optimizer adam --lr 1e-3 --batch 32 --epochs 5 --input device

Study 1 is Maytom 2025: three widths, each in float32 and with automatic mixed precision, on CIFAR-10.

Phases: setup (from the import of the framework on), then train > epoch N > evaluate N. "train" is the window to
compare: it holds every epoch with its evaluation, as in the study.

"input_wait_s" is the host's time within it to get its next batch, taken around next(): with the loader on the CPU, the
wait for its workers (their start included). On CUDA no part of it waits for the device's results, so that with
``--input device`` it is the time to queue that work; the GPU's own share of it is not told, and where the queue is full
it holds some of the step's own work.
Exit codes: 2 for wrong use or data, 3 for a device that is not there or lacks the precision.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import data
import marks

# What the study fixes.
FILTERS = 32  # of the first stage at width 1
PADDING = 4  # of the random crop: black pixels on every side
READY_IMAGES = 4096  # prepared at once on the device, 50 MB of float32
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
STUDY = {"dataset": "cifar10", "epochs": 30, "batch": 128, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9}
STUDY |= {
    "weight_decay": 5e-4,
    "input": "loader",
    "workers": 4,
    "augment": "crop-flip",
    "precision": "float32",
    "width": 1,
}

AUGMENTATIONS = ("crop-flip", "crop", "none")
PRECISIONS = ("float32", "tf32", "float16", "bfloat16")
CPU_FACTS = Path("/proc/cpuinfo")
CPU_FEATURES = {"float16": {"avx512_fp16", "amx_fp16", "asimdhp"}, "bfloat16": {"avx512_bf16", "amx_bf16", "bf16"}}
REFUSED = 3  # the exit code for what this machine cannot do


def arguments() -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description="Train the width CNN. Left out, an option is as in study 1.")
    add = parser.add_argument
    add("--width", type=data.at_least(1), help="factor on the width of every layer; 1, 2, 3 in the study")
    add("--precision", choices=PRECISIONS, help="of the training step; evaluation is in float32")
    add("--emulate", action="store_true", help="go on where the CPU can only emulate the precision, very slowly")
    data.add_options(parser)
    add("--epochs", type=data.at_least(1))
    add("--batch", type=data.at_least(1))
    add("--steps", type=data.at_least(0), default=0, help="at most so many training steps an epoch; 0: all")
    add("--optimizer", choices=("sgd", "adam"))
    add("--lr", type=data.number)
    add("--momentum", type=data.number, help="of sgd")
    add("--weight-decay", type=data.number)
    add("--input", choices=("loader", "device"), help="device: the data set and its augmentation on the device")
    add(
        "--augment", choices=AUGMENTATIONS, help="of training images; a mirrored digit is another sign, so crop at most"
    )
    add("--workers", type=data.at_least(0), help="processes of the loader")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--threads", type=data.at_least(0), default=0, help="of PyTorch on the CPU; 0: its own choice")
    add("--seed", type=data.at_least(0), default=0)
    parser.set_defaults(**STUDY)
    return parser.parse_args()


if __name__ == "__main__":
    settings = arguments()
    marks.begin("setup")

import torch  # noqa: E402  a wrong option is told before this takes its seconds
from torch import nn  # noqa: E402


def main(options: argparse.Namespace) -> None:
    """Set up, train and evaluate, leave the results."""
    if options.threads:
        torch.set_num_threads(options.threads)
    device = choose_device(options)
    set_precision(options.precision)
    torch.manual_seed(options.seed)
    images = data.load_as_asked(options, layout="NCHW")
    feed = on_device if options.input == "device" else through_loader
    training_batches = feed(images.train_images, images.train_labels, options, device, training=True)
    test_batches = feed(images.test_images, images.test_labels, options, device, training=False)
    model = network(options.width).to(device)
    parameters = sum(weight.numel() for weight in model.parameters())
    trainer = Trainer(model, options, device)
    synchronise(device)
    marks.end("setup")

    training_s, history = 0.0, []
    with marks.phase("train"):
        for epoch in range(1, options.epochs + 1):
            with marks.phase(f"epoch {epoch}") as metrics:
                waited_s = trainer.input_wait_s
                started_s = time.monotonic()
                metrics["loss"], metrics["accuracy"] = trainer.train(training_batches())
                synchronise(device)
                training_s += time.monotonic() - started_s
                with marks.phase(f"evaluate {epoch}"):
                    metrics["val_loss"], metrics["val_accuracy"] = trainer.evaluate(test_batches())
                    synchronise(device)
                metrics["input_wait_s"] = trainer.input_wait_s - waited_s
            history.append(metrics)
            print(f"epoch {epoch}: " + ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()), flush=True)

    last, best = history[-1], max(metrics["val_accuracy"] for metrics in history)
    images_per_s, name = trainer.images / training_s, device_name(device)
    marks.result(accuracy=best, accuracy_final=last["val_accuracy"])
    marks.result(loss_final=last["loss"], val_loss_final=last["val_loss"])
    marks.result(
        classes=data.CLASSES,
        parameters=parameters,
        steps=trainer.steps,
        images_per_s=images_per_s,
        precision=options.precision,
        input_wait_s=trainer.input_wait_s,
    )
    marks.result(device=name, max_memory_B=max_memory_B(device), torch_version=torch.__version__)
    print(
        f"width {options.width}, {options.precision}, {name}: {parameters:,} parameters, {trainer.steps} steps, "
        f"{images_per_s:,.0f} images/s, best accuracy {best:.4f}"
    )


def network(width: int) -> Any:
    """The study's network: stages of two, two and one convolutions, each pooled; 666,538 parameters at width 1."""
    first, second, third = FILTERS * width, 2 * FILTERS * width, 4 * FILTERS * width

    def convolution(inputs: int, outputs: int) -> tuple[Any, Any]:
        return nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()

    layers = [*convolution(data.CHANNELS, first), *convolution(first, first), nn.MaxPool2d(2)]
    layers += [*convolution(first, second), *convolution(second, second), nn.MaxPool2d(2)]
    layers += [*convolution(second, third), nn.MaxPool2d(2), nn.Flatten()]
    layers += [nn.Linear(third * 4 * 4, 2 * third), nn.ReLU(), nn.Linear(2 * third, data.CLASSES)]
    return nn.Sequential(*layers)


class Trainer:
    """The model with its optimiser; reduced precision in the training step only, as in the study."""

    def __init__(self, model: Any, options: argparse.Namespace, device: Any) -> None:
        self.model, self.device, self.most_steps = model, device, options.steps
        self.steps = self.images = 0
        self.input_wait_s = 0.0
        reduced = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(options.precision)
        self.autocast = torch.autocast(device.type, dtype=reduced, enabled=reduced is not None)
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "float16")
        # A fused optimiser takes the scaler's verdict on the device; the default one makes the host wait for it at
        # every float16 step, which is part of the study's way (loader) but not of a loop that never waits (device).
        implementation = {"fused": True} if device.type == "cuda" and options.input == "device" else {}
        common = {"lr": options.lr, "weight_decay": options.weight_decay, **implementation}
        if options.optimizer == "sgd":
            self.optimiser = torch.optim.SGD(model.parameters(), momentum=options.momentum, **common)
        else:
            self.optimiser = torch.optim.Adam(model.parameters(), **common)

    def train(self, batches: Iterable[tuple[Any, Any]]) -> tuple[float, float]:
        """One epoch; mean loss and accuracy over its images, as they were before each step."""
        self.model.train()
        tally = Tally(self.device)
        for inputs, labels in islice(self.waited(batches), self.most_steps or None):
            self.optimiser.zero_grad(set_to_none=True)
            with self.autocast:
                outputs = self.model(inputs)
                loss = nn.functional.cross_entropy(outputs, labels)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimiser)
            self.scaler.update()
            tally.add(loss.detach(), outputs.detach(), labels)
            self.steps += 1
        self.images += tally.images
        return tally.means()

    def evaluate(self, batches: Iterable[tuple[Any, Any]]) -> tuple[float, float]:
        """Mean loss and accuracy over the batches, in float32."""
        self.model.eval()
        tally = Tally(self.device)
        with torch.inference_mode():
            for inputs, labels in self.waited(batches):
                outputs = self.model(inputs)
                tally.add(nn.functional.cross_entropy(outputs, labels), outputs, labels)
        return tally.means()

    def waited(self, batches: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """The same batches; the time to get each of them is added up."""
        iterator = iter(batches)
        while True:
            started_s = time.perf_counter()
            batch = next(iterator, None)
            self.input_wait_s += time.perf_counter() - started_s
            if batch is None:
                return
            yield batch


class Tally:
    """Sums of loss and hits, kept on the device so that the loop never waits for a value."""

    def __init__(self, device: Any) -> None:
        self.loss = torch.zeros((), device=device)
        self.hits = torch.zeros((), dtype=torch.int64, device=device)
        self.images = 0

    def add(self, loss: Any, outputs: Any, labels: Any) -> None:
        """Count a batch with its mean loss."""
        self.loss += loss.float() * len(labels)
        self.hits += (outputs.argmax(1) == labels).sum()
        self.images += len(labels)

    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy; waits for the device."""
        return self.loss.item() / self.images, self.hits.item() / self.images


# --- input -----------------------------------------------------------------------------------------------------------

Batches = Callable[[], Iterator[tuple[Any, Any]]]


def through_loader(images: Any, labels: Any, options: argparse.Namespace, device: Any, *, training: bool) -> Batches:
    """The study's way: worker processes prepare image by image on the CPU and hand over pinned batches."""
    on_gpu = device.type == "cuda"
    loader: Iterable[tuple[Any, Any]] = torch.utils.data.DataLoader(
        Images(images, labels, options.augment if training else "none"),
        batch_size=options.batch,
        shuffle=training,
        num_workers=options.workers,
        pin_memory=on_gpu,
    )

    def batches() -> Iterator[tuple[Any, Any]]:
        for inputs, targets in loader:
            yield inputs.to(device, non_blocking=on_gpu), targets.to(device, non_blocking=on_gpu)

    return batches


class Images:
    """Images one at a time, cropped and flipped at random as ``augment`` says, and normalised."""

    def __init__(self, images: Any, labels: Any, augment: str) -> None:
        self.images = torch.from_numpy(images) if augment == "none" else padded(torch.from_numpy(images))
        self.labels, self.augment = labels, augment
        self.mean, self.std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = self.images[index]
        if self.augment != "none":
            top, left = torch.randint(2 * PADDING + 1, (2,)).tolist()
            image = image[:, top : top + data.SIZE, left : left + data.SIZE]
            if self.augment == "crop-flip" and torch.rand(()) < 0.5:
                image = image.flip(-1)
        return (image.float() / 255 - self.mean) / self.std, int(self.labels[index])


def on_device(images: Any, labels: Any, options: argparse.Namespace, device: Any, *, training: bool) -> Batches:
    """The whole split on the device, cropped, flipped and normalised there, many batches at a time.

    One batch at a time would queue some twenty small kernels before each step: launching them costs the host as much
    as the small network's own, and where the device is behind, the host would stand in its queue there.
    """
    pixels, targets = torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
    augment = options.augment if training else "none"
    pixels = pixels if augment == "none" else padded(pixels)
    flips = 0.5 if augment == "crop-flip" else 0.0
    mean = torch.tensor(MEAN, device=device).view(3, 1, 1) * 255
    std = torch.tensor(STD, device=device).view(3, 1, 1) * 255
    channel = torch.arange(data.CHANNELS, device=device).view(1, -1, 1, 1)
    along = torch.arange(data.SIZE, device=device)
    ready = max(1, READY_IMAGES // options.batch) * options.batch

    def batches() -> Iterator[tuple[Any, Any]]:
        order = torch.randperm(len(pixels), device=device) if training else torch.arange(len(pixels), device=device)
        for chosen in order.split(ready):
            if augment != "none":  # one gather crops and flips: a flipped image reads its columns from right to left
                top, left = torch.randint(2 * PADDING + 1, (2, len(chosen), 1), device=device)
                flip = torch.rand(len(chosen), 1, device=device) < flips
                rows, columns = top + along, left + torch.where(flip, data.SIZE - 1 - along, along)
                inputs = pixels[chosen.view(-1, 1, 1, 1), channel, rows[:, None, :, None], columns[:, None, None, :]]
            else:
                inputs = pixels[chosen]
            yield from zip(
                inputs.float().sub_(mean).div_(std).split(options.batch),
                targets[chosen].split(options.batch),
                strict=True,
            )

    next(batches())  # a device loads each kernel at its first use: that is set-up, not waiting for input
    return batches


def padded(images: Any) -> Any:
    """``images`` with the border that the random crop needs; black before it is normalised."""
    return nn.functional.pad(images, (PADDING,) * 4)


# --- device ----------------------------------------------------------------------------------------------------------


def choose_device(options: argparse.Namespace) -> Any:
    """The device asked for; ends the script where it is absent or would have to emulate the precision."""
    there = torch.cuda.is_available()
    if options.device == "cuda" and not there:
        data.leave("PyTorch sees no CUDA device here; use --device cpu, or a PyTorch built for CUDA", REFUSED)
    device = torch.device("cuda" if there and options.device != "cpu" else "cpu")
    precision, name = options.precision, device_name(device)
    if device.type == "cuda":
        if precision in ("tf32", "bfloat16") and torch.cuda.get_device_capability(device) < (8, 0):
            data.leave(f"{name} lacks {precision} (from compute capability 8.0 on): use float16", REFUSED)
    elif precision == "tf32":
        data.leave("tf32 is a mode of NVIDIA tensor cores; on a CPU use float32 or bfloat16", REFUSED)
    elif not options.emulate and cpu_lacks(precision):
        remedy = "use another precision, or --emulate to do it all the same"
        data.leave(f"this CPU has no {precision} arithmetic, it would be emulated many times slower; {remedy}", REFUSED)
    return device


def cpu_lacks(precision: str) -> bool:
    """Whether the CPU's own list of features is there and lacks arithmetic in ``precision``."""
    native = CPU_FEATURES.get(precision)
    return native is not None and CPU_FACTS.exists() and not native & set(CPU_FACTS.read_text("latin-1").split())


def set_precision(precision: str) -> None:
    """Let float32 be float32 on the GPU too, unless tf32 is asked for."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def synchronise(device: Any) -> None:
    """Wait until the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def device_name(device: Any) -> str:
    """What the device calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU {platform.machine()}"


def max_memory_B(device: Any) -> int:
    """The most memory held at once: on a GPU by tensors, on the CPU by this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(settings)
