# SPDX-License-Identifier: MIT
"""The folder that an imported data set is: IDX files, and the dataset.yaml that tells of them. It is
written beside its place, under another name, and is there as a whole or not at all.

Memory: a block of images; never the set."""
import contextlib
import filecmp
import json
import os
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from fmnist.errors import AlreadyThere, BadData

_UBYTE, _INT = 0x08, 0x0C
_COUNT_MAX = 2 ** 27  # as the daemon takes them
_BUFFER = 1 << 20
_LABELS_AT_ONCE = 1 << 18
_YAML_MAX = 1 << 20
_CLASSES_MAX, _CLASS_BYTES, _NAME_BYTES, _SPLITS_MAX = 4096, 255, 63, 16
NAME = "dataset.yaml"


# ---- what it may be called


def check_name(name: Any, what: str = "name", without: str = "/") -> str:
    """A data set's or a split's name, as the daemon takes it. Errors: ValueError."""
    if not isinstance(name, str):
        raise ValueError(f"{what}={name!r:.80}: want a text")
    size = len(_bytes(name, what))
    bad = [c for c in name if c in without or ord(c) < 32 or ord(c) == 127]
    if not 1 <= size <= _NAME_BYTES or name.startswith(".") or bad:
        raise ValueError(f"{what}={name!r:.80}: want 1 to {_NAME_BYTES} bytes without " +
                         " ".join(without) + " and control characters, not beginning with a dot")
    return name


def check_split(name: Any) -> str:
    return check_name(name, "split", "/[]+|~")  # a spec's signs, and what a file's name begins with


def check_classes(names: tuple[str, ...]) -> tuple[str, ...]:
    """Errors: BadData."""
    if len(names) > _CLASSES_MAX:
        raise BadData(f"{len(names)} class names: want at most {_CLASSES_MAX}; classes=() stores none")
    for number, name in enumerate(names):
        size = len(_bytes(name, f"the name of class {number}"))
        if not 1 <= size <= _CLASS_BYTES or "\0" in name:
            raise BadData(f"the name of class {number} is {name!r:.80}: want 1 to {_CLASS_BYTES} "
                          "bytes without NUL; classes= says others, classes=() none")
    return names


def _bytes(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadData(f"{what} is {text!r:.80}, which is no text in UTF-8") from None


# ---- YAML


# Also what YAML 1.1's readers take for truths and nothing is put in quotes.
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z/][A-Za-z0-9_./-]*", re.I)


def scalar(text: str) -> str:
    """The text as a YAML scalar of one line: plain where it is simple, else as JSON has it, which
    YAML reads, too. What YAML has no character for is escaped."""
    if _PLAIN.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]",
                  lambda found: f"\\u{ord(found[0]):04x}", quoted)


def entry(name: str, path: str) -> str:
    """What a config's `datasets:` has for it."""
    return f"- name: {scalar(name)}\n  path: {scalar(path)}\n"


# ---- a split's two files


class SplitFiles:
    """Images and labels of one split, which are added block by block."""

    def __init__(self, folder: str, split: str) -> None:
        self.split, self._folder = split, folder
        self.count = 0
        self.shape: tuple[int, int, int] = (0, 0, 0)  # of one image
        self.columns = 0  # labels of one image, where they are rows
        self._low, self._high = 0, 0
        self._images = self._open("images")
        # As int32 until the largest is known: then, mostly, they are made bytes.
        self._labels = self._open("labels")

    def _open(self, kind: str) -> BinaryIO:
        return open(os.path.join(self._folder, f"{self.split}-{kind}"), "wb+", buffering=_BUFFER)

    def close(self) -> None:
        self._images.close()
        self._labels.close()

    def add(self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> None:
        """Shape: images[n][h][w][c], labels[n] or [n][columns]. Errors: BadData; OSError."""
        shape, columns = images.shape[1:], labels.shape[1] if labels.ndim == 2 else 0
        if len(images) != len(labels):
            raise BadData(f"{len(images)} images and {len(labels)} labels")
        if not self.count:
            self.shape, self.columns = shape, columns
            dims = 3 if shape[2] == 1 else 4
            self._images.write(bytes(4 + 4 * dims))
        if shape != self.shape:
            raise BadData(f"an image of {_size(shape)}, and those before are of {_size(self.shape)}: "
                          "want one size; a transform may resize")
        if columns != self.columns:
            raise BadData(f"{_label_kind(columns)}, and those before are {_label_kind(self.columns)}")
        if self.count + len(images) > _COUNT_MAX:
            raise BadData(f"more than {_COUNT_MAX} images, which is what a split may have")
        self._images.write(np.ascontiguousarray(images).data)
        self._labels.write(labels.astype("u1" if columns else ">i4").data)
        if len(labels):
            self._low = min(self._low, int(labels.min()))
            self._high = max(self._high, int(labels.max()))
        self.count += len(images)

    def finish(self) -> dict[str, str]:
        """Writes the headers, gives the files their names, and has both on the disk."""
        if not self.count:
            raise BadData("it has no images")
        height, width, channels = self.shape
        sizes = (self.count, height, width) + ((channels,) if channels > 1 else ())
        self._images.seek(0)
        self._images.write(_header(_UBYTE, sizes))
        names = {"images": self._named(self._images, "images", f"idx{len(sizes)}-ubyte")}
        names["labels"] = self._finish_labels()
        return names

    def _finish_labels(self) -> str:
        self._labels.flush()
        bytes_only = 0 <= self._low and self._high <= 255
        kind = _UBYTE if self.columns or bytes_only else _INT
        sizes = (self.count,) + ((self.columns,) if self.columns else ())
        raw, self._labels = self._labels, self._open("labels.idx")
        with raw:
            self._labels.write(_header(kind, sizes))
            raw.seek(0)
            while block := raw.read(4 * _LABELS_AT_ONCE):
                narrow = kind == _UBYTE and not self.columns
                self._labels.write(block[3::4] if narrow else block)
        os.unlink(raw.name)
        return self._named(self._labels, "labels", f"idx{len(sizes)}-" + (
            "int" if kind == _INT else "ubyte"))

    def _named(self, file: BinaryIO, kind: str, ending: str) -> str:
        file.flush()
        os.fsync(file.fileno())
        file.close()
        name = f"{self.split}-{kind}-{ending}"
        os.rename(file.name, os.path.join(self._folder, name))
        return name


def _header(kind: int, sizes: tuple[int, ...]) -> bytes:
    return bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape[:2] if shape[2] == 1 else shape))


