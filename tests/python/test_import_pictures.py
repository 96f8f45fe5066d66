# SPDX-License-Identifier: MIT
"""fmnistctl import of pictures, SVHN, STL-10 and USPS: pixels, labels and order are those of
torchvision, Pillow and SciPy for the same files."""

import bz2
import io
import json
import random
import subprocess
import tarfile
import zipfile

import numpy as np
import pytest

from conftest import FMNISTCTL, INSTALLED

Image = pytest.importorskip("PIL.Image")
datasets = pytest.importorskip("torchvision_here").torchvision.datasets


def run(*words, status=0):
    done = subprocess.run([FMNISTCTL, "import", *map(str, words)], capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == status, done.stderr
    return done


def read_idx(path):
    data = path.read_bytes()
    shape = np.frombuffer(data, ">u4", data[3], 4)
    kind = {8: np.uint8, 12: np.dtype(">i4")}[data[2]]
    return np.frombuffer(data, kind, offset=4 + 4 * data[3]).reshape(shape)


def load(folder, split="train"):
    """Images as N x H x W (x C), and labels."""
    images, = folder.glob(f"{split}-images-*")
    labels, = folder.glob(f"{split}-labels-*")
    return read_idx(images), read_idx(labels)


def check(folder, split, dataset, mode="RGB"):
    images, labels = load(folder, split)
    assert len(images) == len(dataset) > 0
    for i, (picture, label) in enumerate(dataset):
        np.testing.assert_array_equal(images[i], np.asarray(picture.convert(mode)), str(i))
        assert labels[i] == label


# ---- pictures


def picture(mode, size, seed):
    width, height = size
    numbers = np.random.RandomState(seed)
    small = Image.fromarray(numbers.randint(0, 256, (5, 6, 4), np.uint8), "RGBA").resize(size, Image.BICUBIC)
    if mode == "I;16":
        return Image.fromarray(numbers.randint(0, 400, (height, width)).astype(np.uint16))
    if mode == "P":
        return small.convert("RGB").quantize(40)
    return small.convert("RGB").convert(mode) if mode in ("CMYK", "1", "L", "RGB") else small.convert(mode)


FILES = [("1", "png", {}), ("L", "png", {}), ("LA", "png", {}), ("P", "png", {}), ("RGB", "png", {}),
         ("RGBA", "png", {}), ("I;16", "png", {}), ("L", "jpg", {}), ("RGB", "jpg", {"quality": 60}),
         ("RGB", "jpeg", {"progressive": True, "subsampling": 2}), ("CMYK", "jpg", {}),
         ("RGB", "JPG", {"subsampling": 1, "optimize": True})]
CLASSES = ["10", "9", "A-b", "A", "a", "é"]


def file_of(i, size):
    mode, ending, options = FILES[i % len(FILES)]
    data = io.BytesIO()
    picture(mode, size, i).save(data, "PNG" if ending == "png" else "JPEG", **options)
    return ending, data.getvalue()


def fill(folder, count=40, sizes=((20, 14),), classes=CLASSES):
    """Pictures of every kind, in classes whose paths and names sort differently."""
    for i in range(count):
        ending, data = file_of(i, sizes[i % len(sizes)])
        inside = folder / classes[i % len(classes)] / ("", "x", "x-y")[i % 3]
        inside.mkdir(parents=True, exist_ok=True)
        (inside / f"{(i * 7) % count}.{ending}").write_bytes(data)
    (folder / classes[0] / "Thumbs.db").write_bytes(b"no picture")


@pytest.mark.parametrize("options, mode", [(["--rgb"], "RGB"), (["--grayscale"], "L")])
def test_folder__every_kind__is_image_folder(tmp_path, options, mode):
    fill(tmp_path / "set")
    run(tmp_path / "set", "-o", tmp_path / "out", *options)
    check(tmp_path / "out", "train", datasets.ImageFolder(tmp_path / "set", allow_empty=True), mode) \
        if mode == "RGB" else check(
            tmp_path / "out", "train",
            datasets.ImageFolder(tmp_path / "set", loader=lambda p: Image.open(p)), mode)
    names = (tmp_path / "out" / "dataset.yaml").read_text()
    assert all(f'"{c}"' in names for c in CLASSES) and sorted(CLASSES) == datasets.ImageFolder(
        tmp_path / "set").classes


@pytest.mark.parametrize("size", [(28, 28), (9, 33), (64, 20)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("rule", [None, "pillow-bicubic", "pillow-nearest"])
def test_size__other_sizes__are_pillows(tmp_path, size, mode, rule):
    fill(tmp_path / "set", 24, ((20, 14), (28, 28), (7, 40), (100, 90)))
    height, width = size
    run(tmp_path / "set", "-o", tmp_path / "out", "--size", f"{height}x{width}",
        "--rgb" if mode == "RGB" else "--grayscale", *(["--resize", rule] if rule else []))
    filters = {None: Image.BILINEAR, "pillow-bicubic": Image.BICUBIC, "pillow-nearest": Image.NEAREST}

    def loader(path):
        return Image.open(path).convert(mode).resize((width, height), filters[rule])

    check(tmp_path / "out", "train", datasets.ImageFolder(tmp_path / "set", loader=loader), mode)


def pack(folder, path):
    """An archive of the folder, in an order that is nobody's."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    random.Random(3).shuffle(files)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.relative_to(folder.parent))
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}") as archive:
            for file in files:
                archive.add(file, file.relative_to(folder.parent))


@pytest.mark.parametrize("packed", [None, "set.zip", "set.tar.gz", "set.tar.xz"])
def test_splits__folder_or_archive__each_is_image_folder(tmp_path, packed):
    names = {"train": "training", "test": "test", "validation": "val"}
    for split, name in names.items():
        fill(tmp_path / "set" / name, 30, classes=CLASSES)
    source = tmp_path / "set"
    if packed:
        source = tmp_path / packed
        pack(tmp_path / "set", source)
    run(source, "-o", tmp_path / "out", "--rgb")
    for split, name in names.items():
        check(tmp_path / "out", split, datasets.ImageFolder(tmp_path / "set" / name))


def test_archive__folder_around_classes__is_passed_over(tmp_path):
    fill(tmp_path / "notMNIST_small")
    pack(tmp_path / "notMNIST_small", tmp_path / "notMNIST_small.tar.gz")
    run(tmp_path / "notMNIST_small.tar.gz", "-o", tmp_path / "out", "--rgb")
    check(tmp_path / "out", "train", datasets.ImageFolder(tmp_path / "notMNIST_small"))


def test_gray_pictures__without_options__one_channel(tmp_path):
    for name in ("A", "B"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(3):
            picture("L", (28, 28), i).save(tmp_path / "set" / name / f"{i}.png")
    run(tmp_path / "set", "-o", tmp_path / "out")
    images, labels = load(tmp_path / "out")
    assert images.shape == (6, 28, 28) and labels.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(images[4], np.asarray(picture("L", (28, 28), 1)))


def test_broken_pictures__left_out_and_told(tmp_path):
    """As notMNIST has them: an empty file, and a half one; a class keeps its number without any."""
    fill(tmp_path / "set", 12, classes=["A", "C"])
    (tmp_path / "set" / "B").mkdir()
    (tmp_path / "set" / "B" / "empty.png").write_bytes(b"")
    (tmp_path / "set" / "A" / "half.png").write_bytes(file_of(4, (20, 14))[1][:100])
    (tmp_path / "set" / "A" / "x.bmp").write_bytes(b"BM......")
    done = run(tmp_path / "set", "-o", tmp_path / "out", "--rgb", "--json", status=1)
    for name, reason in (("B/empty.png", "empty"), ("A/half.png", "ends in the middle"), ("A/x.bmp", "BMP")):
        assert any(name in line and reason in line for line in done.stderr.splitlines()), done.stderr
    told = json.loads(done.stdout)
    assert len(told["left_out"]) == 3 and told["splits"][0]["images"] == 12
    assert set(load(tmp_path / "out")[1]) == {0, 2}


def test_sizes_differ__refused_with_both(tmp_path):
    fill(tmp_path / "set", 4, ((20, 14), (21, 14)), ["A"])
    done = run(tmp_path / "set", "-o", tmp_path / "out", "--rgb", status=1)
    assert "14x21" in done.stderr and "14x20" in done.stderr and "--size" in done.stderr
    assert done.stderr.count(".png") + done.stderr.count(".jp") == 2
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_colour_among_gray__refused(tmp_path):
    (tmp_path / "set" / "A").mkdir(parents=True)
    picture("L", (8, 8), 1).save(tmp_path / "set" / "A" / "1.png")
    picture("RGB", (8, 8), 1).save(tmp_path / "set" / "A" / "2.png")
    done = run(tmp_path / "set", "-o", tmp_path / "out", status=1)
    assert "--rgb or --grayscale" in done.stderr and "A/1.png" in done.stderr


def test_exif_orientation__not_applied(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    (tmp_path / "set" / "A").mkdir(parents=True)
    picture("RGB", (20, 14), 1).save(tmp_path / "set" / "A" / "1.jpg", exif=exif)
    run(tmp_path / "set", "-o", tmp_path / "out")
    check(tmp_path / "out", "train", datasets.ImageFolder(tmp_path / "set"))


# ---- USPS


def test_usps__bz2__is_torchvisions(tmp_path):
    numbers = np.random.RandomState(1)
    for name, count in (("usps.bz2", 50), ("usps.t.bz2", 20)):
        lines = []
        for _ in range(count):
            values = np.clip(numbers.normal(0, 1, 256), -1, 1)
            lines.append(" ".join([str(numbers.randint(1, 11)), *(
                f"{i + 1}:{v:.6g}" for i, v in enumerate(values))]) + " \n")
        (tmp_path / name).write_bytes(bz2.compress("".join(lines).encode()))
    run(tmp_path / "usps.bz2", tmp_path / "usps.t.bz2", "-o", tmp_path / "out")
    check(tmp_path / "out", "train", datasets.USPS(tmp_path, train=True), "L")
    check(tmp_path / "out", "test", datasets.USPS(tmp_path, train=False), "L")
    assert 'name: "usps"' in (tmp_path / "out" / "dataset.yaml").read_text()


# ---- STL-10


def write_stl(root):
    numbers = np.random.RandomState(2)
    folder = root / "stl10_binary"
    folder.mkdir()
    for split, count in (("train", 40), ("test", 33), ("unlabeled", 3)):
        (folder / f"{split}_X.bin").write_bytes(numbers.bytes(count * 3 * 96 * 96))
        if split != "unlabeled":
            (folder / f"{split}_y.bin").write_bytes(numbers.randint(1, 11, count).astype(np.uint8).tobytes())
    (folder / "class_names.txt").write_text("".join(f"{n}\n" for n in (
        "airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")))
    (folder / "fold_indices.txt").write_text("0 1 2 \n")
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_stl10__folder_or_archive__is_torchvisions(tmp_path, packed, monkeypatch):
    source = write_stl(tmp_path)
    if packed:
        pack(source, tmp_path / "stl10_binary.tar.gz")
        source = tmp_path / "stl10_binary.tar.gz"
    done = run(source, "-o", tmp_path / "out")
    assert "unlabeled_X.bin: left out" in done.stderr
    monkeypatch.setattr(datasets.STL10, "_check_integrity", lambda self: True)
    for split in ("train", "test"):
        check(tmp_path / "out", split, datasets.STL10(tmp_path, split=split))
    assert "airplane" in (tmp_path / "out" / "dataset.yaml").read_text()


# ---- MATLAB


@pytest.fixture
def scipy_io(tmp_path_factory):
    """SciPy's, where fmnistctl reads what it writes: a build may be without matio, and what is
    installed may lack its library."""
    scipy_io = pytest.importorskip("scipy.io")
    folder = tmp_path_factory.mktemp("matlab")
    scipy_io.savemat(folder / "a.mat", {"X": np.zeros((4, 5, 6), np.uint8), "y": np.arange(6.0)})
    said = subprocess.run([FMNISTCTL, "import", folder / "a.mat", "-o", folder / "out"],
                          capture_output=True, text=True).stderr
    if "without matio" in said or (INSTALLED and "which is not there" in said):
        pytest.skip(said)
    return scipy_io


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_svhn__is_torchvisions(tmp_path, packed, kind, monkeypatch, scipy_io):
    numbers = np.random.RandomState(3)
    for split, count in (("train", 150), ("test", 40), ("extra", 7)):
        scipy_io.savemat(tmp_path / f"{split}_32x32.mat", {
            "X": numbers.randint(0, 256, (32, 32, 3, count)).astype(np.uint8),
            "y": numbers.randint(1, 11, (count, 1)).astype(kind)}, do_compression=packed)
    run(*(tmp_path / f"{s}_32x32.mat" for s in ("train", "test", "extra")), "-o", tmp_path / "out")
    monkeypatch.setattr(datasets.SVHN, "_check_integrity", lambda self: True)
    for split in ("train", "test", "extra"):
        check(tmp_path / "out", split, datasets.SVHN(tmp_path, split=split))
    assert 'name: "svhn"' in (tmp_path / "out" / "dataset.yaml").read_text()


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64])
def test_mat__gray_images_of_any_numbers__as_loadmat(tmp_path, kind, scipy_io):
    numbers = np.random.RandomState(4)
    images = numbers.randint(0, 256 if kind != np.int16 else 200, (9, 7, 300)).astype(kind)
    labels = numbers.randint(0, 300, 300).astype(np.int32)
    scipy_io.savemat(tmp_path / "a.mat", {
        "images": images, "labels": labels, "text": "not an array", "cells": np.array([[1], "x"], object),
        "other": numbers.rand(4, 4), "z": 1j * numbers.rand(9, 7, 300)})
    run(tmp_path / "a.mat", "-o", tmp_path / "out")
    got = load(tmp_path / "out")
    read = scipy_io.loadmat(tmp_path / "a.mat")
    np.testing.assert_array_equal(got[0], read["images"].transpose(2, 0, 1))
    np.testing.assert_array_equal(got[1], read["labels"].squeeze())


def test_mat__several_arrays__the_named_ones(tmp_path, scipy_io):
    arrays = {name: np.full((4, 5, 6), i, np.uint8) for i, name in enumerate(("a", "b"))}
    scipy_io.savemat(tmp_path / "a.mat", {**arrays, "l": np.arange(6.0), "m": np.arange(6.0) + 1})
    done = run(tmp_path / "a.mat", "-o", tmp_path / "out", status=1)
    assert "a 4x5x6" in done.stderr and "--images NAME" in done.stderr
    run(tmp_path / "a.mat", "-o", tmp_path / "out", "--images", "b", "--labels", "m")
    images, labels = load(tmp_path / "out")
    assert (images == 1).all() and labels.tolist() == [1, 2, 3, 4, 5, 6]


def test_mat__values_that_are_no_levels__refused(tmp_path, scipy_io):
    scipy_io.savemat(tmp_path / "a.mat", {"X": np.full((4, 5, 6), 0.5), "y": np.arange(6.0)})
    done = run(tmp_path / "a.mat", "-o", tmp_path / "out", status=1)
    assert "value 0 is 0.5, want whole numbers 0 to 255" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["a.mat"]
