# SPDX-License-Identifier: MIT
"""What the four tabs of "The Image Classification Dataset" (Dive into Deep Learning) share.

A framework's module derives its FashionMNIST from DataModule and adds its own train, val and
get_dataloader. The class needs neither d2l nor Matplotlib; it uses them where they are.
"""
import functools
import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from fmnist._arrays import stored
from fmnist._options import DEFAULTS, OF_MODULES, WHERE, check, spelled_out
from fmnist._part import class_names_of, pair_of
from fmnist._served import dataset_of

TEXT_LABELS = (
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)


class DataModule:
    """The chapter's data module.

    Where the program has imported d2l for this framework, an instance is a d2l.DataModule as well:
    the class is derived from both when the first instance is made, so that this package never
    imports d2l by itself (which takes seconds). A pickled copy is small: it has no loaders yet.

    It trains on "train" and validates with "test". With fold=, folds=, stratified=, fold_seed= both are
    of "train": what the fold trains on, and what it holds out. classes=, renumber= and label_map= hold
    for both; all are fmnist.part()'s.
    """

    _d2l: str  # the name of d2l's module for the framework, "d2l.torch"

    def __new__(cls, *args: Any, **kwargs: Any) -> "DataModule":
        d2l = sys.modules.get(cls._d2l)
        if d2l is not None and not issubclass(cls, d2l.DataModule):
            cls = _with_base(cls, d2l.DataModule)  # type: ignore[arg-type]
        return super().__new__(cls)

    def __init__(self, batch_size: int, resize: Any, **options: Any) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.resize = resize
        self._splits = pair_of(options)
        self.options = options
        self._served = where(options)
        self._loaders: dict[bool, Any] = {}

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return (f"<{_declared(type(self)).__module__}.FashionMNIST batch_size={self.batch_size}, "
                f"resize={self.resize}{given}" +
                (f", splits={self._splits}>" if self._splits != ("train", "test") else ">"))

    def __reduce__(self) -> Any:
        state = {name: value for name, value in self.__dict__.items() if not isinstance(
            getattr(type(self), name, None), functools.cached_property)}
        return _restore, (_declared(type(self)), {**state, "_loaders": {}})

    def get_dataloader(self, train: bool) -> Any:
        """Shuffled for training, ordered for validation. One loader for each, which goes on with
        the next epoch."""
        train = bool(train)
        if train not in self._loaders:
            self._loaders[train] = self._loader(train)
        return self._loaders[train]

    def _loader(self, train: bool) -> Any:
        raise NotImplementedError

    def _split(self, train: bool) -> str:
        return self._splits[0 if train else 1]

    def train_dataloader(self) -> Any:
        """The training set's loader."""
        return self.get_dataloader(train=True)

    def val_dataloader(self) -> Any:
        """The loader of the test set, which the chapter validates with."""
        return self.get_dataloader(train=False)

    @functools.cached_property
    def _names(self) -> tuple[str, ...]:
        """The chapter's names of Fashion-MNIST's classes, the data set's own of another; of those
        that a part of it has."""
        split = self._splits[0]
        if self._served.get("dataset", "fashion-mnist") == "fashion-mnist":
            return class_names_of(split, TEXT_LABELS)
        names = class_names_of(split, dataset_of(**self._served).class_names)
        return tuple(re.sub(r"^(\d) - [a-z]+$", r"\1", name) for name in names)  # "0 - zero"

    def text_labels(self, indices: Any) -> list[str]:
        """The names of labels: the chapter's for Fashion-MNIST, "0" to "9" for digits, the data
        set's own class names for others, the number itself where it has none. Of a multi-label
        set's rows those of the columns that are not 0: "effusion, mass=2", or "none".

        Errors: IndexError for a number that is no label."""
        rows = _numpy(indices)
        if rows.ndim == 2:
            return [self._row_text(row) for row in rows]
        labels = [int(i) for i in rows]
        for label in labels:
            if not 0 <= label < (len(self._names) or label + 1):
                raise IndexError(f"label {label}: there are 0 to {len(self._names) - 1}")
        return [self._names[label] if self._names else str(label) for label in labels]

    def _row_text(self, row: NDArray[Any]) -> str:
        columns = [int(i) for i in numpy.flatnonzero(row)]
        return ", ".join(name if row[i] == 1 else f"{name}={row[i]}" for i, name in zip(
            columns, self.text_labels(columns))) or "none"

    def visualize(self, batch: Any, nrows: int = 1, ncols: int = 8,
                  labels: Sequence[str] = ()) -> Any:
        """Draws the first nrows * ncols images of a batch with their labels. Returns the axes."""
        images, numbers = batch[:2]
        return show_images(
            images, nrows, ncols, list(labels) or self.text_labels(numbers[: nrows * ncols]))


