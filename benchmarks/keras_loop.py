"""Whether `workloads/keras_cnn.py` is slower than the same training written down plainly in Keras.

Epochs of four trainings of the same network and images, one after the other in each round, in a new order every round;
the first round compiles and is left out. The figures are medians over the rounds of ratios within one round, since
other work comes and goes more slowly than that: of wall time, and of processor time of the whole process, which other
work disturbs less. Validation is left out, it is the same call in all of them.

- as shipped: the batches, marks and watched iterator of keras_cnn.py;
- the same batches in a plain model.fit: what marks and watching cost;
- the published notebook's way: model.fit on ImageDataGenerator's shifts and flips (legacy code of Keras, needs scipy);
- model.fit on arrays, which augments nothing.

Bare: a network of one dense layer, whose step takes almost no time, so that what is done around each step
shows. KERAS_BACKEND chooses the backend.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from ledger import Figure, report, settings

WORKLOADS = Path(__file__).resolve().parents[1] / "workloads"
SHIPPED, SAME, NOTEBOOK, ARRAYS = "as shipped", "a plain model.fit", "the published way", "model.fit on arrays"
BARE_BATCH = 4


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--input", choices=("loader", "device"), default="loader", help="of the shipped script")
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.path.insert(0, str(WORKLOADS))
    cnn = importlib.import_module("keras_cnn")
    figures = []
    for what, network, batch in (("study 2", cnn.network, options.batch), ("bare", lambda: bare(cnn), BARE_BATCH)):
        made = trainings(cnn, network(), options.images, batch, options.input)
        figures += compared(made, options.rounds, what, -(-options.images // batch))
    report(f"keras_loop, {cnn.keras.backend.backend()}, Keras {cnn.keras.__version__}", figures, options.out)


def bare(cnn: Any) -> Any:
    """A network of one dense layer."""
    layers = cnn.layers
    shape = (cnn.data.SIZE, cnn.data.SIZE, cnn.data.CHANNELS)
    last = layers.Dense(cnn.data.CLASSES, activation="softmax")
    return cnn.keras.Sequential([layers.Input(shape), layers.Flatten(), last])


def compared(epochs: dict[str, Callable[[], object]], rounds: int, what: str, steps: int) -> list[Figure]:
    """Each training against the shipped one, which has so many ``steps`` an epoch."""
    wall: list[dict[str, float]] = []
    cpu: list[dict[str, float]] = []
    for number in range(rounds + 1):
        taken: dict[str, tuple[float, float]] = {}
        for name in random.Random(number).sample(sorted(epochs), len(epochs)):
            began_s, used_s = time.perf_counter(), time.process_time()
            epochs[name]()
            taken[name] = time.perf_counter() - began_s, time.process_time() - used_s
        if number:
            wall.append({name: both[0] for name, both in taken.items()})
            cpu.append({name: both[1] for name, both in taken.items()})
    figures = [Figure(f"{what}: an epoch of {steps} steps as shipped", median(item[SHIPPED] for item in wall), "s")]
    for kind, rows in (("wall", wall), ("processor", cpu)):
        for name in (SAME, NOTEBOOK, ARRAYS):
            ratios = [row[SHIPPED] / row[name] for row in rows]
            figures.append(Figure(f"{what}, {kind} time over that of {name}", median(ratios), "x"))
        more_s = median(row[SHIPPED] - row[SAME] for row in rows) / steps
        figures.append(Figure(f"{what}, {kind} time a step beyond {SAME}", 1e3 * more_s, "ms"))
    return figures


def trainings(cnn: Any, network: Any, images: int, batch: int, way: str) -> dict[str, Callable[[], object]]:
    """One more epoch of each training of a copy of ``network``, by its name."""
    keras, np = cnn.keras, cnn.np
    device = cnn.Device(keras.backend.backend())
    device.set_precision("float32")
    split = cnn.data.load("synthetic", train_images=images, test_images=batch)
    asked = argparse.Namespace(batch=batch, seed=0, steps=0, workers=1, augment="shift-flip")
    pixels = split.train_images.astype(np.float32) / 255
    labels = np.eye(cnn.data.CLASSES, dtype=np.float32)[split.train_labels]

    def compiled(model: Any) -> Any:
        model.compile(keras.optimizers.RMSprop(1e-4), "categorical_crossentropy", metrics=["accuracy"])
        return model

    def fit(model: Any, *inputs: Any, **more: Any) -> Callable[[], object]:
        def epoch() -> None:
            model.fit(*inputs, epochs=1, verbose=0, **more)
            device.synchronise(model)

        return epoch

    def shipped() -> tuple[Any, Any]:
        model, batches, _ = (cnn.on_device if way == "device" else cnn.through_loader)(
            keras.models.clone_model(network), split, asked
        )
        return compiled(model), batches

    watched, its_batches = shipped()
    wait = cnn.InputWait(device.backend, keras.__version__)
    wait.watch(watched)
    plain, same_batches = shipped()
    generator = importlib.import_module("keras._tf_keras.keras.preprocessing.image").ImageDataGenerator
    flow = generator(width_shift_range=cnn.SHIFT, height_shift_range=cnn.SHIFT, horizontal_flip=True).flow(
        pixels, labels, batch_size=batch
    )
    marked = cnn.Epochs(device, wait)
    return {
        SHIPPED: fit(watched, its_batches, callbacks=[marked], shuffle=False),
        SAME: fit(plain, same_batches, shuffle=False),
        NOTEBOOK: fit(compiled(keras.models.clone_model(network)), flow),
        ARRAYS: fit(compiled(keras.models.clone_model(network)), pixels, labels, batch_size=batch),
    }


if __name__ == "__main__":
    main()
