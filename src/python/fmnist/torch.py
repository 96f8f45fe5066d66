"""PyTorch: batches as tensors, in the order that DataLoader would give.

    from fmnist.torch import FashionMNIST

    data = FashionMNIST(batch_size=64, resize=(32, 32))      # the chapter's data module
    for X, y in data.train_dataloader(): ...

    loader = Loader(batch_size=64, shuffle=True, height=32, width=32)

What DataLoader draws from torch's generators is drawn here too, at the same moments, so that with
torch.manual_seed alone the order, and every random number after it, stay those of the program
before (checked in tests/python/test_torch.py).
"""
import os

import torch
from torch.utils.data import (BatchSampler, Dataset as _MapDataset, IterableDataset,
                              get_worker_info)

from fmnist import _chapter, _torch_draws as _draws, core
from fmnist._loader import numbers
from fmnist._torch_upload import Upload  # noqa: F401  (part of this module)

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


def _exclude(**said):
    """ValueError where more than one of these was said."""
    names = [f"{name}=" for name, value in said.items() if value is not None and value is not False]
    if len(names) > 1:
        raise ValueError(f"{' and '.join(names)} exclude each other")


def _first(indices, sampler):
    """One of the two ways to give numbers."""
    _exclude(indices=indices, sampler=sampler)
    return sampler


