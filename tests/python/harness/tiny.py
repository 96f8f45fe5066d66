# SPDX-License-Identifier: MIT
"""A data set of 103 and 41 images of 8 x 8, and the built daemon that serves it."""
import os
import pathlib
import signal
import struct
import subprocess
import tempfile

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = ROOT / os.environ.get("FMNIST_PROGRAMS", os.environ.get("BUILD", "build"))
COUNTS = {"train": 103, "test": 41}
_FILES = {"train": "train", "test": "t10k"}


def raw(split):
    """(images, labels), uint8."""
    random = np.random.Generator(np.random.PCG64(COUNTS[split]))
    return (random.integers(0, 256, (COUNTS[split], 8, 8), np.uint8),
            random.integers(0, 10, COUNTS[split], np.uint8))


def stock(split="train"):
    """What the stock DataLoader reads: (float32 1 x 8 x 8, int64, number)."""
    images, labels = raw(split)
    return TensorDataset(torch.from_numpy(images).unsqueeze(1).to(torch.float32).div(255),
                         torch.from_numpy(labels).long(), torch.arange(len(labels)))


class Pictures(Dataset):
    """What torchvision's data sets give: (transform(PIL image), label), and the number."""

    def __init__(self, split, transform):
        self.images, self.labels = raw(split)
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.images[i])), int(self.labels[i]), i


class Daemon:
    """The built daemon on a socket of its own, which FMNIST_SOCKET then names."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="fmnist-harness-")
        folder = pathlib.Path(self._folder.name)
        for split, name in _FILES.items():
            for array, kind in zip(raw(split), ("images-idx3", "labels-idx1")):
                head = struct.pack(f">{1 + array.ndim}i", 0x800 + array.ndim, *array.shape)
                (folder / f"{name}-{kind}-ubyte").write_bytes(head + array.tobytes())
        (folder / "fmnistd.yaml").write_text(
            f"socket: '{folder}/fmnistd.sock'\ncache: '{folder}/cache'\nworkers: 1\n"
            f"datasets:\n  - name: tiny\n    path: '{folder}'\n    splits:\n" + "".join(
                f"      {split}:\n        images: {name}-images-idx3-ubyte\n"
                f"        labels: {name}-labels-idx1-ubyte\n" for split, name in _FILES.items()))
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
