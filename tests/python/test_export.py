# SPDX-License-Identifier: MIT
"""fmnistctl export: what NumPy and Pillow read of it is what the IDX files hold."""

import subprocess

import numpy as np
import pytest

from conftest import FMNISTCTL

LABELS = np.arange(23, dtype=np.uint8) % 4


def write_idx(path, array):
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
                     + array.tobytes())


@pytest.fixture(params=[(23, 6, 5), (23, 6, 5, 2), (23, 6, 5, 3), (23, 6, 5, 4)],
                ids=["grey", "grey-alpha", "rgb", "rgba"])
def images(request, tmp_path):
    images = np.random.default_rng(1).integers(0, 256, request.param, np.uint8)
    (tmp_path / "set").mkdir()
    write_idx(tmp_path / "set" / "images", images)
    write_idx(tmp_path / "set" / "labels", LABELS)
    (tmp_path / "set" / "dataset.yaml").write_text(
        "format: 1\nname: x\nsplits: {test: {images: images, labels: labels}}\n")
    return images


def export(folder, name, *words):
    subprocess.run([FMNISTCTL, "export", folder / "set", "-o", folder / name, *words],
                   check=True, stdout=subprocess.DEVNULL)
    return folder / name


def test_npz__numpy__equal_arrays(tmp_path, images):
    with np.load(export(tmp_path, "out.npz")) as arrays:
        assert sorted(arrays) == ["x_test", "y_test"]
        assert np.array_equal(arrays["x_test"], images)
        assert np.array_equal(arrays["y_test"], LABELS) and arrays["y_test"].dtype == np.uint8


def test_csv__numpy__equal_rows(tmp_path, images):
    channels = images[0].size // (images.shape[1] * images.shape[2])
    if channels not in (1, 3):  # nothing in a CSV says how many, and import takes those
        said = subprocess.run([FMNISTCTL, "export", tmp_path / "set", "-o", tmp_path / "out.csv"],
                              capture_output=True, text=True)
        assert said.returncode == 1 and "images of 1 or 3 channels" in said.stderr
        assert not (tmp_path / "out.csv").exists()
        return
    path = export(tmp_path, "out.csv")
    rows = np.loadtxt(path, np.int64, delimiter=",", skiprows=1)
    names = path.read_text().split("\n", 1)[0].split(",")
    assert names == ["label", *(f"pixel{i}" for i in range(images[0].size))]
    assert np.array_equal(rows[:, 0], LABELS)
    assert np.array_equal(rows[:, 1:], images.reshape(len(images), -1))


def test_png__pillow__each_image_in_its_class(tmp_path, images):
    Image = pytest.importorskip("PIL.Image")
    found = sorted(export(tmp_path, "out", "--format", "png").glob("test/*/*.png"))
    assert len(found) == len(images)
    for path in found:
        number = int(path.stem)
        assert int(path.parent.name) == LABELS[number]
        assert np.array_equal(np.asarray(Image.open(path)), images[number])
