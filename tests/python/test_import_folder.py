# SPDX-License-Identifier: MIT
"""import_dataset: the folder that it writes, what it refuses, and what an end in the middle leaves."""
import collections
import os
import pathlib
import signal
import subprocess
import sys

import numpy
import pytest

import fmnist
from conftest import PACKAGE
from fmnist import _import, _import_folder, _progress, errors
from import_objects import (NAMES, arrays_, bunch, check, data_loader, drawn, folder_of,
                            home,  # noqa: F401
                            hugging_face, iterable, map_pictures, needs, nothing_is_left, pictures, served,
                            tf_batches, tf_data, torch_set)

yaml = pytest.importorskip("yaml")


# ---- what the folder holds


def description(got):
    return yaml.safe_load(pathlib.Path(got, "dataset.yaml").read_text())


def test_folder__each_kind_of_labels__files_and_description_agree():
    pixels, labels = drawn()
    for name, numbers, file, multi in [
            ("a", labels, "train-labels-idx1-ubyte", None),
            ("b", labels + 250, "train-labels-idx1-int", None),
            ("c", labels - 1, "train-labels-idx1-int", None),
            ("d", numpy.stack([labels % 2, labels], 1), "train-labels-idx2-ubyte", True)]:
        got = fmnist.import_dataset((pixels, numbers), name, progress=False, licence="MIT\nOr: not")
        assert sorted(os.listdir(got)) == ["dataset.yaml", "train-images-idx3-ubyte", file]
        said = description(got)
        assert said["splits"] == {"train": {"images": "train-images-idx3-ubyte", "labels": file}}
        assert said.get("multi_label") is multi and said["licence"] == "MIT\nOr: not"
        raw = pathlib.Path(got, file).read_bytes()
        kind = ">i4" if file.endswith("int") else "u1"
        assert numpy.array_equal(numpy.frombuffer(raw[4 + 4 * raw[3]:], kind).reshape(numbers.shape),
                                 numbers)
        if not multi:
            check(name, {"train": (pixels, numbers)})


HOSTILE = ["no", "~", "# a", "a: b", "'\"\\", "- x", "{a}", "a\nb", " blank ", "\t", "é 漢 😀", "\x7f",
           "\x85", "\u2028", "\ufeff", "&a *b !c", "%", "0x1f", "null", "\x01\x1b[31m", "x" * 255, "[1]", "@"]


# A name may be anything: the daemon and any reader of YAML see it as it is.
def test_folder__hostile_class_names__read_back_as_they_are():
    pixels, labels = drawn(classes=len(HOSTILE))
    got = fmnist.import_dataset((pixels, labels), "mine", classes=HOSTILE, progress=False)
    assert description(got)["classes"] == HOSTILE
    assert fmnist.datasets(daemon="auto", data=got)[0].class_names == tuple(HOSTILE)


@pytest.mark.parametrize("name", ["no", "a b", "it's", '"', "#x", "- y", "a:b", "*", "ü" * 31, "{}", "..."[:0] + "7",
                                  "emnist-digits"])  # which is published on its side
def test_folder__hostile_names__served_by_them(name):
    got = fmnist.import_dataset({name: drawn(), "train": drawn(11)}, name, progress=False)
    assert description(got)["name"] == name and yaml.safe_load(got.entry) == [
        {"name": name, "path": str(folder_of(name))}]
    check(name, {name: drawn(), "train": drawn(11)})


def test_folder__of_usual_permissions_and_nothing_beside_it():
    old = os.umask(0o022)
    try:
        got = fmnist.import_dataset(drawn(), "mine", progress=False)
    finally:
        os.umask(old)
    assert os.stat(got).st_mode & 0o777 == 0o755
    assert {os.stat(pathlib.Path(got, name)).st_mode & 0o777 for name in os.listdir(got)} == {0o644}
    assert os.listdir(folder_of(".").parent) and [p.name for p in folder_of("mine").parent.iterdir()] == ["mine"]


