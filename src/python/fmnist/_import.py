# SPDX-License-Identifier: MIT
"""import_dataset: the data sets of other libraries, as ones that fmnistd serves."""
import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fmnist import _private_data as private_data
from fmnist import _import_sources as sources
from fmnist import _import_values as values
from fmnist import _progress
from fmnist._import_folder import (Folder, SplitFiles, check_classes, check_name, check_split, entry,
                                   told)
from fmnist.errors import AlreadyThere, BadData


_TOGETHER = 1 << 18  # pixels of samples that are converted together
_AT_MOST_SECONDS = 0.5  # that samples wait for others


class Imported:
    """A data set that was imported. It may stand wherever a folder may: data=, os.listdir().

    name, path    what loaders ask for (dataset=), and its folder
    splits        {"train": 60000, ...}: how many images each has
    classes       their names, in the order of the labels; empty where they have none
    """

    def __init__(self, name: str, path: str, splits: Mapping[str, int],
                 classes: tuple[str, ...]) -> None:
        self.name, self.path = name, path
        self.splits, self.classes = dict(splits), classes

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        splits = ", ".join(f"{split} {count:,}" for split, count in self.splits.items())
        return f"<fmnist.Imported {self.name}: {splits}; {self.path}>"

    @property
    def entry(self) -> str:
        """What serves it to the whole machine: lines for `datasets:` of fmnistd's config."""
        return entry(self.name, self.path)


def import_dataset(obj: Any, name: str, *, path: Any = None, split: str | None = None,
                   classes: Any = None, image: str | None = None, label: str | None = None,
                   scale: float | None = None, layout: str | None = None, mode: str | None = None,
                   progress: Any = True, exist_ok: bool = False,
                   licence: str | None = None) -> Imported:
    """Writes a data set as one that fmnistd serves, exactly: IDX files and a dataset.yaml. Then
    Loader(dataset=name, daemon="auto") reads it, in every program of this user.

    obj       a torch or torchvision Dataset (Subset, ConcatDataset, ..., an IterableDataset, a
              DataLoader in order), a Hugging Face Dataset or DatasetDict, a tf.data.Dataset (batched or not),
              (images, labels), what Keras' load_data() or numpy.load("x.npz") gives, a Bunch of
              scikit-learn's; or {split: any of these}
    name      of the data set, 1 to 63 bytes
    path      its folder, which must not be there; default: where daemon="auto" looks for it,
              $XDG_DATA_HOME/fmnistd/datasets/NAME (~/.local/share where that is not set)
    split     the name of an object that is one split; default: what it says of itself, else "train"
    classes   names in the order of the labels, or {name: number}; default: the object's own; () none
    image, label    the columns, where items are mappings and it is not plain which is meant
    scale     what pixels are multiplied with to be levels of 0..255, where they are neither whole
              numbers nor floats that are level / 255: scale=1 takes digits' 0.0..16.0 as they are
    layout    "NCHW" or "NHWC" of arrays, where up to 4 pixels look like channels; default: a tensor's
              first, else the last
    mode      "L" or "RGB": pictures are converted to it, as Pillow does; default: as they are
    progress  True: a line on standard error once it takes a second; False; or a function that is
              called with (split, images so far, of how many or None)
    exist_ok  take a folder that is there, where the data set in it is the same
    licence   a text to keep with it

    Pixels are kept as the object gives them, behind its transform; random ones are drawn once. Labels
    are whole numbers, rows of numbers of one byte (several labels an image), or names of classes.
    Items are read once, in their order, and not kept in memory. Ctrl-C and errors leave nothing.

    Returns an Imported. Errors: BadData (a ValueError), with split and item, for what cannot be kept
    as it is; AlreadyThere (a FileExistsError); TypeError for what is no data set; OSError."""
    check_name(name)
    if layout not in (None, "NCHW", "NHWC"):
        raise ValueError(f'layout={layout!r}: want "NCHW", "NHWC" or None')
    if scale is not None and (isinstance(scale, bool) or not 0 < scale < float("inf")):
        raise ValueError(f"scale={scale!r}: want a number above 0")
    folder = private_data.imported(name) if path is None else os.path.abspath(
        os.path.expanduser(os.fsdecode(path)))
    if not exist_ok and os.path.lexists(folder) and not _empty(folder):
        raise AlreadyThere(told(folder))
    parts = sources.splits_of(obj, sources.Columns(image, label), split)
    for one in parts:
        check_split(one)
    known = check_classes(_classes(parts, classes))
    tell, end = _progress.of(progress, f"importing {name}")
    convert = _Convert(known, layout, mode, scale)
    try:
        with Folder(folder) as made:
            for one in sorted(parts, key=lambda each: (each != "train", each != "test")):
                with _told(f"split {one}"), made.split(one) as files:
                    _write(parts[one], files, convert, lambda done, total: tell(one, done, total))
            origin = ", ".join(dict.fromkeys(part.what for part in parts.values()))
            made.commit(name, known, exist_ok, origin=origin, licence=licence)
            return Imported(name, folder, made.counts(), known)
    finally:
        end()


