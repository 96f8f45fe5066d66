"""PyTorch: batches as tensors, in the order that DataLoader would give.

    from fmnist.torch import FashionMNIST

    data = FashionMNIST(batch_size=64, resize=(32, 32))      # the chapter's data module
    for X, y in data.train_dataloader(): ...

    loader = Loader(batch_size=64, shuffle=True, height=32, width=32)

What DataLoader draws from torch's generators is drawn here too, at the same moments, so that with
torch.manual_seed alone the order, and every random number after it, stay those of the program
before (checked in tests/python/test_torch_order.py).
"""
import os
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset as _MapDataset, IterableDataset, get_worker_info

from fmnist import _chapter, core

_TWO_PASS_FILTERS = ("box", "bilinear", "hamming", "bicubic", "lanczos")


class TorchArrays:
    """How a core.Stream makes tensors."""

    @staticmethod
    def empty(shape, dtype):
        return torch.empty(shape, dtype=getattr(torch, dtype))

    @staticmethod
    def address(tensor):
        return tensor.data_ptr()

    @staticmethod
    def split(tensor, length):
        # Not views to autograd: each part may be changed in place and has its own version counter.
        return torch.unsafe_split(tensor, length) if len(tensor) > length else (tensor,)

    @staticmethod
    def wrap(view):
        return torch.utils.dlpack.from_dlpack(view.__dlpack__())


def pillow_rule(name="bilinear"):
    """The resize rule of the Pillow that is installed, which is what torchvision would give here:
    13.0 changed the order of the two passes. Without Pillow: the new order."""
    if name not in _TWO_PASS_FILTERS:
        return f"pillow-{name}"
    try:
        import PIL
        version = int(PIL.__version__.split(".")[0])
    except ImportError:
        version = 13
    return f"pillow12-{name}" if version < 13 else f"pillow-{name}"


def _world(rank, world_size):
    """This process among those that share an epoch: as told, torch.distributed's, torchrun's."""
    if world_size is not None:
        return rank or 0, world_size
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def _draw(generator=None):
    """What DataLoader draws for its workers, and RandomSampler for its seed."""
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator).item())


class Loader(IterableDataset):
    """Batches [X, y] of one split: an epoch each time it is iterated over.

    shuffle=True alone gives DataLoader(shuffle=True)'s order, drawn from torch's global generator;
    with seed=, or where several processes share an epoch, DistributedSampler(seed=...)'s with
    set_epoch. order= names any other order of the daemon's.

    Every other keyword is core.Stream's: dtype=, layout=, mean=, std=, zero_copy=, daemon=, ...
    indices=True adds each sample's number: [X, y, indices].
    Tensors are the caller's own. With zero_copy=True they lie in the daemon's memory, which is
    mapped read-only: an in-place operation on one ends the process (PyTorch cannot mark it).

    Inside DataLoader(loader, batch_size=None, num_workers=n) the workers share the epoch's batches;
    there is nothing for them to do, and they cost more than they bring.
    """

    def __init__(self, dataset="fashion-mnist", split="train", batch_size=64, *, shuffle=False,
                 seed=None, order=None, drop_last=False, rank=None, world_size=None, generator=None,
                 resize=None, **options):
        super().__init__()
        rank, world_size = _world(rank, world_size)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.generator = generator
        if order is not None and shuffle:
            raise ValueError("shuffle=True and order= exclude each other")
        # "drawn": each epoch is randperm of a seed that is drawn when the epoch begins.
        self._drawn = shuffle and seed is None and world_size == 1
        if generator is not None and not self._drawn:
            raise ValueError("generator= is for shuffle=True without seed=, in one process")
        if generator is not None and not torch.equal(
                generator.get_state(),
                torch.Generator().manual_seed(generator.initial_seed()).get_state()):
            raise ValueError("generator= must not have been drawn from yet: seed it anew")
        order = order or ("torch" if shuffle else "sequential")
        if generator is not None:
            order, seed, self._drawn = "torch-loader", generator.initial_seed(), False
        self._spec = dict(dataset=dataset, split=split, batch_size=batch_size, drop_last=drop_last,
                          order=order, rank=rank, world_size=world_size,
                          resize=resize or pillow_rule(), arrays=TorchArrays, **options)
        self._seed = seed or 0
        self._stream = core.Stream(**self._spec, seed=self._seed)
        self._next_epoch = None  # as set_epoch said
        self._resumed = False    # the next iteration goes on inside an epoch

    # ---- what DataLoader's users ask

    @property
    def dataset(self):
        return self

    @property
    def info(self):
        return self._stream.info

    def __len__(self):
        return len(self._stream)

    def set_epoch(self, epoch):
        """The next iteration gives that epoch, from its first batch (DistributedSampler's)."""
        self._next_epoch = epoch
        self._resumed = False

    def state_dict(self):
        """The position behind the last batch handed out. Keep it in the model's checkpoint, and
        torch.get_rng_state() beside it where the order comes from torch's global generator."""
        return {"seed": self._seed, "inside": self._stream.step > 0, **self._stream.state_dict()}

    def load_state_dict(self, state):
        if state["seed"] != self._seed:
            self._use_seed(state["seed"])
        self._stream.load_state_dict({"token": state["token"]})
        self._resumed, self._next_epoch = state["inside"], None

    def _use_seed(self, seed):
        self._stream.close()
        self._seed = seed
        self._stream = core.Stream(**self._spec, seed=seed)

    def close(self):
        """Ends the connection; the next use makes another."""
        self._stream.close()

    # ---- an epoch

    def __iter__(self):
        worker = get_worker_info()
        if worker is not None:  # DataLoader drew the base seed: the same in every worker
            return self._epoch(worker.seed - worker.id, worker.id, worker.num_workers)
        if not self._resumed:
            _draw(self.generator)
        return self._epoch(None, 0, 1)

    def _epoch(self, seed, first, stride):
        stream = self._stream
        if not self._resumed:
            if self._drawn:
                self._use_seed(_draw() if seed is None else seed)
                stream = self._stream
            elif self._next_epoch is not None:
                stream.seek(self._next_epoch)
            elif stream.step:  # the last epoch was broken off
                if self.generator is not None:
                    raise RuntimeError(
                        "generator=: the last epoch was broken off, and what its generator gives "
                        "next is an order that the daemon does not know: make a new Loader")
                stream.seek(stream.epoch + 1)
        self._resumed, self._next_epoch = False, None
        if self.generator is not None:
            torch.randperm(stream.info.sample_count, generator=self.generator)
        for _, _, images, labels, indices in stream.batches(first, stride):
            yield [images, labels] if indices is None else [images, labels, indices]
        if self.generator is not None:
            torch.randperm(stream.info.sample_count, generator=self.generator)


