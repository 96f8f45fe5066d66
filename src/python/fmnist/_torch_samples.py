"""One split by index, for what torchvision.datasets.FashionMNIST is used for."""
import inspect
import operator

import numpy as np
import torch
from torch.utils.data import Dataset, Subset

from fmnist import _served
from fmnist._loader import numbers
from fmnist._spec import check_names
from fmnist._samples import Samples

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


def _size(resize, height, width, described):
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


class MapDataset(Dataset):
    """One split of a data set by index: [i] is (tensor, int), as torchvision's data sets have it.

    [i]      the image as the Loader's batches have it, float32 1 x h x w by default; where a
             transform is set, transform(PIL image of the stored pixels), as torchvision's
    .data    the stored images, uint8 n x h x w (n x h x w x c); .targets: int64 n
    .classes, .class_to_idx

    An item costs one item: it is asked of the daemon. target_transform gets the label, an int.
    with_indices=True makes it (tensor, int, number in the split). A label_dtype= other than int64
    makes the label a tensor of no dimensions. The other keywords are Loader's.

    Errors: IndexError; fmnist.errors where the daemon does not serve it.
    """

    def __init__(self, split="train", transform=None, target_transform=None, *,
                 dataset="fashion-mnist", resize=None, height=0, width=0, dtype="float32",
                 layout="NCHW", channels=0, mean=None, std=None, label_dtype="int64",
                 with_indices=False, socket=None, daemon=None, data=None, timeout=30.0,
                 reconnect=60.0, **unknown):
        check_names(unknown, inspect.signature(MapDataset).parameters, "a MapDataset")
        self.where = dict(dataset=dataset, split=split, socket=socket, daemon=daemon, data=data,
                          timeout=timeout, reconnect=reconnect)
        self._known = None
        self.split, self.train = split, split == "train"
        resize, height, width = _size(resize, height, width, lambda: self.described)
        self.spec = dict(resize=resize, height=height, width=width, dtype=dtype, layout=layout,
                         channels=channels, mean=mean, std=std)
        self.transform, self.target_transform = transform, target_transform
        self.label_dtype, self.with_indices = label_dtype, with_indices
        self._samples = Samples(**self.where, **self.spec, arrays=TorchArrays)
        self._stored = Samples(**self.where, resize="none", dtype="uint8", layout="NHWC",
                               arrays=TorchArrays)
        self._arrays = None

    def __repr__(self):
        return f"<fmnist.torch.MapDataset {self.where['dataset']}/{self.split}>"

    @property
    def described(self):
        """The fmnist.Dataset: stored size, class names, digest."""
        if self._known is None:
            self._known = _served.dataset_of(**self.where)
        return self._known

    def __len__(self):
        return self.described.count

    def __getitem__(self, i):
        return self.__getitems__([i])[0]

    def fetch(self, indices):
        """(images, labels) of those numbers, before any transform: two tensors."""
        return self._samples.fetch(indices)

    def __getitems__(self, indices):
        """Several at once, for DataLoader."""
        if self.transform is None:
            images, labels = self.fetch(indices)
        else:
            pixels, labels = self._stored.fetch(indices)
            images = [self.transform(_picture(image.numpy())) for image in pixels]
        if self.target_transform is not None:
            labels = [self.target_transform(label) for label in labels.tolist()]
        elif self.label_dtype == "int64":
            labels = labels.tolist()
        else:
            labels = labels.to(getattr(torch, self.label_dtype))
        if self.with_indices:
            count = len(self)
            return list(zip(images, labels, (operator.index(i) % count for i in indices)))
        return list(zip(images, labels))

    def _whole(self):
        if self._arrays is None:
            images, labels = self._stored.fetch(range(len(self)))
            self._arrays = images.squeeze(-1) if images.shape[-1] == 1 else images, labels.long()
        return self._arrays

    @property
    def data(self):
        """The stored images, uint8 n x h x w, or n x h x w x c."""
        return self._whole()[0]

    @property
    def targets(self):
        """The labels, int64 n."""
        return self._whole()[1]

    @property
    def classes(self):
        return list(self.described.class_names)

    @property
    def class_to_idx(self):
        return {name: i for i, name in enumerate(self.classes)}

    def __getstate__(self):
        return {**self.__dict__, "_arrays": None}


def _picture(pixels):
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def subset_of(data):
    """(the data set within, numbers in it or None) of a Subset, of one of another, or of neither."""
    if not isinstance(data, Subset):
        return data, None
    within, outer = subset_of(data.dataset)
    chosen = numbers(data.indices)
    return within, chosen if outer is None else outer[chosen]
