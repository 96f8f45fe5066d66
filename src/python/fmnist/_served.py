# SPDX-License-Identifier: MIT
"""What a daemon serves, and which daemon is meant: one at a socket that is said, the one that every
client finds, or with daemon="auto" that or a private one (fmnist.daemon)."""
import difflib
import json
from typing import Any, NamedTuple, cast

from fmnist import _native, errors
from fmnist import _private_data as private_data
from fmnist._part import class_names_of, name_of


class Dataset(NamedTuple):
    """One split of one dataset."""

    name: str
    split: str
    count: int  # type: ignore[assignment]  # images; tuple.count is nobody's here
    height: int
    width: int
    channels: int
    class_names: tuple[str, ...]
    digest: bytes  # of the content: the dataset's identity
    label_count: int = 0  # labels of each image in a multi-label set; 0: one, its class


def find_socket(socket: Any, daemon: str | None, data: Any = None,
                dataset: str = "fashion-mnist") -> str | None:
    """The path of the socket that these keywords mean; None: where the library looks by itself. With
    daemon="auto" a daemon answers there that serves `dataset`: one that runs, or a private one, which
    is started where there is none."""
    if daemon not in (None, "auto"):
        raise ValueError(f'daemon={daemon!r}: want None or "auto"')
    if data is not None and (daemon is None or socket is not None):
        raise ValueError('data= says what a private daemon serves: it goes with daemon="auto"')
    if daemon is None or socket is not None:
        return None if socket is None else str(socket)
    from fmnist import daemon as private

    return str(private.auto(data, dataset))


def milliseconds(seconds: float, what: str = "timeout") -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise ValueError(f"{what}={seconds!r}: want seconds, a number of 0 or more")
    return max(1, int(min(seconds * 1000, 2 ** 31 - 1)))


def datasets(socket: Any = None, daemon: str | None = None, timeout: float = 30.0,
             data: Any = None) -> list[Dataset]:
    """What the daemon serves."""
    rows = _native.datasets(find_socket(socket, daemon, data), milliseconds(timeout))
    return [Dataset(*row) for row in rows]


def dataset_of(dataset: str = "fashion-mnist", split: str = "train", *, socket: Any = None,
               daemon: str | None = None, timeout: float = 30.0, data: Any = None,
               **_: Any) -> Dataset:
    """The Dataset that a Stream of these keywords reads; of a part of a split, how many images that
    has. Errors: NotFound, and ValueError for a part that there is not."""
    path = find_socket(socket, daemon, data, dataset)
    found = datasets(path, None, timeout)
    name = name_of(split)
    for served in found:
        if (served.name, served.split) == (dataset, name):
            return served if name == split else _part_of(served, split, path, timeout)
    raise errors.NotFound(_not_served(dataset, name, found))


_counts: dict[tuple[bytes, str], int] = {}  # of parts: what they are does not change


def _part_of(served: Dataset, split: str, path: str | None, timeout: float) -> Dataset:
    key = served.digest, split
    if key not in _counts:
        fields = (("dataset", served.name), ("split", split), ("batch_size", "1"),
                  ("transport", "inline"))
        stream = _native.Stream(path, milliseconds(timeout), -1, fields, None, None, None, None)
        _counts[key] = stream.info()[0]
        stream.close()
    return served._replace(split=split, count=_counts[key],
                           class_names=class_names_of(split, served.class_names))


def _not_served(dataset: str, split: str, found: list[Dataset]) -> str:
    names = list(dict.fromkeys(served.name for served in found))
    text = f'dataset "{dataset}", split "{split}": the daemon does not serve it; it serves ' + (
        "nothing" if not found else ", ".join(
            f"{name} ({', '.join(s.split for s in found if s.name == name)})" for name in names))
    folder = private_data.imported(str(dataset))
    if dataset not in names and private_data.of_folder(folder):
        return (f'{text}. It was imported here: daemon="auto" serves it to this user\'s programs; for that '
                "daemon add, where it may read that folder, to its config's datasets\n" +
                "".join(f"  {line}\n" for line in private_data.entry(dataset, folder).splitlines()) +
                "and run fmnistctl reload")
    near = difflib.get_close_matches(str(dataset).lower(), names, 1, 0.5)
    return text + (f'; did you mean "{near[0]}"?' if near and near[0] != dataset else "")


def status(socket: Any = None, daemon: str | None = None, timeout: float = 30.0,
           data: Any = None) -> dict[str, Any]:
    """The daemon's state and counters."""
    text = _native.status(find_socket(socket, daemon, data), milliseconds(timeout))
    return cast(dict[str, Any], json.loads(text))
