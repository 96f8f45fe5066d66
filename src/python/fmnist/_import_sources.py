# SPDX-License-Identifier: MIT
"""Objects of the frameworks as splits that can be read piece by piece. No framework is imported for
it: what an object is, is told by what it has."""
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fmnist._import_folder import any_text
from fmnist._import_values import CHANNELS_MAX, array, is_picture, kind
from fmnist.errors import BadData

_AT_ONCE = 1 << 21  # bytes of an array's rows
_IMAGES = ("image", "images", "img", "imgs", "x", "X", "data", "pixel_values", "pixels")
_LABELS = ("label", "labels", "y", "target", "targets", "class", "fine_label")
_SPLITS = {"train": "train", "test": "test", "validation": "validation", "val": "validation",
           "valid": "validation", "extra": "extra", "unlabeled": "unlabeled"}


class Piece(NamedTuple):
    """One sample, or several."""

    images: Any
    labels: Any
    batched: bool


class Source(NamedTuple):
    """One split."""

    pieces: Callable[[], Iterator[Piece]]
    length: int | None  # samples, where that is known
    classes: tuple[str, ...]
    what: str  # where it is from, in words


class Columns(NamedTuple):
    """The names of an item's image and label, where the program says them."""

    image: str | None = None
    label: str | None = None


def splits_of(value: Any, columns: Columns, split: str | None) -> dict[str, Source]:
    """An object's splits by their names; `split` is that of an object that is one.

    Errors: TypeError for what is no data set; BadData."""
    parts = _parts(value)
    if parts is None:
        return {split or _split_of(value): source(value, columns)}
    if split is not None:
        raise ValueError(f"split={split!r}: these are the splits {', '.join(map(str, parts))}")
    return {name: source(part, columns) for name, part in parts.items()}


def _parts(value: Any) -> dict[str, Any] | None:
    """The parts of what is several splits."""
    if isinstance(value, Mapping) and not _is_bunch(value):
        arrays = _arrays_by_name(value)
        if arrays is not None:
            return arrays
        if not value:
            raise BadData("a mapping without splits")
        for name, part in value.items():
            if not isinstance(name, str):
                raise TypeError(f"splits are named by texts, not by {name!r:.80}")
            if _is_array(part):
                raise TypeError(f'"{name}" is {kind(part)} alone: want (images, labels), as of '
                                '{"train": (x, y)}; or the names x_train, y_train, x_test, y_test')
        return dict(value)
    if isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_pair, value)):
        return {"train": value[0], "test": value[1]}  # as Keras' load_data() gives them
    return None


def _arrays_by_name(value: Mapping[Any, Any]) -> dict[str, Any] | None:
    """Those of Keras' files and of MedMNIST's: x_train and y_train, train_images and train_labels."""
    found = {}
    for name in value:
        images = re.fullmatch(r"x_(.+)|(.+)_images", str(name))
        if not images:
            continue
        split = images[1] or images[2]
        labels = f"y_{split}" if images[1] else f"{split}_labels"
        if labels not in value:
            raise BadData(f'"{name}" is there, and no "{labels}"')
        found[_SPLITS.get(split, split)] = (value[name], value[labels])
    return found or None


def _is_bunch(value: Any) -> bool:
    return isinstance(value, Mapping) and "target" in value and (
        "images" in value or "data" in value)


def _is_array(value: Any) -> bool:
    """Not a Hugging Face dataset, which has a shape, too."""
    return (hasattr(value, "dtype") or hasattr(value, "to_numpy")) and hasattr(
        value, "__getitem__") and bool(getattr(value, "shape", ()))


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(
        _is_array(part) or isinstance(part, list) for part in value)


def _split_of(value: Any) -> str:
    """What the object itself says: torchvision's .train, Hugging Face's and others' .split."""
    for part in _within(value):
        said = _SPLITS.get(any_text(getattr(part, "split", None)))
        if said:
            return said
        if isinstance(getattr(part, "train", None), bool):
            return "train" if part.train else "test"
    return "train"


def _within(value: Any) -> Iterator[Any]:
    """The object, and the first that a Subset or a ConcatDataset is made of, and so on."""
    for _ in range(16):
        yield value
        inner = getattr(value, "datasets", None)
        if isinstance(inner, (list, tuple)) and inner:
            value = inner[0]
        elif hasattr(value, "dataset"):
            value = value.dataset
        else:
            return


# ---- one split


