# SPDX-License-Identifier: MIT
"""Whole splits as NumPy arrays."""
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from fmnist._options import spelled_out
from fmnist._part import FIELDS, Part, pair_of, part_of, parts_of
from fmnist._samples import Samples
from fmnist._spec import check_names
from fmnist._typing import Unpack

Array = npt.NDArray[Any]


@spelled_out(Part)
def arrays(split: str = "train", dataset: str = "fashion-mnist", *, indices: Any = None,
           resize: str | None = None, height: int | None = None, width: int | None = None,
           dtype: str = "uint8", layout: str = "NCHW", channels: int | None = None,
           mean: float | Sequence[float] | None = None,
           std: float | Sequence[float] | None = None, label_dtype: str = "int64",
           socket: Any = None, daemon: str | None = None, data: Any = None,
           timeout: float = 30.0, **of_split: Unpack[Part]) -> tuple[Array, Array]:
    """A whole split, or some of its samples, as (images, labels), NumPy arrays of the caller's.

    indices     numbers in the split, in the order wanted, negative ones from its end; or a mask, one
                truth for each sample; None: all, in the files' order
    fold, folds, held_out, stratified, fold_seed, classes, renumber, label_map    a part of the split,
                as fmnist.part() says it; fold_seed= is its seed=
    The others are fmnist.open's; dtype "uint8" is levels of 0..255, "float32" 0..1.

    Shape: images[n][channels][height][width], with layout="NHWC" [n][height][width][channels];
    labels[n].

    Errors: IndexError, TypeError, ValueError for indices; those of fmnist.errors."""
    if resize is not None and not isinstance(resize, str):
        raise TypeError(f"resize={resize!r}: want the name of a rule; a size is said by height= and "
                        "width=")
    check_names(of_split, FIELDS, "fmnist.arrays")
    samples = Samples(dataset, part_of(split, of_split), resize=resize, height=height, width=width,
                      dtype=dtype, layout=layout, channels=channels, mean=mean, std=std,
                      label_dtype=label_dtype, socket=socket, daemon=daemon, data=data,
                      timeout=timeout)
    if indices is None:
        return samples.fetch(range(len(samples)))
    chosen = np.asarray(indices if hasattr(indices, "__len__") else list(indices))
    if chosen.dtype == bool:
        if chosen.shape != (len(samples),):
            raise ValueError(f"indices: a mask of shape {chosen.shape}, want ({len(samples)},), one "
                             "truth for each sample of the split")
        chosen = np.flatnonzero(chosen)
    return samples.fetch(chosen)


Pair = tuple[Array, Array]


@overload
def load_data(dataset: str = ..., *, socket: Any = ..., daemon: str | None = ..., data: Any = ...,
              timeout: float = ..., **of_splits: Unpack[Part]) -> tuple[Pair, Pair]: ...
@overload
def load_data(dataset: str = ..., splits: Sequence[str] = ..., *, socket: Any = ...,
              daemon: str | None = ..., data: Any = ..., timeout: float = ...,
              **of_splits: Unpack[Part]) -> tuple[Pair, ...]: ...
@spelled_out(Part, ["held_out"])
def load_data(dataset: str = "fashion-mnist", splits: Sequence[str] = ("train", "test"), *,
              socket: Any = None, daemon: str | None = None, data: Any = None,
              timeout: float = 30.0, **of_splits: Unpack[Part]) -> tuple[Pair, ...]:
    """((x_train, y_train), (x_test, y_test)), as keras.datasets.fashion_mnist.load_data() has them;
    of splits=("train", "validation", "test") three such pairs, of ("train[:50000]", "train[50000:]",
    "test") likewise. fold=, folds=, stratified=, fold_seed= make them what a fold of "train" trains on,
    and what it holds out; classes=, renumber=, label_map= are fmnist.part()'s, for each of them.

    Shape: x[n][height][width], with several channels [n][height][width][channels], uint8 as stored;
    y[n], uint8, where a label is above 255 or below 0 int32; of a multi-label set y[n][columns].

    Errors: those of fmnist.errors; NotFound for a data set that lacks one of the splits."""
    if isinstance(splits, str):
        raise TypeError(f'splits={splits!r}: want several, as ("train", "test"); arrays("{splits}") '
                        "gives one")
    check_names(of_splits, [name for name in FIELDS if name != "held_out"], "fmnist.load_data")
    if any(of_splits.get(name) is not None for name in ("fold", "folds")):
        if tuple(splits) != ("train", "test"):
            raise ValueError(f"fold= and splits={splits!r} exclude each other: a fold is of "
                             "\"train\"; arrays() takes one of any split")
        splits = pair_of(of_splits)
    else:
        splits = parts_of(splits, of_splits)
    return tuple(stored(split, dataset, socket=socket, daemon=daemon, data=data, timeout=timeout)
                 for split in splits)


def stored(split: str, dataset: str = "fashion-mnist", **where: Any) -> Pair:
    """A split as load_data has it."""
    images, labels = arrays(split, dataset, resize="none", layout="NHWC", label_dtype="int32", **where)
    if not len(labels) or (labels.min() >= 0 and labels.max() <= 255):
        labels = labels.astype(np.uint8)
    return images[..., 0] if images.shape[-1] == 1 else images, labels