class ArrayDataModule(DataModule):
    """The data module of the tabs whose train and val are two arrays: TensorFlow's and JAX's.

    resize is (height, width). Keywords beyond the chapter's are Loader's, for both splits:
    dataset=, seed=, mean= and std=, dtype=, daemon=, ... They say how the loaders' batches are;
    train and val are the stored images, as in the chapter.

    Errors: TypeError for an unknown keyword, and for those that a data module says itself.
    """

    _loader_class: Any = None  # what makes a loader

    @spelled_out(without=OF_MODULES)
    def __init__(self, batch_size: int = 64, resize: Sequence[int] = (28, 28),
                 **options: Any) -> None:
        check_module(self, options)
        super().__init__(batch_size, tuple(resize), **options)

    @functools.cached_property
    def train(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """(images[60000][28][28], labels[60000]), uint8, as stored; read when first asked for."""
        return self._arrays(self._split(True))

    @functools.cached_property
    def val(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The same of the 10,000 images to validate with."""
        return self._arrays(self._split(False))

    def _arrays(self, split: str) -> tuple[NDArray[Any], NDArray[Any]]:
        return stored(split, **{
            name: value for name, value in self._served.items() if name != "reconnect"})

    def _loader(self, train: bool) -> Any:
        height, width = self.resize
        return self._loader_class(split=self._split(train), batch_size=self.batch_size,
                                  height=height, width=width, shuffle=train, **self.options)


def check_module(module: DataModule, options: Any, *more: str) -> None:
    """TypeError for keywords that a data module does not take. `more`: those that it does."""
    what = f"{_declared(type(module)).__module__}.FashionMNIST"
    for name in ("split", *OF_MODULES):
        if name in options:
            raise TypeError(f"{what} has no argument {name}=: it has two loaders, one shuffled and "
                            "one in order; make a Loader for another one")
    check(options, what, [name for name in (*DEFAULTS, *more) if name not in OF_MODULES])


def where(options: Any) -> dict[str, Any]:
    """The options that say which daemon and data set, not how a stream is read."""
    return {name: value for name, value in options.items()
            if name in ("dataset", *WHERE) and value not in (None, 0)}


@functools.lru_cache(maxsize=None)
def _with_base(cls: Any, base: Any) -> Any:
    return type(cls.__name__, (cls, base), {
        "__module__": cls.__module__, "__doc__": cls.__doc__, "_declared": cls})


def _declared(cls: Any) -> Any:
    """The class as its module has it."""
    return cls.__dict__.get("_declared", cls)


def _restore(cls: Any, state: dict[str, Any]) -> Any:
    module = cls.__new__(cls)
    module.__dict__.update(state)
    return module


def _numpy(array: Any) -> NDArray[Any]:
    """Of any framework's array, or of a list."""
    result: NDArray[Any] = array.asnumpy() if hasattr(array, "asnumpy") else numpy.asarray(array)
    return result


def show_images(images: Any, nrows: int, ncols: int, titles: Sequence[str],
                scale: float = 1.5) -> Any:
    """A grid of images. Shape: images[n][1][h][w] or [n][h][w][1], of any framework; with three
    channels as well."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        nrows, ncols, figsize=(ncols * scale, nrows * scale), squeeze=False)
    for axis, image, title in zip(axes.flat, images, titles):
        image = _numpy(image)
        if image.shape[0] in (1, 3) and image.shape[-1] not in (1, 3):
            image = numpy.moveaxis(image, 0, -1)
        axis.imshow(image[..., 0] if image.shape[-1] == 1 else image)
        axis.set_title(title)
    for axis in axes.flat:
        axis.set_axis_off()
    return axes.flatten()