class _Convert:
    """A piece's images and labels as they are kept."""

    def __init__(self, classes: tuple[str, ...], layout: str | None, mode: str | None,
                 scale: float | None) -> None:
        self.classes = classes
        self._how: dict[str, Any] = dict(layout=layout, mode=mode, scale=scale)

    def __call__(self, piece: sources.Piece) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        pixels = values.images(piece.images, batched=piece.batched, **self._how)
        labels = values.labels(piece.labels, batched=piece.batched, classes=self.classes)
        if self.classes and labels.ndim == 1:
            wrong = labels[(labels < 0) | (labels >= len(self.classes))]
            if len(wrong):
                raise BadData(f"the label is {wrong[0]}, and the {len(self.classes)} classes are 0 to "
                              f"{len(self.classes) - 1}; classes= says others, classes=() none")
        return pixels, labels


def _classes(parts: Mapping[str, sources.Source], said: Any) -> tuple[str, ...]:
    """The program's, or those on which the splits agree."""
    if said is not None:
        return sources.class_names(said)
    found = {part.classes: split for split, part in parts.items() if part.classes}
    if len(found) > 1:
        (first, a), (second, b) = list(found.items())[:2]
        raise BadData(f"splits {a} and {b} have other class names ({len(first)} and {len(second)}): "
                      "say classes=")
    return next(iter(found), ())


def _write(source: sources.Source, files: SplitFiles, convert: _Convert, tell: Any) -> None:
    for piece in _blocks(source):
        try:
            files.add(*convert(piece))
        except BadData as error:
            _one_by_one(error, piece, files, convert)
        tell(files.count, source.length)
    if source.length is not None and files.count != source.length:
        raise BadData(f"its length is {source.length}, and it gave {files.count} samples")


def _blocks(source: sources.Source) -> Iterator[sources.Piece]:
    """What the object gives, single samples several at a time: they are converted together. Whatever
    goes wrong in the object, its place is told, and behind the samples before it."""
    images: list[Any] = []
    labels: list[Any] = []
    seen, most, due, failure = 0, 1, 0.0, None
    try:
        for piece in source.pieces():
            if piece.batched:
                seen += len(piece.labels)
                yield piece
                continue
            images.append(piece.images)
            labels.append(piece.labels)
            seen += 1
            if len(images) >= most or time.monotonic() > due:
                yield sources.Piece(images, labels, False)
                due = time.monotonic() + _AT_MOST_SECONDS
                most = max(1, _TOGETHER // max(1, values.size(images[0])))
                images, labels = [], []
    except BadData as error:
        failure = BadData(f"item {seen}: {error}"), error.__cause__
    except Exception as error:
        failure = BadData(f"item {seen}: the data set gave {type(error).__name__}: {error}"), error
    if images:
        yield sources.Piece(images, labels, False)
    if failure:
        raise failure[0] from failure[1]


def _one_by_one(error: BadData, piece: sources.Piece, files: SplitFiles, convert: _Convert) -> None:
    """Samples that did not go together: each may by itself, else its number is told."""
    try:
        if len(piece.images) == len(piece.labels):
            for i in range(len(piece.images)):
                one = sources.Piece(piece.images[i:i + 1], piece.labels[i:i + 1], piece.batched)
                files.add(*convert(one))
            return
    except BadData as found:
        error = found
    raise BadData(f"item {files.count}: {error}") from error.__cause__


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except BadData as error:
        raise BadData(f"{where}, {error}") from error.__cause__


def _empty(folder: str) -> bool:
    return os.path.isdir(folder) and not os.path.islink(folder) and not os.listdir(folder)
