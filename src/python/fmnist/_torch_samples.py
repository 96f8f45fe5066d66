# SPDX-License-Identifier: MIT
"""One split by index, for what torchvision.datasets.FashionMNIST is used for."""
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Subset
from torch.utils.dlpack import from_dlpack

from fmnist import _native, _served
from fmnist._torch_augment import Augmentation, Rule
from fmnist._torch_transforms import chain_of, is_known, pillow_version
from fmnist._loader import numbers
from fmnist.core import POOLED_BYTES, NumpyArrays
from fmnist._part import FIELDS, Part, name_of, part_of
from fmnist._spec import check_names, shows
from fmnist._samples import Samples
from fmnist._typing import Unpack

_TWO_PASS_FILTERS = ("box", "bilinear", "hamming", "bicubic", "lanczos")


class TorchArrays:
    """How a core.Stream makes tensors."""

    takes = True  # wrap() makes them of writable memory, too

    @staticmethod
    def empty(shape: tuple[int, ...], dtype: str) -> torch.Tensor:
        kind: torch.dtype = getattr(torch, dtype)
        if math.prod(shape) * kind.itemsize < POOLED_BYTES:
            return torch.empty(shape, dtype=kind)
        if dtype != "bfloat16":
            return torch.from_numpy(NumpyArrays.empty(shape, dtype))
        # NumPy has only its bits. Not tensor.view(kind), which would be a view to autograd.
        bits = torch.from_numpy(NumpyArrays.empty(shape, "int16"))
        return torch.empty(0, dtype=kind).set_(bits.untyped_storage(), 0, shape, bits.stride())

    @staticmethod
    def address(tensor: torch.Tensor) -> int:
        return tensor.data_ptr()

    @staticmethod
    def split(tensor: torch.Tensor, length: int) -> Sequence[torch.Tensor]:
        # Not views to autograd: each part may be changed in place and has its own version counter.
        return torch.unsafe_split(tensor, length) if len(tensor) > length else (tensor,)

    @staticmethod
    def wrap(view: _native.View) -> torch.Tensor:
        return from_dlpack(view.__dlpack__())


def pillow_rule(name: str = "bilinear") -> str:
    """The resize rule of the Pillow that is installed, which is what torchvision would give here:
    13.0 changed the order of the two passes. Without Pillow: the new order."""
    if name not in _TWO_PASS_FILTERS:
        return f"pillow-{name}"
    return f"pillow12-{name}" if pillow_version() < 13 else f"pillow-{name}"


def _size(resize: Any, height: int, width: int,
          described: Callable[[], _served.Dataset]) -> tuple[str, int, int]:
    """(rule, height, width) of what resize= and height=, width= say. `described`: a function."""
    if resize is None or isinstance(resize, str):
        return resize or pillow_rule(), height, width
    if height or width:
        raise ValueError(f"resize={resize!r} is a size, and so are height= and width=: say one")
    if isinstance(resize, int) and not isinstance(resize, bool):  # torchvision: the shorter edge
        stored = described()
        h, w = stored.height, stored.width
        short, long = min(h, w), int(resize * max(h, w) / min(h, w))
        return pillow_rule(), *((resize, long) if h == short else (long, resize))
    sizes = tuple(resize) if isinstance(resize, (tuple, list)) else ()
    if len(sizes) == 1:
        return _size(sizes[0], 0, 0, described)
    if len(sizes) != 2 or not all(type(n) is int for n in sizes):
        raise ValueError(f'resize={resize!r}: want a number, (height, width), or the name of a '
                         'rule ("pillow-bilinear", "none", ...)')
    return pillow_rule(), *sizes


