# SPDX-License-Identifier: MIT
"""Data sets of 103 and 41 images of 8 x 8, parts of larger ones that have as many, and the built daemon
that serves them."""
import functools
import os
import pathlib
import signal
import struct
import subprocess
import tempfile
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = ROOT / os.environ.get("FMNIST_PROGRAMS", os.environ.get("BUILD", "build"))
COUNTS = {"train": 103, "test": 41}
_FILES = {"train": "train", "test": "t10k"}


@functools.lru_cache(maxsize=None)
def stored(dataset, split):
    """(images, labels), uint8, of "tiny", and of the others: "twice" has twice as many, every other
    one of class 3 or 7; labels of "rows" and "rows-twice" are rows of five."""
    count = COUNTS[split] * (2 if "twice" in dataset else 1)
    random = np.random.Generator(np.random.PCG64(count))
    images = random.integers(0, 256, (count, 8, 8), np.uint8)
    if "rows" in dataset:
        return images, random.integers(0, 3, (count, 5), np.uint8)
    labels = random.integers(0, 10, count, np.uint8)
    if dataset == "twice":
        others = np.array([0, 1, 2, 4, 5, 6, 8, 9], np.uint8)
        those = np.array([3, 7], np.uint8)[labels % 2]
        labels = np.where(np.arange(count) % 2, others[labels % 8], those)[random.permutation(count)]
    return images, labels


DATASETS = ("tiny", "twice", "rows", "rows-twice")


class Data(NamedTuple):
    """What the images are of: a whole split, or a part of one that has as many as "tiny"."""

    name: str = ""
    dataset: str = "tiny"
    slices: object = None     # by split, behind its name
    said: object = {}         # the part's keywords
    which: object = None      # (labels) -> the numbers in the stored split; None: all of it
    becomes: object = None    # of a label

    def words(self, split):
        """Our keywords."""
        return {"dataset": self.dataset, "split": split + (self.slices or {}).get(split, ""),
                **self.said}

    def raw(self, split):
        """(images, labels, numbers in the stored split)."""
        images, labels = stored(self.dataset, split)
        numbers = np.arange(len(labels)) if self.which is None else self.which(labels)
        labels = labels[numbers]
        if self.becomes is not None:
            labels = np.array([self.becomes[label] for label in labels.tolist()], np.uint8)
        return images[numbers], labels, numbers


def _drawn_half(labels):
    """What KFold(2, shuffle=True, random_state=3) holds out first."""
    numbers = np.arange(len(labels))
    np.random.RandomState(3).shuffle(numbers)
    return np.sort(numbers[:len(labels) // 2])


TINY = Data()
OTHERS = [
    Data("slice", "twice", {"train": "[60:163]", "test": "[25%:75%]"}, which=lambda labels: np.arange(
        len(labels))[60:163] if len(labels) == 206 else np.arange(20, 61)),
    Data("fold", "twice", said={"fold": 1, "folds": 2},
         which=lambda labels: np.arange(len(labels) // 2)),
    Data("held-out", "twice", said={"fold": 0, "folds": 2, "fold_seed": 3, "held_out": True},
         which=_drawn_half),
    Data("classes", "twice", said={"classes": [7, 3], "renumber": True, "label_map": {0: 5}},
         which=lambda labels: np.flatnonzero(np.isin(labels, (3, 7))), becomes={7: 5, 3: 1}),
    Data("rows", "rows"),
    Data("rows-fold", "rows-twice", said={"fold": 0, "folds": 2},
         which=lambda labels: np.arange(len(labels) // 2, len(labels))),
]


def stock(split="train", data=TINY):
    """What the stock DataLoader reads: (float32 1 x 8 x 8, int64, number)."""
    images, labels, numbers = data.raw(split)
    return TensorDataset(torch.from_numpy(images).unsqueeze(1).to(torch.float32).div(255),
                         torch.from_numpy(labels).long(), torch.from_numpy(numbers))


class Pictures(Dataset):
    """What torchvision's data sets give: (transform(PIL image), label), and the number."""

    def __init__(self, split, transform, data=TINY):
        self.images, labels, self.numbers = data.raw(split)
        self.labels = labels.tolist() if labels.ndim == 1 else torch.from_numpy(labels).long()
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.images[i])), self.labels[i], int(self.numbers[i])


def _written(folder, dataset):
    """Writes the files of a data set. Its part of the config."""
    folder.mkdir()
    text = (f"  - name: {dataset}\n    path: '{folder}'\n    multi_label: "
            f"{str('rows' in dataset).lower()}\n    splits:\n")
    for split, name in _FILES.items():
        text += f"      {split}:\n"
        for array, kind in zip(stored(dataset, split), ("images", "labels")):
            file = f"{name}-{kind}-idx{array.ndim}-ubyte"
            head = struct.pack(f">{1 + array.ndim}i", 0x800 + array.ndim, *array.shape)
            (folder / file).write_bytes(head + array.tobytes())
            text += f"        {kind}: {file}\n"
    return text


class Daemon:
    """The built daemon on a socket of its own, which FMNIST_SOCKET then names."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="fmnist-harness-")
        folder = pathlib.Path(self._folder.name)
        (folder / "fmnistd.yaml").write_text(
            f"socket: '{folder}/fmnistd.sock'\ncache: '{folder}/cache'\nworkers: 1\ndatasets:\n" +
            "".join(_written(folder / name, name) for name in DATASETS))
        self._config = folder / "fmnistd.yaml"
        os.environ["FMNIST_SOCKET"] = str(folder / "fmnistd.sock")
        self.start()
        return self

    def start(self):
        self.process = subprocess.Popen([PROGRAMS / "fmnistd", "-c", self._config],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True)
        said = []
        for line in self.process.stderr:
            said.append(line)
            if " ready" in line:
                return
        raise RuntimeError("fmnistd did not start:\n" + "".join(said))

    def kill(self):
        """As a power cut: no goodbye."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.communicate(timeout=30)
        self._folder.cleanup()