def test_path__said__there_and_data_finds_it(tmp_path):
    got = fmnist.import_dataset(drawn(), "mine", path=tmp_path / "deep/er/x", progress=False)
    assert os.fspath(got) == str(tmp_path / "deep/er/x") and not folder_of("mine").exists()
    images, _ = fmnist.arrays("train", "another name", daemon="auto", data=got)
    assert numpy.array_equal(images, numpy.moveaxis(drawn()[0], -1, 1))


# An imported set is meant by its name, whatever folder $FMNIST_DATA says for others.
def test_auto__fmnist_data_is_another_set__the_imported_one_by_its_name(tmp_path, monkeypatch):
    pixels, labels = drawn()
    other = fmnist.import_dataset((pixels[::-1].copy(), labels), "other", path=tmp_path / "other",
                                  progress=False)
    fmnist.import_dataset((pixels, labels), "mine", progress=False)
    monkeypatch.setenv("FMNIST_DATA", os.fspath(other))
    check("mine", {"train": (pixels, labels)})
    check("anything", {"train": (pixels[::-1], labels)})


# ---- what is refused


def bad(value, text, name="mine", error=errors.BadData, **more):
    with pytest.raises(error, match=text):
        fmnist.import_dataset(value, name, progress=False, **more)
    assert nothing_is_left()


@pytest.mark.parametrize("place", [0, 36])
@pytest.mark.parametrize("make", [map_pictures, iterable, arrays_, tf_data, tf_batches, data_loader,
                                  hugging_face, bunch], ids=lambda make: make.__name__)
def test_refused__a_label_that_no_class_has__split_and_item(make, place):
    needs(make)
    pixels, labels = drawn()
    labels[place] = 10
    if make is hugging_face:  # which checks it itself
        return
    bad({"test": make(pixels, labels)}, f"split test, item {place}: the label is 10, and the 10",
        classes=NAMES)


def test_refused__one_size_is_another__split_and_item():
    pytest.importorskip("torch")
    items = pictures(drawn()[0])
    items[20] = items[20].resize((12, 10))
    bad({"validation": torch_set(items, drawn()[1])},
        "split validation, item 20: an image of 10 x 12, and those before are of 9 x 12")
    items[20] = items[20].resize((12, 9)).convert("RGB")
    bad(torch_set(items, drawn()[1]), "item 20: an image of 9 x 12 x 3, and those before")


def test_refused__the_data_sets_own_error__told_with_its_item():
    pytest.importorskip("torch")

    class Broken(list):
        def __getitem__(self, i):
            if i == 7:
                raise OSError("image file is truncated")
            return super().__getitem__(i)

    value = torch_set(Broken(pictures(drawn()[0])), drawn()[1])
    bad(value, "split train, item 7: the data set gave OSError: image file is truncated")
    bad(value, "split train, item 1: the label is 7, ", classes=["x"] * 7)  # which is the first one


@pytest.mark.parametrize("value, text, error", [
    ((numpy.zeros((3, 4, 5), "u1"), [1, 2]), "3 images and 2 labels", errors.BadData),
    ((numpy.zeros((0, 4, 5), "u1"), []), "split train, it has no images", errors.BadData),
    ((numpy.zeros((2, 4, 5), "u1"), 1), "no data set", TypeError),
    (numpy.zeros((3, 4, 5), "u1"), "ndarray of shape .* is no data set", TypeError),
    ({"train": numpy.zeros((3, 4, 5), "u1")}, '"train" is ndarray .*: want .images, labels', TypeError),
    ({}, "without splits", errors.BadData), (7, "int is no data set", TypeError),
    ("mnist", "str is no data set", TypeError), ({3: (1, 2)}, "named by texts", TypeError),
    ({"x_train": numpy.zeros((3, 4, 5))}, 'no "y_train"', errors.BadData),
    ({"../up": (numpy.zeros((3, 4, 5), "u1"), [1, 2, 3])}, "split='../up': want 1 to 63", ValueError),
    ({"a[1]": (numpy.zeros((3, 4, 5), "u1"), [1, 2, 3])}, r"split='a\[1\]'", ValueError),
    ({f"s{i}": (numpy.zeros((3, 4, 5), "u1"), [1, 2, 3]) for i in range(17)}, "more than 16 splits",
     errors.BadData),
    ({"a": (numpy.zeros((1, 4, 5), "u1"), [1]), "b": (numpy.zeros((1, 4, 5), "u1"), [[1, 2]])},
     "split a has a single label an image; split b has a row of 2 labels", errors.BadData),
], ids=lambda value: str(value)[:30] if isinstance(value, str) else "")
def test_refused__what_is_no_data_set__said(value, text, error):
    bad(value, text, error=error)


