"""What the four tabs of "The Image Classification Dataset" (Dive into Deep Learning) share.

A framework's module derives its FashionMNIST from DataModule and adds its own train, val and
get_dataloader. The class needs neither d2l nor Matplotlib; it uses them where they are.
"""

import functools
import sys

import numpy

from fmnist import _loader

TEXT_LABELS = (
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)


class DataModule:
    """The chapter's data module.

    Where the program has imported d2l for this framework, an instance is a d2l.DataModule as well:
    the class is derived from both when the first instance is made, so that this package never
    imports d2l by itself (which takes seconds).
    """

    _d2l = None  # the name of d2l's module for the framework, "d2l.torch"

    def __new__(cls, *args, **kwargs):
        d2l = sys.modules.get(cls._d2l)
        if d2l is not None and not issubclass(cls, d2l.DataModule):
            cls = _with_base(cls, d2l.DataModule)
        return super().__new__(cls)

    def __init__(self, batch_size, resize, **options):
        super().__init__()
        self.batch_size = batch_size
        self.resize = resize
        self.options = options
        self._loaders = {}

    def __reduce__(self):
        return _restore, (_declared(type(self)), self.__dict__)

    def get_dataloader(self, train):
        """Shuffled for training, ordered for validation. One loader for each, whose stream stays
        open between epochs."""
        train = bool(train)
        if train not in self._loaders:
            self._loaders[train] = self._loader(train)
        return self._loaders[train]

    def _loader(self, train):
        raise NotImplementedError

    def train_dataloader(self):
        return self.get_dataloader(train=True)

    def val_dataloader(self):
        return self.get_dataloader(train=False)

    def text_labels(self, indices):
        """The names of labels."""
        return [TEXT_LABELS[int(i)] for i in _numpy(indices)]

    def visualize(self, batch, nrows=1, ncols=8, labels=[]):
        """Draws the first nrows * ncols images of a batch with their labels. Returns the axes."""
        images, numbers = batch
        return show_images(
            images, nrows, ncols, list(labels) or self.text_labels(numbers[: nrows * ncols]))


class ArrayDataModule(DataModule):
    """The data module of the tabs whose train and val are two arrays: TensorFlow's and JAX's."""

    loader = None  # the framework's Loader

    def __init__(self, batch_size=64, resize=(28, 28), **options):
        super().__init__(batch_size, resize, **options)

    @functools.cached_property
    def train(self):
        """(images[60000][28][28], labels[60000]), uint8, as stored; read when first asked for."""
        return self._arrays("train")

    @functools.cached_property
    def val(self):
        """The same of the 10,000 images to validate with."""
        return self._arrays("test")

    def _arrays(self, split):
        images, labels = _loader.read_split(split, **where(self.options))
        return images[..., 0], labels

    def _loader(self, train):
        height, width = self.resize
        return self.loader(split="train" if train else "test", batch_size=self.batch_size,
                           height=height, width=width, shuffle=train, **self.options)


def where(options):
    """The options that say which daemon and data set, not how a stream is read."""
    return {name: value for name, value in options.items()
            if name in ("dataset", "socket", "daemon", "timeout")}


@functools.lru_cache(maxsize=None)
def _with_base(cls, base):
    return type(cls.__name__, (cls, base), {
        "__module__": cls.__module__, "__doc__": cls.__doc__, "_declared": cls})


def _declared(cls):
    """The class as its module has it."""
    return cls.__dict__.get("_declared", cls)


def _restore(cls, state):
    module = cls.__new__(cls)
    module.__dict__.update(state)
    return module


def _numpy(array):
    """Of any framework's array, or of a list."""
    return array.asnumpy() if hasattr(array, "asnumpy") else numpy.asarray(array)


def show_images(images, nrows, ncols, titles, scale=1.5):
    """A grid of grey images. Shape: images[n][1][h][w] or [n][h][w][1], of any framework."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        nrows, ncols, figsize=(ncols * scale, nrows * scale), squeeze=False)
    for axis, image, title in zip(axes.flat, images, titles):
        image = _numpy(image)
        axis.imshow(image.reshape(image.shape[1:] if image.shape[0] == 1 else image.shape[:2]))
        axis.set_title(title)
    for axis in axes.flat:
        axis.set_axis_off()
    return axes.flatten()