def source(value: Any, columns: Columns) -> Source:
    """Errors: TypeError for what is no data set; BadData."""
    if _is_bunch(value):
        return _bunch(value)
    if _is_pair(value):
        return _arrays(value[0], value[1], (), "arrays")
    if hasattr(value, "features") and hasattr(value, "column_names"):
        return _hugging_face(value, columns)
    what = f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "element_spec") and hasattr(value, "as_numpy_iterator"):
        return Source(lambda: _stream(value.as_numpy_iterator(), columns, _open_ended(value.element_spec)),
                      None, (), "tf.data")
    tensors = getattr(value, "tensors", None)
    if isinstance(tensors, tuple) and len(tensors) == 2:
        return _arrays(*tensors, _classes_of(value), what)
    if hasattr(value, "__getitem__") and hasattr(value, "__len__") and not isinstance(
            value, (str, bytes, list, tuple)) and not _is_array(value):
        return Source(lambda: _by_number(value, columns), len(value), _classes_of(value), what)
    if hasattr(value, "__iter__") and not isinstance(
            value, (str, bytes, list, tuple, Mapping)) and not _is_array(value):
        if type(getattr(value, "sampler", None)).__name__.endswith("RandomSampler"):
            raise BadData("a DataLoader that shuffles, so that images would be kept in an order that was "
                          "drawn once: give its .dataset")
        batched = True if getattr(value, "batch_sampler", None) is not None else None  # a DataLoader
        return Source(lambda: _stream(iter(value), columns, batched), None, _classes_of(value), what)
    raise TypeError(
        f"{kind(value)} is no data set: want a torch Dataset, a Hugging Face dataset, a "
        "tf.data.Dataset, (images, labels), a Bunch of scikit-learn's, or {split: any of these}")


def _by_number(value: Any, columns: Columns) -> Iterator[Piece]:
    for number in range(len(value)):
        yield Piece(*_two(value[number], columns), False)


def _stream(items: Iterator[Any], columns: Columns, batched: bool | None = None) -> Iterator[Piece]:
    """Of samples, or of batches: where that is not known the first one says which."""
    for item in items:
        image, label = _two(item, columns)
        if batched is None:
            batched = _is_batch(image, label)
        yield Piece(image, label, batched)


def _open_ended(spec: Any) -> bool | None:
    """Of a tf.data.Dataset's element: whether of all its parts the first size, and no other, is not
    known, as of batches. None: that may be or not."""
    parts = spec.values() if isinstance(spec, Mapping) else spec if isinstance(
        spec, (tuple, list)) else [spec]
    shapes = [getattr(part, "shape", None) for part in parts]
    return True if shapes and all(
        shape is not None and shape.rank and list(shape).count(None) == 1 and shape[0] is None
        for shape in shapes) else None


def _is_batch(image: Any, label: Any) -> bool:
    """Errors: BadData where it may be either."""
    if is_picture(image):
        return False
    shape, row = array(image).shape, array(label).shape
    if len(shape) != 3:
        return len(shape) > 3
    # Images of one channel with a label for each, or one image of several with a row of labels.
    if not row or row[0] != shape[0]:
        return False
    if len(row) == 1 and (shape[0] <= CHANNELS_MAX or shape[-1] <= CHANNELS_MAX):
        raise BadData(f"{kind(image)} with {kind(label)} may be a batch, or an image and a row of labels: "
                      "give arrays, or a data set by number")
    return True


def _two(item: Any, columns: Columns) -> tuple[Any, Any]:
    """An item's image and label. Errors: BadData."""
    if isinstance(item, Mapping):
        return (item[_column(item, _IMAGES, columns.image, "image")],
                item[_column(item, _LABELS, columns.label, "label")])
    if isinstance(item, (tuple, list)) and len(item) == 2:
        return item[0], item[1]
    many = f" of {len(item)}" if isinstance(item, (tuple, list)) else ""
    raise BadData(f"an item is {kind(item)}{many}: want (image, label)")


def _column(there: Iterable[str], usual: Sequence[str], said: str | None, what: str) -> str:
    names = list(there)
    if said is not None:
        if said not in names:
            raise BadData(f"{what}={said!r}: there are {', '.join(map(str, names))}")
        return said
    found = [name for name in usual if name in names]
    if len(found) != 1:
        raise BadData(f"{what}= has to say which of {', '.join(map(str, names))} is the {what}")
    return found[0]


# ---- arrays