class MapDataset(Dataset[Any]):
    """One split of a data set by index: [i] is (tensor, int), as torchvision's data sets have it.

    [i]      the image as the Loader's batches have it, float32 1 x h x w by default; where a
             transform is set, transform(PIL image), as torchvision's, of the stored pixels or of
             those that resize= makes of them
    .data    the stored images, uint8 n x h x w (n x h x w x c); .targets: int64 n
    .classes, .class_to_idx

    An item costs one item: it is asked of the daemon. target_transform gets the label, an int. Of a
    multi-label set a label is a row of label_dtype, as a TensorDataset's, and target_transform gets
    it as int64; .targets are int64 n x label_count, .classes the names of its columns. A
    transform says how images are: dtype=, layout=, channels=, mean= and std= cannot stand beside it,
    and do nothing while one is set later.
    with_indices=True makes it (tensor, int, number in the split). A label_dtype= other than int64
    makes the label a tensor of no dimensions. The other keywords are Loader's.

    Errors: IndexError; fmnist.errors where the daemon does not serve it.
    """

    def __init__(self, split: str = "train", transform: Callable[[Any], Any] | None = None,
                 target_transform: Callable[[int], Any] | None = None, *,
                 dataset: str = "fashion-mnist", resize: str | int | Sequence[int] | None = None,
                 height: int = 0, width: int = 0, dtype: str | torch.dtype = "float32", layout: str = "NCHW",
                 channels: int = 0, mean: float | Sequence[float] | None = None,
                 std: float | Sequence[float] | None = None, label_dtype: str | torch.dtype = "int64",
                 with_indices: bool = False, socket: Any = None, daemon: str | None = None,
                 data: Any = None, timeout: float = 30.0, reconnect: float = 60.0,
                 **of_split: Unpack[Part]) -> None:
        check_names(of_split, inspect.signature(MapDataset).parameters, "a MapDataset")
        split = part_of(split, of_split)
        self.where: dict[str, Any] = dict(dataset=dataset, split=split, socket=socket, daemon=daemon, data=data,
                          timeout=timeout, reconnect=reconnect)
        dtype, label_dtype = _name(dtype), _name(label_dtype)
        mean, std = _list(mean), _list(std)
        if label_dtype not in ("uint8", "int32", "int64"):
            raise ValueError(f'label_dtype={label_dtype!r}: want "uint8", "int32" or "int64"')
        self.split, self.train = split, name_of(split) == "train"
        resize, height, width = _size(resize, height, width, 
                                      lambda: _served.dataset_of(**self.where))
        self.spec: dict[str, Any] = dict(resize=resize, height=height, width=width, dtype=dtype, layout=layout,
                         channels=channels, mean=mean, std=std)
        self.transform, self.target_transform = transform, target_transform
        self.label_dtype, self.with_indices = label_dtype, with_indices
        self.rule = Rule()  # a Loader's, of augmentation
        # The newest augmentation, what it was made of, and samples behind it.
        self._made: tuple[Any, Augmentation, Samples] | None = None
        self._samples = Samples(**self.where, **self.spec, arrays=TorchArrays)
        self._stored = Samples(**self.where, resize="none", dtype="uint8", layout="NHWC",
                               arrays=TorchArrays)
        self._pictures = self._stored if not (height or width) else Samples(
            **self.where, **self._picture_size, dtype="uint8", layout="NHWC", arrays=TorchArrays)
        self._arrays: tuple[torch.Tensor, torch.Tensor] | None = None
        if transform is not None:
            self.check_transform()

    def __repr__(self) -> str:
        size = ", ".join(f"{name}={value!r}" for name, value in self.spec.items() if value)
        return f"<fmnist.torch.MapDataset {self.where['dataset']}/{self.split}: {size}>"

    @property
    def described(self) -> _served.Dataset:
        """The fmnist.Dataset: stored size, class names, digest."""
        return self._samples.served

    @property
    def count_known(self) -> int | None:
        """Samples of the split, where the daemon was asked already."""
        return self._samples.count_known

    def __len__(self) -> int:
        """Samples of the split."""
        return self.described.count

    def __getitem__(self, i: int) -> Any:
        return self._items([i])[0]

    def fetch(self, indices: Iterable[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """(images, labels) of those numbers, before any transform: two tensors.

        Shape: images[n][channels][height][width] with layout="NCHW", of dtype=; labels int64[n], of
        a multi-label set int64[n][label_count].
        Errors: IndexError, TypeError; those of fmnist.errors."""
        return self._samples.fetch(indices)

    def numbered(self, indices: Iterable[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """As fetch, and each sample's number in the stored split: int64[n]."""
        return self._samples.numbered(indices)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Several at once, for DataLoader."""
        if type(self).__getitem__ is not MapDataset.__getitem__:
            return [self[i] for i in indices]
        return self._items(indices)

    def _items(self, indices: Sequence[int]) -> list[Any]:
        self.check_unchanged()
        images: Any
        if self.transform is not None:
            pixels, labels, *more = self._asked(self._pictures, indices)
            images = [self.transform(_picture(image.numpy())) for image in pixels]
        elif self.rule.text is not None:
            images, labels, *more = self.augmented(indices)
        else:
            images, labels, *more = self._asked(self._samples, indices)
        if self.target_transform is not None:
            labels = [self.target_transform(label) for label in each_label(labels)]
        elif self.label_dtype == "int64" and labels.dim() == 1:
            labels = labels.tolist()
        else:
            labels = labels.to(getattr(torch, self.label_dtype))
        if self.with_indices:
            return list(zip(images, labels, more[0].tolist()))
        return list(zip(images, labels))

    def _asked(self, samples: Samples, indices: Sequence[int]) -> Any:
        return samples.numbered(indices) if self.with_indices else samples.fetch(indices)

    # ---- augmentation

    @property
    def _picture_size(self) -> dict[str, Any]:
        """Of a picture that a transform gets."""
        return {name: self.spec[name] for name in ("resize", "height", "width")}

    def check_transform(self) -> None:
        """ValueError where something is said beside a transform that it says itself."""
        standard = {"dtype": "float32", "layout": "NCHW", "channels": 0, "mean": None, "std": None}
        given = [f"{name}=" for name, value in standard.items()
                 if self.spec[name] != value and str(self.spec[name]).upper() != value]
        if given:
            raise ValueError(
                f"{' and '.join(given)} beside transform=: a transform says how images are "
                "(Normalize, Grayscale); or give the chain as text, by augment= of a Loader")

    def augmentation(self) -> Augmentation | None:
        """Of the transform that is set now, or of a Loader's augment=; None where there is none, or
        a transform that is not known, which is the same as it is read by DataLoader."""
        of: Any = self.rule.text
        spec = self.spec
        if self.transform is not None:
            if not is_known(self.transform):
                return None
            of, spec = chain_of(self.transform), self._picture_size
        if of is None:
            return None
        key = of, spec, self.rule
        if self._made is None or self._made[0] != key:
            how = Augmentation(of, self._shape(), self.rule, spec)
            self._made = key, how, Samples(**self.where, **how.fields, arrays=TorchArrays)
        return self._made[1]

    def _shape(self) -> tuple[int, int, int]:
        served = self.described
        return (served.channels, self.spec["height"] or served.height,
                self.spec["width"] or served.width)

    def augmented(self, indices: Iterable[int], values: NDArray[np.uint32] | None = None) -> tuple[
            torch.Tensor, torch.Tensor, torch.Tensor]:
        """(images, labels, numbers) behind the augmentation, by those draws; without, by those that come of
        the global generator, sample after sample."""
        self.augmentation()
        assert self._made is not None  # there is one
        _, how, samples = self._made
        chosen = list(indices)
        if values is None:
            values = how.from_global(len(chosen))
        return samples.drawn(chosen, values, how.bytes)

    def _whole(self) -> tuple[torch.Tensor, torch.Tensor]:
        if self._arrays is None:
            images, labels = self._stored.fetch(range(len(self)))
            arrays = images.squeeze(-1) if images.shape[-1] == 1 else images, labels.long()
            self._arrays, self._versions = arrays, [a._version for a in arrays]
        return self._arrays

    def check_unchanged(self) -> None:
        """RuntimeError where .data or .targets were changed in place: the daemon serves what is
        stored."""
        if self._arrays is not None and self._versions != [a._version for a in self._arrays]:
            raise RuntimeError(
                ".data or .targets were changed in place, and the daemon serves what is stored: "
                "change labels by target_transform=, leave samples out by a Subset or indices=, or "
                "give a TensorDataset of the two to a DataLoader")

    @property
    def served_as_is(self) -> bool:
        """Whether samples are what the daemon has: no class derived from this one says another."""
        kind = type(self)
        return (kind.__getitem__ is MapDataset.__getitem__ and
                kind.__getitems__ is MapDataset.__getitems__)

    @property
    def data(self) -> torch.Tensor:
        """The stored images, uint8 n x h x w, or n x h x w x c."""
        return self._whole()[0]

    @property
    def targets(self) -> torch.Tensor:
        """The labels, int64 n, of a multi-label set n x label_count."""
        return self._whole()[1]

    @property
    def classes(self) -> list[str]:
        """The names of the classes, by label; empty where the data set has none."""
        return list(self.described.class_names)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class's name."""
        return {name: i for i, name in enumerate(self.classes)}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_arrays": None, "_made": None}


shows(MapDataset.__init__, *FIELDS)


def _name(dtype: str | torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def each_label(labels: torch.Tensor) -> Any:
    """What a target_transform gets, one after the other: ints, or rows, int64."""
    return labels.tolist() if labels.dim() == 1 else labels.long().unbind()


def _list(values: Any) -> Any:
    return values.tolist() if isinstance(values, (torch.Tensor, np.ndarray)) else values


def _picture(pixels: NDArray[np.uint8]) -> Any:
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def is_plain(data: Any) -> bool:
    """Whether a data set, through its Subsets, gives what the daemon has: none of them is of a
    class derived from ours or PyTorch's that says other samples."""
    if isinstance(data, Subset):
        return type(data) is Subset and is_plain(data.dataset)
    return isinstance(data, MapDataset) and data.served_as_is


def subset_of(data: Any) -> tuple[Any, NDArray[np.uint32] | None]:
    """(the data set within, numbers in it or None) of a Subset, of one of another, or of neither."""
    if not isinstance(data, Subset):
        return data, None
    within, outer = subset_of(data.dataset)
    chosen = numbers(data.indices)
    return within, chosen if outer is None else outer[chosen]
