# SPDX-License-Identifier: MIT
"""What a private daemon serves: where data sets lie, and the config that says so."""
import difflib
import os
from collections.abc import Mapping
from typing import Any

from fmnist import errors
from fmnist._import_folder import entry as entry, of_folder as of_folder

# A data set's four files by the names that fmnistd knows (src/dataset/known.c).
_FILES = {
    "qmnist": ("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int",
               "qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"),
    **{f"emnist-{part}": tuple(f"emnist-{part}-{split}-{kind}" for split in ("train", "test")
                               for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
       for part in ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")},
}
_IDX_FILES = tuple(f"{split}-{kind}" for split in ("train", "t10k")
                   for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
_KNOWN = ("fashion-mnist", "mnist", "kmnist", *_FILES)
# What torchvision calls them.
_FOLDERS = {"fashion-mnist": "FashionMNIST", "mnist": "MNIST", "kmnist": "KMNIST",
            "qmnist": "QMNIST"}


def imported(dataset: str) -> str:
    """Where import_dataset keeps a data set, and scripts/fetch-datasets; it need not be there."""
    home = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local/share")
    return os.path.join(os.path.abspath(home), "fmnistd", "datasets", dataset)


def _file_in(folder: str, name: str) -> str | None:
    """The file of that name, plain or .gz, with a dash or a dot before "idx"."""
    for spelled in (name, name.replace("-idx", ".idx")):
        for ending in ("", ".gz"):
            if os.access(os.path.join(folder, spelled + ending), os.R_OK):
                return spelled
    return None


def is_set(folder: str, dataset: str = "fashion-mnist") -> bool:
    """Whether the folder holds the data set's four files, or a dataset.yaml."""
    return of_folder(folder) or all(_file_in(folder, name) for name in _FILES.get(dataset, _IDX_FILES))


def find(dataset: str = "fashion-mnist") -> str:
    """A folder with the data set that is already here. For Fashion-MNIST the places are also
    scripts/quickstart's. Errors: NotFound, with how to get it."""
    said = os.environ.get("FMNIST_DATA")
    if said:
        places = [os.path.join(said, dataset), said]
        if dataset not in _KNOWN and of_folder(imported(dataset)):
            places.insert(1, imported(dataset))  # by its name, which no folder of files has
        for place in places:
            if is_set(place, dataset):
                return os.path.abspath(place)
        _folder(said, "FMNIST_DATA")
        raise errors.NotFound(f"FMNIST_DATA={said} does not hold the four files of {dataset} "
                              f"({', '.join(_FILES.get(dataset, _IDX_FILES))}; plain or .gz)")
    home = os.path.expanduser("~")
    places = [os.path.join("/usr/share/datasets", dataset)]
    if dataset in _FOLDERS:
        raw = os.path.join(_FOLDERS[dataset], "raw")
        places += [os.path.join(*parts, raw) for parts in (
            ("data",), ("..", "data"), (home, "data"), (home, ".pytorch"))]
    places += [
        os.path.join(os.environ.get("KERAS_HOME", os.path.join(home, ".keras")), "datasets",
                     dataset),
        os.path.join(os.environ.get("MXNET_HOME", os.path.join(home, ".mxnet")), "datasets",
                     dataset),
        imported(dataset),
    ]
    for place in places:
        if is_set(place, dataset):
            return os.path.abspath(place)
    near = difflib.get_close_matches(dataset.lower(), _KNOWN, 1)
    if dataset not in _KNOWN:
        raise errors.NotFound(
            f'no data set "{dataset}" is known by name: pass data="FOLDER", the folder of its IDX '
            "files, or import it: fmnist.import_dataset(..., name=" + repr(dataset) + ")" + (
                f'; or did you mean "{near[0]}"?' if near else ""))
    ways = [f"run `scripts/fetch-datasets {dataset}` in fmnistd's source tree"
            ] if dataset in _FOLDERS else []
    if dataset == "fashion-mnist":
        ways.insert(0, "`sudo apt install dataset-fashion-mnist`")
    ways.append('pass data="FOLDER", or set FMNIST_DATA, where its four files lie')
    raise errors.NotFound(f"no {dataset} is on this machine: " + ", or ".join(ways))


def _folder(path: str, what: str) -> str:
    if os.path.isdir(path):
        return _absolute(path, what)
    if os.path.exists(path):
        raise errors.NotFound(f"{what}={path}: that is a file; want a folder of IDX files, "
                              "{name: folder}, or a config file (.yaml, .yml)")
    parent, name = os.path.split(_absolute(path, what))
    text = f"{what}={path}: there is no such folder"
    try:
        near = difflib.get_close_matches(name, sorted(os.listdir(parent)), 1)
    except OSError:
        raise errors.NotFound(f"{text}, nor {parent}") from None
    raise errors.NotFound(text + (f"; beside it is {os.path.join(parent, near[0])}" if near else ""))


def _absolute(path: str, what: str) -> str:
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        raise errors.NotFound(f"{what}={path}: the working directory has been removed; say the "
                              "whole path") from None


def sources(data: Any, dataset: str) -> dict[str, str] | str:
    """{name: absolute folder}, or the absolute path of a config file.

    Errors: NotFound where it is not there; ValueError for what is neither."""
    if data is None:
        return {dataset: find(dataset)}
    if isinstance(data, Mapping):
        if not data:
            raise ValueError("data={}: want {name: folder}, one data set or more")
        return {str(name): _folder(_text(folder), f"data[{name!r}]")
                for name, folder in data.items()}
    path = _text(data)
    if path.endswith((".yaml", ".yml")) and not os.path.isdir(path):
        if not os.path.exists(path):
            raise errors.NotFound(f"data={path}: there is no such config file")
        return _absolute(path, "data")
    return {dataset: _folder(path, "data")}


def _text(path: Any) -> str:
    try:
        return os.path.expanduser(os.fsdecode(path))
    except TypeError:
        raise ValueError(f"data={path!r:.80}: want a folder, {{name: folder}}, or a config file "
                         "(.yaml, .yml)") from None


def key(data: Any, dataset: str) -> str:
    """The same text for the same data, in this process and in its children; it need not be there."""
    if data is None:
        return repr((dataset, os.environ.get("FMNIST_DATA")))
    named = data if isinstance(data, Mapping) else {dataset: data}
    return repr(sorted((str(name), os.path.realpath(_absolute(_text(path), "data")))
                       for name, path in named.items()))


def _quoted(text: str) -> str:
    """A YAML scalar that may hold anything a path may."""
    return "'" + text.replace("'", "''") + "'"


def config(datasets: dict[str, str], cache: str | None) -> str:
    """A config file's text. Sets under names that fmnistd does not know are told by their files."""
    lines = [f"cache: {_quoted(os.path.abspath(cache))}"] if cache else []
    lines.append("datasets:")
    for name, folder in datasets.items():
        lines += [f"  - name: {_quoted(name)}", f"    path: {_quoted(folder)}"]
        if name in _KNOWN or of_folder(folder):
            continue
        splits = []
        for split, (images, labels) in (("train", _IDX_FILES[:2]), ("test", _IDX_FILES[2:])):
            found = [_file_in(folder, images), _file_in(folder, labels)]
            if all(found):
                splits.append(f"      {split}: {{images: {found[0]}, labels: {found[1]}}}")
        if not splits:
            raise errors.NotFound(
                f'the data set "{name}" is not known by name, and {folder} has no files of the usual '
                f"names ({', '.join(_IDX_FILES)}; plain or .gz): name its files in a config file "
                "and pass that as data=")
        lines += ["    splits:", *splits]
    return "\n".join(lines) + "\n"