def _label_kind(columns: int) -> str:
    return f"a row of {columns} labels" if columns else "a single label"


# ---- the folder


class Folder:
    """One that is being made. `with` it: what was not committed is gone behind that."""

    def __init__(self, path: str) -> None:
        self.path = path
        parent, base = os.path.split(path)
        os.makedirs(parent, exist_ok=True)
        # In a folder that is this user's alone, so that the one in it has the usual permissions.
        self._around = tempfile.mkdtemp(prefix=f".{base[:64]}.", suffix=".part", dir=parent)
        self._made = os.path.join(self._around, "set")
        self._splits: dict[str, tuple[SplitFiles, dict[str, str]]] = {}
        try:
            os.mkdir(self._made)
        except BaseException:
            self._remove()
            raise

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *unused: object) -> None:
        self._remove()

    def _remove(self) -> None:
        shutil.rmtree(self._around, ignore_errors=True)

    @contextlib.contextmanager
    def split(self, name: str) -> Iterator[SplitFiles]:
        """Its files, which are finished where the block was left without an error."""
        if len(self._splits) == _SPLITS_MAX:
            raise BadData(f"more than {_SPLITS_MAX} splits, which is what a data set may have")
        files = SplitFiles(self._made, name)
        try:
            yield files
            self._splits[name] = files, files.finish()
        finally:
            files.close()

    def counts(self) -> dict[str, int]:
        return {name: files.count for name, (files, _) in self._splits.items()}

    def commit(self, name: str, classes: tuple[str, ...], exist_ok: bool, **texts: str | None) -> None:
        """Puts it in its place, for good. `texts`: further keys of dataset.yaml.

        Errors: BadData for what no dataset.yaml can say; AlreadyThere; OSError."""
        self._check(classes)
        for key, said in texts.items():
            if said and "\0" in said:
                raise BadData(f"{key}: a text with a NUL, which no dataset.yaml can say")
        text = self._yaml(name, classes, texts)
        if len(text.encode()) > _YAML_MAX:
            raise BadData(f"class names and texts are {len(text.encode())} bytes: want at most "
                          f"{_YAML_MAX}")
        with open(os.path.join(self._made, NAME), "x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _sync(self._made)
        try:
            os.rename(self._made, self.path)  # onto an empty folder at the most
        except OSError:
            if not os.path.lexists(self.path):
                raise
            if not exist_ok:
                raise AlreadyThere(told(self.path)) from None
            self._compare()
        _sync(os.path.dirname(self.path))

    def _check(self, classes: tuple[str, ...]) -> None:
        rows = {files.columns for files, _ in self._splits.values()}
        if len(rows) > 1:
            raise BadData("; ".join(f"split {name} has {_label_kind(files.columns)} an image"
                                    for name, (files, _) in self._splits.items()))
        columns = max(rows)
        if classes and columns and columns != len(classes):
            raise BadData(f"rows of {columns} labels and {len(classes)} class names: want a name for "
                          "each column; classes= says others, classes=() none")

    def _yaml(self, name: str, classes: tuple[str, ...], texts: dict[str, str | None]) -> str:
        lines = ["# written by fmnist.import_dataset", "format: 1", f"name: {scalar(name)}",
                 "splits:"]
        for split, (_, names) in self._splits.items():
            lines.append(f"  {scalar(split)}: {{images: {scalar(names['images'])}, "
                         f"labels: {scalar(names['labels'])}}}")
        if classes:
            lines += ["classes:", *(f"  - {scalar(one)}" for one in classes)]
        if any(files.columns for files, _ in self._splits.values()):
            lines.append("multi_label: true")
        # Images are written upright, also of sets that are known to be published on their side.
        lines.append("transpose: false")
        lines += [f"{key}: {scalar(text)}" for key, text in texts.items() if text]
        return "\n".join(lines) + "\n"

    def _compare(self) -> None:
        """Errors: AlreadyThere where the folder that is there holds something else."""
        for name in sorted(os.listdir(self._made)):
            try:
                same = filecmp.cmp(os.path.join(self._made, name), os.path.join(self.path, name),
                                   shallow=False)
            except OSError:
                same = False
            if not same:
                raise AlreadyThere(f"{told(self.path)}; exist_ok=True takes it where it is the same, "
                                   f"and its {name} is another")


def told(path: str) -> str:
    """That a folder is there, and what to do."""
    return (f"{path} is there already, and nothing was written: remove it, or say another name= or "
            "path=")


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def of_folder(path: str) -> bool:
    """Whether a folder describes itself."""
    return os.access(os.path.join(path, NAME), os.R_OK)


def any_text(value: Any) -> str:
    """A line of text of whatever a library says there."""
    return str(value).strip() if value else ""
