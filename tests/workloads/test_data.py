from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import pickle
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

PER_BATCH = 4


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def batch(first: int, **changes: object) -> bytes:
    images = np.full((PER_BATCH, 3072), first, np.uint8)
    images[:, :1024] += 1  # the red plane
    body = {b"data": images, b"labels": [0, 3, 9, first % 10], b"batch_label": b"a batch"}
    return pickle.dumps({**body, **{name.encode(): value for name, value in changes.items()}}, protocol=3)


def archived(batches: dict[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, content in {"readme.html": b"hello", **batches}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return raw.getvalue()


@pytest.fixture
def batches(data):
    return {name: batch(10 * number) for number, name in enumerate(data.CIFAR10_BATCH_MD5, start=1)}


@pytest.fixture
def know(data, monkeypatch):
    """Makes checksums of small stand-ins the right ones; the real set is 170 MB."""

    def use(batches: dict[str, bytes] | None = None, archive: bytes = b"") -> None:
        monkeypatch.setattr(data, "CIFAR10_BATCH_IMAGES", PER_BATCH)
        monkeypatch.setattr(data, "CIFAR10_ARCHIVE_MD5", md5(archive))
        monkeypatch.setattr(
            data, "CIFAR10_BATCH_MD5", {name: md5(content) for name, content in (batches or {}).items()}
        )

    return use


def extract(folder: Path, batches: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in batches.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("given", ["archive", "folder of the archive", "batches", "folder of the batches"])
def test_cifar10_is_found_however_it_lies_there(data, batches, know, tmp_path, given):
    archive = archived(batches)
    know(batches, archive)
    if "archive" in given:
        (tmp_path / data.CIFAR10_ARCHIVE).write_bytes(archive)
    else:
        extract(tmp_path / data.CIFAR10_FOLDER, batches)
    inner = {"archive": data.CIFAR10_ARCHIVE, "batches": data.CIFAR10_FOLDER}.get(given, "")

    loaded = data.load("cifar10", tmp_path / inner)

    assert ((20, 32, 32, 3), (4, 32, 32, 3)) == (loaded.train_images.shape, loaded.test_images.shape)
    assert [11, 10, 10] == loaded.train_images[0, 5, 7].tolist()
    assert [0, 3, 9, 0, 0] == loaded.train_labels[:5].tolist()
    assert 61 == loaded.test_images[0, 0, 0, 0]
    assert [f"cifar-10{'-python.tar.gz' if 'archive' in given else '-batches-py'}"] == [
        p.name for p in tmp_path.iterdir()
    ]


def by_python_2(pixels: bytes, labels: list[int]) -> bytes:
    """A batch in the opcodes that the published ones are written in: byte strings, and numpy by its old modules."""
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K" + bytes([len(labels)]) + b"M\x00\x0c\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + len(pixels).to_bytes(4, "little") + pixels + b"tb"
    )
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + listed + b"u."


def test_cifar10_is_read_as_python_2_has_written_it(data, batches, know, tmp_path):
    batches["data_batch_1"] = by_python_2(bytes(range(256)) * 12 * PER_BATCH, [7, 8, 9, 0])
    know(batches)

    loaded = data.load("cifar10", extract(tmp_path / "b", batches))

    assert [7, 8, 9, 0] == loaded.train_labels[:4].tolist()
    assert [34, 34, 34] == loaded.train_images[3, 1, 2].tolist()  # row 1, column 2


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(data, batches, know, tmp_path):
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "touched",)

    batches["data_batch_3"] = pickle.dumps({b"data": Evil(), b"labels": []}, protocol=3)
    know(batches)

    with pytest.raises(data.DataError, match=r"data_batch_3.*is no array"):
        data.load("cifar10", extract(tmp_path / "b", batches))

    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (batch(1, data=np.zeros((PER_BATCH, 3071), np.uint8)), "3071"),
        (batch(1, labels=[1, 2, 3]), r"labels \(3,\)"),
        (batch(1, labels=[1, 2, 3, 10]), "labels from 1 to 10"),
        (batch(1)[:-40], "data_batch_2"),
        (b"", "data_batch_2"),
        (pickle.dumps([1, 2], protocol=3), "data_batch_2"),
    ],
)
def test_a_cifar10_batch_of_the_wrong_shape_is_refused_by_name(data, batches, know, tmp_path, content, words):
    batches["data_batch_2"] = content
    know(batches)

    with pytest.raises(data.DataError, match=words):
        data.load("cifar10", extract(tmp_path / "b", batches))


def test_a_damaged_archive_is_told_by_its_checksum(data, tmp_path):
    (tmp_path / data.CIFAR10_ARCHIVE).write_bytes(b"half of it")

    words = f"get it anew from {data.CIFAR10_HOME} .*, not {data.CIFAR10_ARCHIVE_MD5}"
    with pytest.raises(data.DataError, match=words):
        data.load("cifar10", tmp_path)


def test_a_damaged_batch_is_told_by_its_checksum(data, batches, tmp_path):
    with pytest.raises(data.DataError, match=r"data_batch_1 is damaged.*c99cafc152244af753f735de768cd75f"):
        data.load("cifar10", extract(tmp_path / "b", batches))