@pytest.mark.parametrize("more, text", [
    (dict(classes=["a", ""]), "the name of class 1 is ''"), (dict(classes=["a", "b\0"]), "without NUL"),
    (dict(classes=["\ud800"]), "no text in UTF-8"), (dict(classes=["x"] * 4097), "4097 class names"),
    (dict(classes={"a": 0, "b": 2}), "have the numbers 0, 2: want 0 to 1"), (dict(classes="cat"), "want names"),
    (dict(layout="CHW"), 'want "NCHW"'), (dict(scale=0), "want a number above 0"),
    (dict(split="a/b"), "split='a/b'"), (dict(split="a|b"), "split='a|b'"), (dict(split="~b"), "split='~b'"),
    (dict(licence="a\0b"), "licence: a text with a NUL"),
    (dict(classes=["x" * 256]), "want 1 to 255 bytes")], ids=str)
def test_refused__arguments__said(more, text):
    bad(drawn(), text, error=ValueError, **more)


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "x" * 64, "a\nb", "\ud800", 7], ids=repr)
def test_refused__a_name_that_no_daemon_takes__said(name):
    bad(drawn(), "name", name=name, error=ValueError)


def test_refused__columns_that_are_not_plain__said_which_there_are():
    items = [{"img": p, "fine_label": 1, "label": 2} for p in drawn()[0]]
    bad(collections.UserList(items), "label= has to say which of img, fine_label, label is")
    bad(collections.UserList(items), "image='x': there are img, fine_label", image="x")
    fmnist.import_dataset(collections.UserList(items), "mine", label="fine_label", progress=False)
    assert set(served("mine", "train")[1]) == {1}


def test_refused__splits_of_other_classes__said():
    pytest.importorskip("torch")
    pixels, labels = drawn()
    both = {"train": torch_set(pixels, labels, classes=NAMES),
            "test": torch_set(pixels, labels, classes=NAMES[::-1])}
    bad(both, "splits train and test have other class names")
    assert fmnist.import_dataset(both, "mine", classes=(), progress=False).classes == ()


def test_hugging_face__several_labels_an_image__a_row():
    datasets = pytest.importorskip("datasets")
    pixels, _ = drawn(4)
    features = datasets.Features({"image": datasets.Image(), "labels": datasets.Sequence(
        datasets.ClassLabel(names=["a", "b", "c"]))})
    value = datasets.Dataset.from_dict(
        {"image": pictures(pixels), "labels": [[0], [], [2, 1], [0, 1, 2]]}, features)
    got = fmnist.import_dataset(value, "mine", progress=False)
    raw = pathlib.Path(got, "train-labels-idx2-ubyte").read_bytes()
    assert raw[12:] == bytes([1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]) and got.classes == ("a", "b", "c")
    assert description(got)["multi_label"] is True


# ---- what is there already


def test_exists__refused_before_anything_is_read__or_taken_where_it_is_the_same(tmp_path):
    pixels, labels = drawn()
    first = fmnist.import_dataset((pixels, labels), "mine", progress=False)
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in pathlib.Path(first).iterdir()}

    class Unread:
        def __len__(self):
            return 1

        def __getitem__(self, i):
            pytest.fail("was read")

    for value in (Unread(), drawn(11)):
        with pytest.raises(FileExistsError, match=f"{first.path} is there already"):
            fmnist.import_dataset(value, "mine", progress=False)
    again = fmnist.import_dataset((pixels, labels), "mine", exist_ok=True, progress=False)
    assert again.path == first.path and again.splits == first.splits
    with pytest.raises(errors.AlreadyThere, match="its train-labels-idx1-ubyte is another"):
        fmnist.import_dataset((pixels, labels[::-1].copy()), "mine", exist_ok=True, progress=False)
    with pytest.raises(errors.AlreadyThere, match="its dataset.yaml is another"):
        fmnist.import_dataset((pixels, labels), "mine", exist_ok=True, classes=NAMES, progress=False)
    assert before == {p.name: (p.read_bytes(), p.stat().st_mtime_ns)
                      for p in pathlib.Path(first).iterdir()}
    assert [p.name for p in folder_of("mine").parent.iterdir()] == ["mine"]


