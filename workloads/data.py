"""Image data sets as plain arrays: cifar10, mnist, digits, synthetic. Needs numpy (digits also scikit-learn).

Every set comes as 32x32 images of three channels in ten classes, so that one network takes all of them; a folder of
your own images comes in its own classes and the size asked for (needs Pillow). Nothing is ever downloaded: cifar10
and mnist are read from a folder that you name, and their checksums are verified first.
Copy this file beside your own script; it needs nothing else of nightwatt.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import pickle
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

NAMES = ("cifar10", "mnist", "digits", "synthetic")
FOLDER = "folder"
"""Beside these, where a script takes it: a folder with one folder of images a class."""
CLASSES = 10
SIZE = 32
"""Height and width of every image, pixels."""
CHANNELS = 3
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}

CIFAR10_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
CIFAR10_ARCHIVE = "cifar-10-python.tar.gz"
CIFAR10_FOLDER = "cifar-10-batches-py"
CIFAR10_ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
CIFAR10_BATCH_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
CIFAR10_BATCH_IMAGES = 10_000

MNIST_HOME = "http://yann.lecun.com/exdb/mnist/"
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}

SYNTHETIC_TRAIN, SYNTHETIC_TEST = 50_000, 10_000
"""Images in the synthetic set unless another number is asked for: as many as CIFAR-10 has."""


class DataError(Exception):
    """A data set is missing, damaged or of the wrong shape; the message says which, where and what to do."""


@dataclass(frozen=True)
class DataSet:
    """Two splits: images (n, 32, 32, 3) or (n, 3, 32, 32), labels (n,) int64 from 0 to 9."""

    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array
    classes: int = CLASSES


def load(
    name: str,
    folder: str | Path | None = None,
    *,
    layout: str = "NHWC",
    dtype: str = "uint8",
    train_images: int = 0,
    test_images: int = 0,
) -> DataSet:
    """The data set ``name``; ``folder`` is where cifar10 and mnist lie (for cifar10 the archive itself will do).

    ``dtype`` is "uint8" (0 to 255) or "float32" (0 to 1). ``train_images`` and ``test_images`` keep only the first so
    many (0: all); the synthetic set is made in that size. Raises DataError when the data cannot be had as they should
    be, ValueError for a name, layout or dtype that does not exist.
    """
    if name not in NAMES or layout not in ("NHWC", "NCHW") or dtype not in ("uint8", "float32"):
        raise ValueError(f"no data set {name!r} in layout {layout!r} and dtype {dtype!r}")
    if name == "synthetic":
        train = _synthetic("train", train_images or SYNTHETIC_TRAIN)
        test = _synthetic("test", test_images or SYNTHETIC_TEST)
    elif name == "digits":
        train, test = _digits()
    elif name == "mnist":
        train, test = _mnist(_folder(name, folder, MNIST_HOME))
    else:
        train, test = _cifar10(_folder(name, folder, CIFAR10_HOME))

    parts: list[Array] = []
    for (images, labels), count in ((train, train_images), (test, test_images)):
        if count > len(images):
            raise DataError(f"{name} has {len(images)} images in this split, {count} were asked for")
        kept = images[: count or None]
        if layout == "NCHW":
            kept = np.ascontiguousarray(kept.transpose(0, 3, 1, 2))
        parts += [kept.astype(np.float32) / 255 if dtype == "float32" else kept, labels[: count or None]]
    return DataSet(parts[0], parts[1], parts[2], parts[3])


def add_options(parser: argparse.ArgumentParser, *, folder: bool = False) -> None:
    """Give a script the options ``--dataset``, ``--data``, ``--train-images`` and ``--test-images``.

    ``folder``: whether it takes images of any number of classes, in the size of its option ``--size``.
    """
    parser.add_argument("--dataset", choices=(*NAMES, FOLDER) if folder else NAMES, default="cifar10")
    parser.add_argument("--data", metavar="FOLDER", help="where cifar10 or mnist lies; for cifar10 the archive will do")
    for option in ("--train-images", "--test-images"):
        parser.add_argument(option, type=at_least(0), default=0, metavar="N", help="only the first N; 0: all")


def load_as_asked(options: argparse.Namespace, *, layout: str = "NHWC", dtype: str = "uint8") -> DataSet:
    """The data set that the options of ``add_options`` ask for.

    Where the data are at fault it ends the script: the message on standard error, exit code 2, no traceback.
    """
    counts = {"train_images": options.train_images, "test_images": options.test_images}
    try:
        if options.dataset == FOLDER:
            images = load_folder(options.data, options.size, **counts)
        else:
            images = load(options.dataset, options.data, layout=layout, dtype=dtype, **counts)
        refuse_absent_classes(options.dataset, images)
    except DataError as error:
        leave(str(error), 2)
    return images


def refuse_absent_classes(name: str, images: DataSet) -> None:
    """Raises DataError where a class has no image: it could not be learnt, or nothing be said of it."""
    for split, labels in (("train", images.train_labels), ("test", images.test_labels)):
        absent = sorted(set(range(images.classes)) - set(labels.tolist()))
        if absent:
            which = f"class{'es' if len(absent) > 1 else ''} {', '.join(map(str, absent))}"
            raise DataError(
                f"none of the {len(labels)} {split} images of {name} is of {which}: take more of them "
                f"(--{split}-images; 0 takes all)"
            )


def at_least(minimum: int) -> Callable[[str], int]:
    """An argparse type: a whole number that is not below ``minimum``."""

    def whole_number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < minimum:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {minimum} on")
        return int(text)

    return whole_number


def number(text: str) -> float:
    """An argparse type: a number from 0 on that is finite, such as a learning rate."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return value