def test_an_archive_that_is_none_or_lacks_a_batch_is_refused(data, batches, know, tmp_path):
    path = tmp_path / data.CIFAR10_ARCHIVE
    for content, words in (
        (b"no tar", "gzipped tar archive"),
        (archived({**batches, "test_batch": b""}), "test_batch"),
    ):
        path.write_bytes(content)
        know(batches, content)
        with pytest.raises(data.DataError, match=words):
            data.load("cifar10", path)
    del batches["data_batch_4"]
    path.write_bytes(archived(batches))
    know({**batches, "data_batch_4": b""}, path.read_bytes())
    with pytest.raises(data.DataError, match="lacks data_batch_4"):
        data.load("cifar10", path)


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_a_data_set_that_is_not_there_is_refused_with_where_to_get_it(data, tmp_path, name):
    home = {"cifar10": data.CIFAR10_HOME, "mnist": data.MNIST_HOME}[name]
    for folder in (None, tmp_path / "absent", tmp_path):
        with pytest.raises(data.DataError, match=home):
            data.load(name, folder)


def idx(array: np.ndarray) -> bytes:
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes())


@pytest.fixture
def mnist(data, monkeypatch, tmp_path):
    def write(**changes: bytes) -> Path:
        images, labels = np.full((5, 28, 28), 200, np.uint8), np.array([1, 2, 3, 4, 9], np.uint8)
        contents = dict(zip(data.MNIST_MD5, (idx(images), idx(labels), idx(images[:2]), idx(labels[:2])), strict=True))
        for part, content in changes.items():
            contents[next(name for name in contents if name.startswith(part.replace("_", "-")))] = content
        monkeypatch.setattr(data, "MNIST_MD5", {name: md5(content) for name, content in contents.items()})
        folder = tmp_path / "raw"
        folder.mkdir()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        return tmp_path

    return write


def test_mnist_becomes_images_of_32_by_32_in_three_channels(data, mnist):
    loaded = data.load("mnist", mnist())

    assert ((5, 32, 32, 3), (2, 32, 32, 3)) == (loaded.train_images.shape, loaded.test_images.shape)
    assert [0, 0, 200, 200] == loaded.train_images[0, 10, :4, 1].tolist()
    assert [1, 2, 3, 4, 9] == loaded.train_labels.tolist()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_images": gzip.compress(b"\0\0\x08\x03\0\0")}, "no whole IDX file"),
        ({"train_images": gzip.compress(b"")}, "no whole IDX file"),
        ({"train_images": gzip.compress(b"\0\0\x0d\x01\0\0\0\0")}, "no whole IDX file"),
        ({"train_images": idx(np.zeros((5, 28, 28), np.uint8))[:-9]}, "gzip"),
        ({"train_images": idx(np.zeros((5, 27, 28), np.uint8))}, r"\(5, 27, 28\)"),
        ({"t10k_labels": idx(np.zeros(3, np.uint8))}, r"labels \(3,\)"),
        ({"t10k_labels": idx(np.array([1, 77], np.uint8))}, "from 1 to 77"),
    ],
)
def test_damaged_mnist_files_are_refused(data, mnist, changes, words):
    with pytest.raises(data.DataError, match=words):
        data.load("mnist", mnist(**changes))


def test_digits_are_split_class_by_class_and_nothing_is_lost(data):
    pytest.importorskip("sklearn", reason="the digits are part of scikit-learn")
    loaded = data.load("digits")

    assert 1797 == len(loaded.train_images) + len(loaded.test_images)
    shares = np.bincount(loaded.test_labels) / np.bincount(np.concatenate([loaded.train_labels, loaded.test_labels]))
    assert (np.abs(shares - 0.2) < 0.01).all()
    assert ((32, 32, 3), np.uint8, 255) == (
        loaded.train_images.shape[1:],
        loaded.train_images.dtype,
        loaded.train_images.max(),
    )
    assert not {image.tobytes() for image in loaded.train_images} & {image.tobytes() for image in loaded.test_images}