class MapDataset(_MapDataset):
    """One split by index, for what torchvision.datasets.FashionMNIST is used for: .data, .targets,
    .classes, [i] -> (float32 tensor 1 x h x w, int). It is read from the daemon once, when used."""

    def __init__(self, split, transform=None, target_transform=None, **spec):
        self._split, self._spec = split, spec
        self.train = split == "train"
        self.transform, self.target_transform = transform, target_transform
        self._kept = {}

    def _read(self, dtype):
        if dtype not in self._kept:
            spec = dict(self._spec)
            if dtype == "uint8":  # the stored images, as torchvision's .data
                spec.update(resize="none", height=0, width=0)
            loader = core.Stream(split=self._split, batch_size=4096, arrays=TorchArrays,
                                 dtype=dtype, **spec)
            parts = list(loader)
            loader.close()
            self._kept[dtype] = tuple(torch.cat(tensors) for tensors in zip(*parts))
        return self._kept[dtype]

    def _described(self):
        if "dataset" not in self._kept:
            where = {k: self._spec[k] for k in ("socket", "daemon") if k in self._spec}
            name = self._spec.get("dataset", "fashion-mnist")
            self._kept["dataset"] = next(d for d in core.datasets(**where)
                                         if (d.name, d.split) == (name, self._split))
        return self._kept["dataset"]

    @property
    def data(self):
        """The stored images, uint8 n x h x w."""
        return self._read("uint8")[0].squeeze(1)

    @property
    def targets(self):
        return self._read("uint8")[1]

    @property
    def classes(self):
        return list(self._described().class_names)

    @property
    def class_to_idx(self):
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self):
        return self._described().count

    def __getitem__(self, i):
        label = int(self.targets[i])
        if self.transform is None:
            image = self._read("float32")[0][i]
        else:  # as torchvision: the transform gets a PIL image of the stored pixels
            from PIL import Image
            image = self.transform(Image.fromarray(self.data[i].numpy(), mode="L"))
        return image, label if self.target_transform is None else self.target_transform(label)


class FashionMNIST(_chapter.DataModule):
    """The data module of "The Image Classification Dataset". Keywords beyond the chapter's are
    Loader's, for both splits."""

    _d2l = "d2l.torch"

    def __init__(self, batch_size=64, resize=(28, 28), **options):
        super().__init__(batch_size, tuple(resize), **options)
        self._size = {"height": self.resize[0], "width": self.resize[1]}
        shape = {**self._size, "resize": pillow_rule(), **_chapter.where(options)}
        self.train = MapDataset("train", **shape)
        self.val = MapDataset("test", **shape)

    def _loader(self, train):
        return Loader(split="train" if train else "test", batch_size=self.batch_size,
                      shuffle=train, **self._size, **self.options)