def leave(message: str, code: int) -> NoReturn:
    """End the script with ``message`` on standard error and exit ``code``."""
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    raise SystemExit(code)


def parity(images: DataSet) -> DataSet:
    """The same images in two classes: 0 for an even label, 1 for an odd one."""
    return replace(images, train_labels=images.train_labels % 2, test_labels=images.test_labels % 2, classes=2)


def resized(images: Array, size: int) -> Array:
    """``images`` (n, height, width, channels) uint8 brought to (n, size, size, channels), linearly; float32."""
    rows, columns = _interpolation(images.shape[1], size), _interpolation(images.shape[2], size)
    rows, columns = rows.astype(np.float32), columns.astype(np.float32)
    if images.shape[1:3] == (size, size):
        return images.astype(np.float32)
    moved = np.tensordot(images.astype(np.float32), columns, axes=(2, 1))  # (n, height, channels, size)
    return np.tensordot(moved, rows, axes=(1, 1)).transpose(0, 3, 2, 1)


# --- a folder of images ----------------------------------------------------------------------------------------------


def load_folder(folder: str | Path | None, size: int, *, train_images: int = 0, test_images: int = 0) -> DataSet:
    """The images of a folder with one folder a class, in the order of the names; every fifth of a class is for testing.

    Brought to ``size`` x ``size``, three channels, uint8. Raises DataError.
    """
    if not folder:
        raise DataError("--dataset folder needs --data FOLDER, a folder with one folder of images a class")
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise DataError(f"there is no folder {place}")
    names = sorted(item.name for item in place.iterdir() if item.is_dir() and not item.name.startswith("."))
    if len(names) < 2:
        raise DataError(f"{place} holds {len(names)} folders; two or more are needed, one a class")
    splits: tuple[list[tuple[Path, int]], list[tuple[Path, int]]] = ([], [])
    for label, name in enumerate(names):
        files = sorted(path for path in (place / name).iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        if len(files) < 2:
            raise DataError(f"{place / name} holds {len(files)} images; a class needs two or more: PNG, JPEG or BMP")
        for number, path in enumerate(files):
            splits[number % 5 == 0].append((path, label))
    parts: list[Array] = []
    for pairs, count in zip(splits, (train_images, test_images), strict=True):
        if count > len(pairs):
            raise DataError(f"{place} has {len(pairs)} images in this split, {count} were asked for")
        # Classes in turn, so that the first so many are of all of them.
        kept = [pairs[i] for i in np.random.default_rng(0).permutation(len(pairs))][: count or None]
        parts += [np.stack([_image(path, size) for path, _ in kept]), np.array([label for _, label in kept], np.int64)]
    return DataSet(parts[0], parts[1], parts[2], parts[3], len(names))


def _image(path: Path, size: int) -> Array:
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(f"images are read by Pillow, which is not here ({error}): pip install Pillow") from error
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}): mend it or take it out") from error


