# SPDX-License-Identifier: MIT
"""fmnistctl import: pixels and labels are what the frameworks' own loaders read from the same files."""

import subprocess

import numpy as np
import pytest

from conftest import BUILD


def run_import(folder, *sources, **options):
    words = [w for k, v in options.items() for w in (f"--{k.replace('_', '-')}", str(v))]
    return subprocess.run([BUILD / "fmnistctl", "import", *sources, "--name", "x", "-o", folder / "set",
                           *words], capture_output=True, text=True)


def read_idx(path):
    data = path.read_bytes()
    dims = np.frombuffer(data, ">u4", data[3], 4)
    dtype = {8: "u1", 12: ">i4"}[data[2]]
    return np.frombuffer(data, dtype, offset=4 + 4 * data[3]).reshape(dims)


def imported(folder, *sources, **options):
    """{split: (images, labels)} of what was written."""
    done = run_import(folder, *sources, **options)
    assert done.returncode == 0, done.stderr
    splits = {}
    for path in sorted((folder / "set").glob("*-images-*")):
        split = path.name.split("-images-")[0]
        labels = next((folder / "set").glob(f"{split}-labels-*"))
        splits[split] = read_idx(path), read_idx(labels)
    return splits


def refused(folder, *sources, **options):
    done = run_import(folder, *sources, **options)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and not list(folder.glob("set*"))
    assert not list(folder.glob(".*"))
    return done.stderr


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# ---- NumPy arrays

@pytest.mark.parametrize("shape", [(7, 28, 28), (7, 5, 6, 3)])
def test_npz__keras_names__equal_arrays(tmp_path, shape):
    x, y = pixels(*shape), np.arange(7, dtype=np.uint8)
    np.savez_compressed(tmp_path / "m.npz", x_test=x[:2], x_train=x[2:], y_train=y[2:], y_test=y[:2])
    splits = imported(tmp_path, tmp_path / "m.npz")
    for split, part in ("train", slice(2, 7)), ("test", slice(0, 2)):
        assert np.array_equal(splits[split][0], x[part]) and np.array_equal(splits[split][1], y[part])


@pytest.mark.parametrize("size", [28, 64])
def test_npz__medmnist_names__three_splits_and_columns(tmp_path, size):
    x = pixels(9, size, size, 3)
    one, many = np.arange(9, dtype=np.uint8)[:, None], pixels(9, 14) % 2
    for labels in one, many:
        arrays = {f"{s}_{k}": v[i * 3:i * 3 + 3] for i, s in enumerate(("train", "val", "test"))
                  for k, v in (("images", x), ("labels", labels))}
        np.savez(tmp_path / "pathmnist.npz", **arrays)
        splits = imported(tmp_path, tmp_path / "pathmnist.npz")
        assert set(splits) == {"train", "validation", "test"}
        assert np.array_equal(splits["validation"][0], x[3:6])
        assert np.array_equal(splits["validation"][1], labels[3:6].squeeze())
        text = (tmp_path / "set/dataset.yaml").read_text()
        assert ("multi_label: true" in text) == (labels is many)
        subprocess.run(["rm", "-r", tmp_path / "set"], check=True)


def test_npz__kuzushiji_49__arr_0_in_four_files(tmp_path):
    x, y = pixels(6, 28, 28), np.arange(43, 49, dtype=np.uint8)
    paths = []
    for split, part in ("train", slice(0, 4)), ("test", slice(4, 6)):
        for kind, a in ("imgs", x), ("labels", y):
            paths.append(tmp_path / f"k49-{split}-{kind}.npz")
            np.savez_compressed(paths[-1], a[part])
    splits = imported(tmp_path, *paths)
    assert np.array_equal(splits["train"][0], x[:4]) and np.array_equal(splits["test"][1], y[4:])
    subprocess.run(["rm", "-r", tmp_path / "set"], check=True)
    assert np.array_equal(imported(tmp_path, tmp_path)["test"][0], x[4:])  # the folder of them


@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i8", ">i4", "<u2", "<f4", ">f8", "<f8"])
@pytest.mark.parametrize("order", "CF")
def test_npy__each_type_and_order__the_same_levels(tmp_path, dtype, order):
    x, y = pixels(50, 7, 6, 3), np.arange(50) * 7
    a = (x / np.dtype(dtype).type(255)).astype(dtype) if "f" in dtype else x.astype(dtype)
    np.save(tmp_path / "x.npy", np.array(a, order=order))
    np.save(tmp_path / "y.npy", y.astype(np.int64))
    splits = imported(tmp_path, tmp_path / "x.npy", tmp_path / "y.npy")
    assert np.array_equal(splits["train"][0], x) and np.array_equal(splits["train"][1], y)


def test_npy__channels_first_flat_rows_and_truth(tmp_path):
    x, y = pixels(5, 3, 8, 7), np.arange(5, dtype=np.uint8)
    np.save(tmp_path / "y.npy", y)
    for a, size, want in ((x, None, x.transpose(0, 2, 3, 1)),
                          (x.reshape(5, -1), "8x7", x.transpose(0, 2, 3, 1)),
                          (x[:, 0, :7].reshape(5, -1), None, x[:, 0, :7]),
                          (x[:, 0] > 99, None, x[:, 0] > 99)):
        np.save(tmp_path / "x.npy", a)
        options = {"size": size} if size else {}
        splits = imported(tmp_path, tmp_path / "x.npy", tmp_path / "y.npy", **options)
        assert np.array_equal(splits["train"][0], want)
        subprocess.run(["rm", "-r", tmp_path / "set"], check=True)


def test_npz__names_that_are_said__those_arrays(tmp_path):
    x, y = pixels(4, 9, 9), np.array([3, 300, 0, 1])
    np.savez(tmp_path / "a.npz", first=pixels(4, 2, 2), second=x, third=y, x_train=pixels(3, 3))
    splits = imported(tmp_path, tmp_path / "a.npz", images="second", labels="third", split="test")
    assert np.array_equal(splits["test"][0], x) and np.array_equal(splits["test"][1], y)
    subprocess.run(["rm", "-r", tmp_path / "set"], check=True)
    assert "--labels fourth: there is no array" in refused(tmp_path, tmp_path / "a.npz", images="second",
                                                           labels="fourth")


def test_npz__values_that_are_no_levels__told_with_their_place(tmp_path):
    y = np.zeros(3, np.uint8)
    for value, dtype, words in ((0.5, "f4", "value 0.5 at [1][2][3] is no level"),
                                (float("nan"), "f8", "value nan at [1][2][3]"),
                                (256, "i4", "value 256 at [1][2][3], want levels from 0 to 255"),
                                (-1, "i2", "value -1 at [1][2][3]")):
        for order in "CF":
            x = np.zeros((3, 4, 5), dtype, order=order)
            x[1, 2, 3] = value
            np.savez(tmp_path / "a.npz", x_train=x, y_train=y)
            said = refused(tmp_path, tmp_path / "a.npz")
            assert words in said and "a.npz: x_train.npy: " in said
    np.savez(tmp_path / "a.npz", x_train=np.array([[None]]), y_train=y)
    assert "its values are pickled objects" in refused(tmp_path, tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x_train=np.zeros((3, 4, 4), np.uint8), y_train=y - np.int8(1))
    assert "label -1 at [0]" in refused(tmp_path, tmp_path / "a.npz")