class Loader(IterableDataset):
    """Batches [X, y] of one split: an epoch each time it is iterated over.

    Which samples, in which order, is said as DataLoader is told:

    shuffle=True      drawn from torch's global generator, or from generator=; with seed=, or where
                      several processes share an epoch, DistributedSampler(seed=...)'s, by
                      set_epoch or one epoch after the other
    indices=          numbers in the split, as torch.utils.data.Subset has them; may be shuffled
    sampler=          any sampler, asked anew for each epoch; or numbers
    batch_sampler=    any batch sampler, of batches of any lengths, asked anew for each epoch
    order=            any order of the daemon's, by its name

    A sampler is asked for the whole epoch when the epoch's first batch is. A generator that it has
    as .generator moves on with the batches all the same, as under DataLoader without workers.

    Every other keyword is core.Stream's: dtype=, layout=, mean=, std=, zero_copy=, daemon=, ...
    with_indices=True adds each sample's number: [X, y, indices].
    Tensors are the caller's own. With zero_copy=True they lie in the daemon's memory, which is
    mapped read-only: an in-place operation on one ends the process (PyTorch cannot mark it).

    Inside DataLoader(loader, batch_size=None, num_workers=n) the workers share the epoch's batches;
    there is nothing for them to do, and they cost more than they bring. Orders that are drawn are
    drawn there from the DataLoader's base seed; a sampler cannot be asked there.
    """

    def __init__(self, dataset="fashion-mnist", split="train", batch_size=64, *, shuffle=False,
                 sampler=None, batch_sampler=None, indices=None, seed=None, order=None,
                 drop_last=False, rank=None, world_size=None, generator=None, resize=None,
                 with_indices=False, **options):
        super().__init__()
        if _draws.is_static(sampler):
            indices, sampler = _first(indices, sampler), None
        _exclude(shuffle=shuffle, sampler=sampler, batch_sampler=batch_sampler, order=order)
        _exclude(indices=indices, sampler=sampler, batch_sampler=batch_sampler, order=order)
        _exclude(batch_sampler=batch_sampler, drop_last=drop_last)
        if sampler is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if batch_sampler is not None:
            if (seed, rank, world_size) != (None, None, None):
                raise ValueError("a sampler is asked as it is: no seed=, rank= or world_size=")
            rank, world_size = 0, 1
        rank, world_size = _world(rank, world_size)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self._indices = None if indices is None else numbers(indices)
        # Drawn: each epoch is a permutation of a generator's, drawn when the epoch begins.
        self._drawn = shuffle and seed is None and world_size == 1
        if shuffle and not self._drawn and indices is not None:
            raise ValueError("indices= with shuffle=True is for one process and without seed=: "
                             "give sampler=DistributedSampler(...)")
        if shuffle and not self._drawn and generator is not None:
            raise ValueError("generator= is for shuffle=True without seed=, in one process")
        self._spec = dict(dataset=dataset, split=split, batch_size=batch_size, drop_last=drop_last,
                          order=order or ("torch" if shuffle else "sequential"), rank=rank,
                          world_size=world_size, resize=resize or pillow_rule(),
                          arrays=TorchArrays, indices=with_indices, **options)
        if indices is not None and not shuffle:
            self._spec.update(order="list", list=self._indices)
        self._seed = seed or 0
        self._draws = None  # of this epoch, where the indices are drawn here
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
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        if self._indices is not None:
            count = len(self._indices)
            return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
        return len(self._stream)

    def set_epoch(self, epoch):
        """The next iteration gives that epoch, from its first batch (DistributedSampler's). A
        sampler that has a set_epoch is told."""
        for sampler in (self.sampler, self.batch_sampler):
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
        self._next_epoch = epoch
        self._resumed = False

    @property
    def zero_copy(self):
        return self._stream.zero_copy

    def state_dict(self, back=0):
        """The position behind the last batch handed out, or `back` batches before; within an epoch
        whose indices were drawn here, those too, and the generator they were drawn from. Keep it in
        the model's checkpoint, and torch.get_rng_state() beside it where the order comes from
        torch's global generator."""
        if self._draws is None and self._draws_here():
            return {"seed": self._seed, "inside": False}
        state = {"seed": self._seed, "inside": bool(back) or self._stream.step > 0,
                 **self._stream.state_dict(back)}
        if self._draws is not None and state["inside"]:
            state["draws"] = self._draws.state_dict()
        return state

    def load_state_dict(self, state):
        if "draws" in state:
            self._use(_draws.Draws.restored(state["draws"], self._generator()))
        elif state["seed"] != self._seed:
            self._use_seed(state["seed"])
        if "draws" in state or not self._draws_here():
            self._stream.load_state_dict({"token": state["token"]})
        self._resumed, self._next_epoch = state["inside"], None

    def close(self):
        """Ends the connection; the next use makes another."""
        self._stream.close()

    # ---- where an epoch's order comes from

    def _draws_here(self):
        """Whether the daemon is given an epoch's indices, rather than a seed."""
        return self.batch_sampler is not None or self._drawn and (
            self.generator is not None or self._indices is not None)

    def _generator(self):
        return self.generator if self.batch_sampler is None else _draws.generator_of(
            self.batch_sampler)

    def _use_seed(self, seed):
        self._seed, self._draws = seed, None
        self._stream.close()
        self._stream = core.Stream(**self._spec, seed=seed)

    def _use(self, draws):
        self._draws = draws
        self._stream.close()
        self._stream = core.Stream(**{**self._spec, **draws.spec()})

    def _draw_epoch(self, worker_seed):
        generator = self.generator
        if generator is None or worker_seed is not None:
            seed = _draw() if worker_seed is None else worker_seed
            if self._indices is None:
                return self._use_seed(seed)
            generator = torch.Generator().manual_seed(seed)
        count = core.dataset_of(**self._spec).count if self._indices is None else len(self._indices)
        self._use(_draws.shuffled(count, generator, self.batch_size, self.drop_last,
                                  self._indices))

    # ---- an epoch

    def __iter__(self):
        worker = get_worker_info()
        if worker is not None:  # DataLoader drew the base seed: the same in every worker
            if self.batch_sampler is not None and not self._resumed:
                raise RuntimeError("a sampler is asked by the process that reads the batches: use "
                                   "this Loader itself, or num_workers=0")
            return self._epoch(None, worker.seed - worker.id, worker.id, worker.num_workers)
        if self._resumed:
            return self._epoch(None, None, 0, 1)
        batches = None if self.batch_sampler is None else iter(self.batch_sampler)
        _draw(self.generator)
        return self._epoch(batches, None, 0, 1)

    def _epoch(self, batches, worker_seed, first, stride):
        if self._resumed:
            pass
        elif batches is not None:
            draws = _draws.sampled(batches, self._generator())
            if draws is None:
                return
            self._use(draws)
        elif self._drawn:
            self._draw_epoch(worker_seed)
        elif self._next_epoch is not None:
            self._stream.seek(self._next_epoch)
        elif self._stream.step:  # the last epoch was broken off
            self._stream.seek(self._stream.epoch + 1)
        self._resumed, self._next_epoch = False, None
        draws = self._draws or _draws.Draws(None)
        for _, step, images, labels, indices in self._stream.batches(first, stride):
            if draws.states:
                draws.reached(step)
            yield [images, labels] if indices is None else [images, labels, indices]
        draws.reached(_draws.END)


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
            self._kept["dataset"] = core.dataset_of(split=self._split, **self._spec)
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