# --- cifar10 ---------------------------------------------------------------------------------------------------------


def _cifar10(place: Path) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    for folder in (place, place / CIFAR10_FOLDER):
        if (folder / "data_batch_1").is_file():
            batches = {name: _checked(folder / name, md5, CIFAR10_HOME) for name, md5 in CIFAR10_BATCH_MD5.items()}
            break
    else:
        archive = place if place.is_file() else place / CIFAR10_ARCHIVE
        if not archive.is_file():
            raise DataError(
                f"neither {CIFAR10_FOLDER}/ nor {CIFAR10_ARCHIVE} is in {place}; it is to be had at {CIFAR10_HOME}"
            )
        batches = _cifar10_members(archive, _checked(archive, CIFAR10_ARCHIVE_MD5, CIFAR10_HOME))
    decoded = {name: _cifar10_batch(name, content) for name, content in batches.items()}
    train = [decoded[name] for name in CIFAR10_BATCH_MD5 if name != "test_batch"]
    return (np.concatenate([part[0] for part in train]), np.concatenate([part[1] for part in train])), decoded[
        "test_batch"
    ]


def _cifar10_members(archive: Path, content: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            for member in tar:  # read into memory, never extracted: names in an archive are not paths here
                name = member.name.rpartition("/")[2]
                stream = tar.extractfile(member) if name in CIFAR10_BATCH_MD5 else None
                if stream is not None:
                    found[name] = stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{archive} cannot be read as a gzipped tar archive ({error})") from error
    missing = sorted(CIFAR10_BATCH_MD5.keys() - found.keys())
    if missing:
        raise DataError(f"{archive} lacks {', '.join(missing)}")
    return found


def _cifar10_batch(name: str, content: bytes) -> tuple[Array, Array]:
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
        images = np.asarray(batch[b"data"], np.uint8)
        labels = np.asarray(batch[b"labels"], np.int64)
    except Exception as error:  # whatever a damaged pickle raises, it is a damaged pickle
        raise DataError(f"the CIFAR-10 batch {name} is not what it should be ({error})") from error
    pixels = CHANNELS * SIZE * SIZE
    if images.shape != (CIFAR10_BATCH_IMAGES, pixels) or labels.shape != (CIFAR10_BATCH_IMAGES,):
        raise DataError(
            f"the CIFAR-10 batch {name} holds images {images.shape} and labels {labels.shape}, "
            f"not {(CIFAR10_BATCH_IMAGES, pixels)} and {(CIFAR10_BATCH_IMAGES,)}"
        )
    _check_labels(name, labels)
    return np.ascontiguousarray(images.reshape(-1, CHANNELS, SIZE, SIZE).transpose(0, 2, 3, 1)), labels


class _ArraysOnly(pickle.Unpickler):
    """Unpickles numpy arrays in plain containers, and refuses to build anything else: a pickle can run any code."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct": np.zeros(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
        if name in allowed and module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray"):
            return allowed[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")


# --- mnist -----------------------------------------------------------------------------------------------------------


def _mnist(place: Path) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    first = next(iter(MNIST_MD5))
    folder = next((f for f in (place, place / "raw", place / "MNIST" / "raw") if (f / first).is_file()), place)
    files = [_idx(folder / name, _checked(folder / name, md5, MNIST_HOME)) for name, md5 in MNIST_MD5.items()]
    splits = []
    for (images, labels), what in zip((files[:2], files[2:]), ("train", "t10k"), strict=True):
        if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
            raise DataError(f"the MNIST {what} files hold images {images.shape} and labels {labels.shape}")
        _check_labels(what, labels)
        padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
        splits.append((_three_channels(padded), labels.astype(np.int64)))
    return splits[0], splits[1]


def _idx(path: Path, content: bytes) -> Array:
    """The array in a gzipped IDX file of unsigned bytes: 0, 0, 8, number of dimensions, each as big-endian uint32."""
    try:
        raw = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read as a gzip file ({error})") from error
    dimensions = raw[3] if raw[:3] == b"\0\0\x08" and len(raw) > 3 else 0
    start = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions))
    if not dimensions or len(raw) - start != int(np.prod(shape)):
        raise DataError(f"{path} is no whole IDX file of bytes")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


# --- digits ----------------------------------------------------------------------------------------------------------


def _digits() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """scikit-learn's 1797 digits of 8x8, brought to 32x32; every fifth image of each class is in the test split."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            f"the digits are part of scikit-learn, which is not here ({error}): pip install scikit-learn"
        ) from error
    small, labels = load_digits(return_X_y=True)
    stretch = _interpolation(8, SIZE)
    large = np.rint(stretch @ (small.reshape(-1, 8, 8) * (255 / 16)) @ stretch.T).astype(np.uint8)
    test = np.zeros(len(labels), bool)
    for label in range(CLASSES):
        test[np.flatnonzero(labels == label)[::5]] = True
    images, labels = _three_channels(large), labels.astype(np.int64)
    return (images[~test], labels[~test]), (images[test], labels[test])


