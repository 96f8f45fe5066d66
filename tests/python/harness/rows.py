# SPDX-License-Identifier: MIT
"""A multi-label set, written and served: fixtures for the tests that import them."""
import numpy as np
import pytest

from conftest import running_daemon

COUNT, SIDE, LABELS = {"train": 331, "test": 67}, 6, 14
NAMES = tuple(f"finding {i}" for i in range(LABELS))


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(head + array.tobytes())


@pytest.fixture(scope="module")
def arrays():
    """{split: (images uint8 n x 1 x h x w, rows uint8 n x 14)}; a row has ones, and some 2 and 255."""
    made, chance = {}, np.random.default_rng(17)
    for split, count in COUNT.items():
        rows = (chance.random((count, LABELS)) < 0.3).astype("u1")
        rows[3], rows[4, :2] = 0, (2, 255)
        made[split] = chance.integers(0, 256, (count, 1, SIDE, SIDE), dtype="u1"), rows
    return made


@pytest.fixture(scope="module")
def served(arrays, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    for split, (images, rows) in arrays.items():
        write_idx(folder / f"{split}-images-idx3-ubyte", images[:, 0])
        write_idx(folder / f"{split}-labels-idx2-ubyte", rows)
    splits = ", ".join(f"{split}: {{images: {split}-images-idx3-ubyte, labels: "
                       f"{split}-labels-idx2-ubyte}}" for split in COUNT)
    with running_daemon(folder, f"  - {{name: chest, path: '{folder}', multi_label: true,\n"
                                f"     splits: {{{splits}}}, classes: {list(NAMES)}}}\n") as socket:
        yield socket


@pytest.fixture
def chest(served, monkeypatch):
    monkeypatch.setenv("FMNIST_SOCKET", str(served))
    return {"dataset": "chest"}