def _arrays(images: Any, labels: Any, classes: tuple[str, ...], what: str) -> Source:
    """Read in parts of 2 MiB: they may be memory maps."""
    images = array(images) if isinstance(images, list) else images
    if not hasattr(labels, "shape") or hasattr(labels, "to_numpy"):
        labels = array(labels.to_numpy() if hasattr(labels, "to_numpy") else labels)
    if not labels.shape or len(images) != len(labels):
        raise BadData(f"{len(images)} images and "
                      f"{len(labels) if labels.shape else 'no row of'} labels")
    if hasattr(images, "to_numpy"):
        images = images.to_numpy()
    row = int(np.prod(images.shape[1:], dtype=np.int64)) or 1
    at_once = max(1, _AT_ONCE // row)

    def pieces() -> Iterator[Piece]:
        for first in range(0, len(images), at_once):
            part = slice(first, min(first + at_once, len(images)))
            yield Piece(images[part], labels[part], True)

    return Source(pieces, len(images), classes, what)


def _bunch(value: Any) -> Source:
    names = value.get("target_names")
    classes = () if names is None else _texts(list(names))
    return _arrays(value["images"] if "images" in value else value["data"], value["target"], classes,
                   "scikit-learn")


# ---- Hugging Face


def _hugging_face(value: Any, columns: Columns) -> Source:
    features = value.features
    if features is None:  # a stream that knows none
        return Source(lambda: _stream(iter(value), columns), None, (), "Hugging Face datasets")
    image = _feature(features, "Image", _IMAGES, columns.image, "image")
    label = _feature(features, "ClassLabel", _LABELS, columns.label, "label")
    chosen = value.select_columns([image, label]) if hasattr(value, "select_columns") else value
    said = features[label]
    inner = getattr(said, "feature", None)
    rows = type(inner).__name__ == "ClassLabel"  # numbers of the classes that an image has
    names = getattr(inner if rows else said, "names", None)
    classes = _texts(names) if isinstance(names, (list, tuple)) else ()

    def pieces() -> Iterator[Piece]:
        for item in chosen:
            numbers = item[label]
            yield Piece(item[image], _truths(numbers, len(classes)) if rows else numbers, False)

    count = len(value) if hasattr(value, "__len__") else None
    named = any_text(getattr(getattr(value, "info", None), "dataset_name", None))
    return Source(pieces, count, classes, f"Hugging Face datasets {named}".strip())


def _feature(features: Mapping[str, Any], type_name: str, usual: Sequence[str], said: str | None,
             what: str) -> str:
    typed = [name for name, feature in features.items() if type_name in (
        type(feature).__name__, type(getattr(feature, "feature", None)).__name__)]
    if said is None and len(typed) == 1:
        return typed[0]
    return _column(typed if said is None and typed else features, usual, said, what)


def _truths(numbers: Any, columns: int) -> Any:
    row = np.zeros(columns, np.uint8)
    for number in array(numbers).astype(np.int64):
        if not 0 <= number < columns:
            raise BadData(f"a label is {number}: want 0 to {columns - 1}")
        row[number] = 1
    return row


# ---- class names


def _classes_of(value: Any) -> tuple[str, ...]:
    """Torchvision's .classes or .class_to_idx, MedMNIST's .info."""
    for part in _within(value):
        classes = getattr(part, "classes", None)
        if isinstance(classes, (list, tuple)) and classes:
            return _texts(classes)
        numbers = getattr(part, "class_to_idx", None)
        if isinstance(numbers, Mapping) and numbers:
            return class_names(numbers)
        info = getattr(part, "info", None)
        if isinstance(info, Mapping) and isinstance(info.get("label"), Mapping):
            return class_names({name: int(number) for number, name in info["label"].items()})
    return ()


def class_names(said: Any) -> tuple[str, ...]:
    """Names in the order of their numbers: a list of them, or {name: number}. Errors: BadData."""
    if not isinstance(said, Mapping):
        if isinstance(said, str) or not isinstance(said, Iterable):
            raise BadData(f"classes={said!r:.80}: want names, or {{name: number}}")
        return _texts(list(said))
    names = {number: name for name, number in said.items()}
    if sorted(names) != list(range(len(said))):
        raise BadData(f"classes: {len(said)} names have the numbers "
                      f"{', '.join(map(str, sorted(names)))[:80]}: want 0 to {len(said) - 1}")
    return _texts([names[number] for number in range(len(said))])


def _texts(names: Sequence[Any]) -> tuple[str, ...]:
    """ImageNet's are tuples of names."""
    return tuple(", ".join(map(str, name)) if isinstance(name, (tuple, list)) else str(name)
                 for name in names)