@pytest.mark.parametrize("what", ["an empty folder", "a file", "a link", "a dangling link"])
def test_exists__something_else__refused_but_an_empty_folder(what, tmp_path):
    place = tmp_path / "place"
    {"an empty folder": place.mkdir, "a file": place.touch,
     "a link": lambda: place.symlink_to(tmp_path), "a dangling link": lambda: place.symlink_to("no")}[what]()
    if what == "an empty folder":
        fmnist.import_dataset(drawn(), "mine", path=place, progress=False)
        return
    for exist_ok in (False, True):
        with pytest.raises(errors.AlreadyThere):
            fmnist.import_dataset(drawn(), "mine", path=place, exist_ok=exist_ok, progress=False)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


# ---- while it runs


def test_ctrl_c__in_the_middle__nothing_is_left(home):
    child = subprocess.Popen([sys.executable, "-c", """
import fmnist, numpy, time
class Slow:
    def __len__(self): return 1000
    def __getitem__(self, i):
        if i == 20: print("reading", flush=True)
        if i >= 20: time.sleep(60)
        return numpy.zeros((8, 8), "u1"), 0
fmnist.import_dataset(Slow(), "slow")
"""], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **PACKAGE})
    assert child.stdout.readline() == "reading\n"
    assert not nothing_is_left()
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in said and nothing_is_left()


def test_no_room__said_and_nothing_is_left(monkeypatch):
    def full(*unused):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_import_folder.os, "fsync", full)
    bad(drawn(), "No space left", error=OSError)


def test_progress__a_function__told_of_each_split(monkeypatch):
    seen = []
    fmnist.import_dataset({"train": drawn(), "test": drawn(11)}, "mine",
                          progress=lambda *row: seen.append(row))
    assert seen == [("train", 37, 37), ("test", 11, 11)]
    seen.clear()
    monkeypatch.setattr(_progress, "_TERMINAL_SECONDS", 0)
    monkeypatch.setattr(_import, "_TOGETHER", 1)
    fmnist.import_dataset(collections.UserList(zip(*drawn())), "other",
                          progress=lambda *row: seen.append(row))
    assert seen == [("train", n, 37) for n in range(1, 38)]
    with pytest.raises(TypeError, match="progress=7"):
        fmnist.import_dataset(drawn(), "third", progress=7)


@pytest.mark.parametrize("terminal", [True, False])
def test_progress__a_second_or_more__a_line(monkeypatch, capsys, terminal):
    monkeypatch.setattr(_progress, "_FIRST_SECONDS", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    fmnist.import_dataset(drawn(), "mine")
    said = capsys.readouterr().err
    assert "importing mine: train 37 of 37 [####" in said
    assert said.endswith("\r" if terminal else "images/s\n")


def test_progress__less_than_a_second__nothing(capfd, monkeypatch):
    monkeypatch.setattr(_progress, "_FIRST_SECONDS", 3600)  # which this machine takes for less
    fmnist.import_dataset(drawn(), "mine")
    assert capfd.readouterr() == ("", "")


# Memory is that of a block, however large the set is.
def test_memory__twenty_times_the_set__the_same(home):
    text = """
import fmnist, numpy, resource, sys
count = int(sys.argv[1])
class Many:
    def __len__(self): return count
    def __getitem__(self, i): return numpy.full((128, 128, 3), i % 256, "u1"), i % 10
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fmnist.import_dataset(Many(), "many" + sys.argv[1], progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    grown = [int(subprocess.run([sys.executable, "-c", text, str(count)], check=True, text=True,
                                stdout=subprocess.PIPE, env={**os.environ, **PACKAGE}).stdout)
             for count in (100, 2000)]
    assert grown[1] - grown[0] < 20000  # KiB, of 98,000 that the larger one has