def _interpolation(old: int, new: int) -> Array:
    """The (new, old) matrix of linear interpolation between pixel centres, edges held."""
    centres = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(old)))


# --- synthetic -------------------------------------------------------------------------------------------------------


def _synthetic(split: str, count: int) -> tuple[Array, Array]:
    """Images that depend on their class in a way a network can learn, but not to the last one.

    Each class has a smooth pattern. An image is its class's pattern, moved a little, mixed with another class's and
    with noise; in one of six the other pattern is the stronger one. Image i is the same whatever the count.
    """
    stretch = _interpolation(4, SIZE)
    coarse = np.random.default_rng(2026).uniform(0, 255, (CLASSES, CHANNELS, 4, 4))
    patterns = (stretch @ coarse @ stretch.T).transpose(0, 2, 3, 1)
    moved = np.stack([np.roll(patterns, shift, (1, 2)) for shift in np.ndindex(5, 5)], 1).astype(np.float32)
    chunk = 1000
    images = np.empty((count, SIZE, SIZE, CHANNELS), np.uint8)
    labels = np.empty(count, np.int64)
    for start in range(0, count, chunk):
        rng = np.random.default_rng([2026, ("train", "test").index(split), start])
        own = rng.permutation(np.arange(chunk) % CLASSES)
        other = (own + rng.integers(1, CLASSES, chunk)) % CLASSES
        share = rng.uniform(0.45, 0.75, (chunk, 1, 1, 1)).astype(np.float32)
        mixed = share * moved[own, rng.integers(25, size=chunk)]
        mixed += (1 - share) * moved[other, rng.integers(25, size=chunk)]
        mixed += 40 * rng.standard_normal(mixed.shape, np.float32)
        stop = min(start + chunk, count)
        images[start:stop] = np.clip(mixed, 0, 255)[: stop - start]
        labels[start:stop] = own[: stop - start]
    return images, labels


# --- what they share -------------------------------------------------------------------------------------------------


def _folder(name: str, folder: str | Path | None, home: str) -> Path:
    if not folder:
        raise DataError(f"{name} needs --data FOLDER; the data set is to be had at {home}")
    place = Path(folder).expanduser()
    if not place.exists():
        raise DataError(f"there is no {place}; {name} is to be had at {home}")
    return place


def _checked(path: Path, md5: str, home: str) -> bytes:
    """The content of ``path``, once its MD5 is what the data set's authors published (against damage, not malice)."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); the data set is to be had at {home}") from error
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(f"{path} is damaged or another file: get it anew from {home} (its MD5 is {found}, not {md5})")
    return content


def _check_labels(what: str, labels: Array) -> None:
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise DataError(f"{what} holds labels from {labels.min()} to {labels.max()}, not from 0 to {CLASSES - 1}")


def _three_channels(grey: Array) -> Array:
    return np.repeat(grey[..., None], CHANNELS, 3)