def test_digits_without_scikit_learn_say_what_to_install(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(data.DataError, match="pip install scikit-learn"):
        data.load("digits")


def test_the_synthetic_set_is_the_same_every_time_and_in_every_size(data):
    small = data.load("synthetic", train_images=1010, test_images=10)
    large = data.load("synthetic", train_images=2500, test_images=20)

    assert (small.train_images == large.train_images[:1010]).all()
    assert (small.test_labels == large.test_labels[:10]).all()
    assert not (large.train_images[:10] == large.test_images[:10]).all()


def test_the_synthetic_set_can_be_learnt_but_not_to_the_last_image(data):
    loaded = data.load("synthetic", train_images=2000, test_images=500, dtype="float32")
    means = np.stack([loaded.train_images[loaded.train_labels == label].mean(0) for label in range(10)])
    distances = ((loaded.test_images[:, None] - means) ** 2).sum((2, 3, 4))

    accuracy = (distances.argmin(1) == loaded.test_labels).mean()

    assert 0.3 < accuracy < 0.95


def test_layout_and_type_are_as_asked(data):
    nhwc = data.load("synthetic", train_images=3, test_images=2)
    nchw = data.load("synthetic", train_images=3, test_images=2, layout="NCHW", dtype="float32")

    assert ((3, 3, 32, 32), np.float32) == (nchw.train_images.shape, nchw.train_images.dtype)
    assert nchw.train_images.flags.c_contiguous
    assert np.allclose(nhwc.train_images[1, 4, 5], 255 * nchw.train_images[1, :, 4, 5])


def test_more_images_than_there_are_cannot_be_asked_for(data, mnist):
    with pytest.raises(data.DataError, match="2 images in this split, 3 were asked for"):
        data.load("mnist", mnist(), test_images=3)


@pytest.fixture
def options(data):
    def parse(*arguments: str):
        parser = argparse.ArgumentParser()
        data.add_options(parser)
        return parser.parse_args(arguments)

    return parse


def test_a_script_gets_what_its_options_ask_for(data, options):
    asked = options("--dataset", "synthetic", "--train-images", "30", "--test-images", "27")

    loaded = data.load_as_asked(asked, layout="NCHW")

    assert ((30, 3, 32, 32), (27,)) == (loaded.train_images.shape, loaded.test_labels.shape)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            (9, 50),
            "none of the 9 train images of digits is of class 9: take more of them (--train-images; 0 takes all)",
        ),
        ((50, 8), "none of the 8 test images of digits is of classes 8, 9: take more of them (--test-images; "),
    ],
)
def test_a_class_that_never_appears_ends_a_script_with_code_2(data, options, capsys, counts, words):
    with pytest.raises(SystemExit) as ended:
        data.load_as_asked(
            options("--dataset", "digits", "--train-images", str(counts[0]), "--test-images", str(counts[1]))
        )

    assert 2 == ended.value.code
    assert words in capsys.readouterr().err


def test_a_script_ends_with_code_2_and_the_message_alone(data, options, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/train.py"])

    with pytest.raises(SystemExit) as ended:
        data.load_as_asked(options())

    assert 2 == ended.value.code
    expected = f"train.py: cifar10 needs --data FOLDER; the data set is to be had at {data.CIFAR10_HOME}\n"
    assert expected == capsys.readouterr().err


@pytest.mark.parametrize("count", ["-1", "many", "1.5"])
def test_a_number_of_images_that_is_none_is_refused(options, capsys, count):
    with pytest.raises(SystemExit) as ended:
        options(f"--test-images={count}")

    assert 2 == ended.value.code
    assert f"'{count}' is no whole number from 0 on" in capsys.readouterr().err


# --- a folder of images, two classes, another size ------------------------------------------------------------------


def pictures(folder: Path, counts: dict[str, int]) -> Path:
    """A folder with so many images of each class; those of a class are of one grey, its number times 40."""
    image = pytest.importorskip("PIL.Image")
    for label, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for n in range(count):
            image.new("L", (50, 40), 40 * label).save(folder / name / f"{n:03d}.png")
    return folder


def test_a_folder_of_images_has_a_class_for_each_folder(data, tmp_path):
    place = pictures(tmp_path / "squares", {"empty": 10, "king": 5, "queen": 6})
    (place / "king" / "notes.txt").write_text("no image")
    images = data.load_folder(place, 16)
    assert 3 == images.classes
    assert (16, 16, 16, 3) == images.train_images.shape
    assert [2, 1, 2] == np.bincount(images.test_labels).tolist()
    for pixels, labels in ((images.train_images, images.train_labels), (images.test_images, images.test_labels)):
        assert (pixels == 40 * labels[:, None, None, None]).all()
    assert 4 == len(data.load_folder(place, 16, train_images=4).train_labels)


@pytest.mark.parametrize(
    ("counts", "words"), [({"only": 3}, "holds 1 folders; two or more"), ({"a": 3, "b": 1}, "holds 1 images; a class")]
)
def test_a_folder_that_is_no_data_set_is_refused(data, tmp_path, counts, words):
    with pytest.raises(data.DataError, match=words):
        data.load_folder(pictures(tmp_path / "x", counts), 16)


def test_an_image_that_cannot_be_read_is_named(data, tmp_path):
    place = pictures(tmp_path / "x", {"a": 3, "b": 3})
    (place / "b" / "001.png").write_bytes(b"\x89PNG torn")
    with pytest.raises(data.DataError, match=r"b/001\.png cannot be read as an image"):
        data.load_folder(place, 16)


def test_ten_classes_become_even_and_odd(data):
    images = data.load("digits")
    halves = data.parity(images)
    assert 2 == halves.classes
    assert (halves.test_labels == images.test_labels % 2).all()


def test_images_are_resized_as_pillow_does(data):
    image = pytest.importorskip("PIL.Image")
    images = np.random.default_rng(0).integers(0, 255, (3, 32, 20, 3)).astype(np.uint8)
    theirs = [np.asarray(image.fromarray(one).resize((48, 48), image.Resampling.BILINEAR), float) for one in images]
    assert np.abs(data.resized(images, 48) - np.stack(theirs)).max() <= 1.01
    assert (data.resized(images[:, :20], 20) == images[:, :20]).all()
