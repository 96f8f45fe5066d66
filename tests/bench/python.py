#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a batch costs a program in PyTorch, by the adapter and by what else there is.

One epoch of the training split, shuffled, 32x32 float32, into tensors that the program could train
on; nothing is computed with them. The in-memory loops have images that were resized beforehand,
which is not timed; DataLoader resizes, as the chapter does. All take
turns, the best of several epochs counts. Prints one JSON object: {"results": [...], "skipped":
[...]}; a result has the seconds of an epoch and the reading thread's own CPU time a batch.

    python.py --data FOLDER [--only NAME[,NAME]] [--batch-size 64] [--repeats 3] [--seconds S]

The daemon is found as every client finds it. What is not installed is skipped, with a word. An
epoch that takes longer than S seconds is cut there and reckoned from the batches that were read.
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src",
                                "python"))

from peers import SIDE, Peers, arguments, chosen_of, read_idx  # noqa: E402

TURN = 0.3  # seconds: short epochs are read as often as fit, so that all have the same chances


class Bare:
    """A map-style dataset: the calls of Pillow and PyTorch that torchvision's FashionMNIST with
    Resize and ToTensor ends in, and nothing around them."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        import numpy as np
        import torch
        from PIL import Image

        image = Image.fromarray(self.images[i]).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        image = torch.from_numpy(np.array(image)).view(SIDE, SIDE, 1).permute(2, 0, 1).contiguous()
        return image.to(torch.float32).div(255), int(self.labels[i])


class Ways(Peers):
    """Each way is a method that prepares and returns a function: it gives an epoch's iterable."""

    def raw(self):
        import numpy as np

        images = np.frombuffer(read_idx(self.data, "train-images-idx3-ubyte"), np.uint8, offset=16)
        return images.reshape(-1, 28, 28), self.labels()

    def labels(self):
        import numpy as np

        labels = read_idx(self.data, "train-labels-idx1-ubyte")
        return np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)

    def adapter(self, **options):
        from fmnist.torch import Loader

        loader = Loader(batch_size=self.batch, height=SIDE, width=SIDE, shuffle=True, **options)
        return lambda: loader

    def dataloader(self, workers):
        from torch.utils.data import DataLoader

        loader = DataLoader(self.chapter(), self.batch, shuffle=True, num_workers=workers)
        return lambda: loader

    def bare_dataloader(self):
        from torch.utils.data import DataLoader

        loader = DataLoader(Bare(*self.raw()), self.batch, shuffle=True)
        return lambda: loader

    def tensors(self):
        import torch

        return (torch.from_numpy(self.floats()).unsqueeze(1), torch.from_numpy(self.labels()))

    def tensor_dataset(self):
        from torch.utils.data import DataLoader, TensorDataset

        loader = DataLoader(TensorDataset(*self.tensors()), self.batch, shuffle=True)
        return lambda: loader

    def index_select(self, threads):
        """Into the same memory again and again: nothing in PyTorch that gathers is faster."""
        import torch

        X, y = self.tensors()
        images, labels = X[:self.batch].clone(), y[:self.batch].clone()

        def epoch():
            torch.set_num_threads(threads)
            for i in torch.randperm(len(X)).split(self.batch):
                n = len(i)
                yield (torch.index_select(X, 0, i, out=images if n == self.batch else images[:n]),
                       torch.index_select(y, 0, i, out=labels if n == self.batch else labels[:n]))
        return epoch

    def plain_index(self):
        import torch

        X, y = self.tensors()

        def epoch():
            torch.set_num_threads(2)
            for i in torch.randperm(len(X)).split(self.batch):
                yield X[i], y[i]
        return epoch

    def ways(self):
        all = {"fmnist": self.adapter, "fmnist-zero-copy": lambda: self.adapter(zero_copy=True)}
        for n in (0, 1, 2, 4):
            all[f"dataloader-w{n}"] = lambda n=n: self.dataloader(n)
        all["dataloader-bare"] = self.bare_dataloader
        all["tensordataset"] = self.tensor_dataset
        for n in (1, 2):
            all[f"index-select-t{n}"] = lambda n=n: self.index_select(n)
        all["plain-index"] = self.plain_index
        return all


def time_epoch(epoch, steps, limit):
    """Seconds for an epoch, and the thread's CPU seconds a batch. What comes before the first batch
    is paid once, however early the epoch is cut."""
    read, cpu, began = 0, time.thread_time(), time.perf_counter()
    for _ in epoch():
        read += 1
        if read == 1:
            first, cpu = time.perf_counter(), time.thread_time()
        if not read % 64 and time.perf_counter() - first > limit:
            break
    rest = (time.perf_counter() - first) / (read - 1)
    return first - began + rest * (steps - 1), (time.thread_time() - cpu) / (read - 1)


def main(make_ways, about):
    args = arguments(about)
    bench = make_ways(args.data, args.batch_size)
    ways = bench.ways()
    chosen = chosen_of(args, ways)
    steps = -(-len(bench.levels()) // args.batch_size)
    epochs, best, skipped = {}, {}, []
    for name in chosen:
        try:
            epochs[name] = ways[name]()
            time_epoch(epochs[name], steps, 0.2)
        except ImportError as error:
            epochs.pop(name, None)
            print(f"python: {name}: skipped, {error}", file=sys.stderr)
            skipped.append({"name": name, "why": str(error)})
    for _ in range(args.repeats):
        for name, epoch in epochs.items():
            turn = time.perf_counter()
            while time.perf_counter() - turn < TURN:
                found = time_epoch(epoch, steps, args.seconds)
                best[name] = [min(a, b) for a, b in zip(found, best.get(name, found))]
    bench.close()
    print(json.dumps({"program": "python", "skipped": skipped, "results": [
        {"name": name, "batch_size": args.batch_size, "seconds": round(seconds, 6),
         "cpu_us": round(cpu * 1e6, 3)} for name, (seconds, cpu) in best.items()]}))


if __name__ == "__main__":
    main(Ways, __doc__)
