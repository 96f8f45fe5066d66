# SPDX-License-Identifier: MIT
"""import_dataset: what is served equals what the object itself gives. Objects are the libraries' own."""
import collections
import os
import pathlib

import numpy
import pytest

import fmnist
from fmnist import _import, errors
from import_objects import (COUNTS, NAMED, NAMES, OBJECTS, arrays_, check, drawn, folder_of,
                            home,  # noqa: F401
                            hugging_face, map_floats, map_pictures, map_tensors, needs, pictures, served, torch_set)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("make", OBJECTS, ids=lambda make: make.__name__)
def test_import__each_kind_of_object__served_as_it_is(make, channels):
    needs(make)
    splits = {split: drawn(count, channels=channels) for split, count in COUNTS.items()}
    got = fmnist.import_dataset({split: make(*both) for split, both in splits.items()}, "mine",
                                progress=False)
    assert got.splits == COUNTS and list(got.splits) == ["train", "test"]
    assert got.classes == (tuple(NAMES) if make in NAMED else ())
    check("mine", splits)
    assert fmnist.datasets(daemon="auto", data=got)[0].count == COUNTS["train"]  # a path, too


# One split alone is named by what it says of itself.
@pytest.mark.parametrize("make, more, want", [
    (map_pictures, {"train": False}, "test"), (map_pictures, {"train": True}, "train"),
    (map_pictures, {"split": "val"}, "validation"), (map_pictures, {"split": "letters"}, "train"),
    (arrays_, None, "train")])
def test_import__one_split__the_name_it_says(make, more, want):
    needs(make)
    value = make(*drawn())
    if more:
        value.__dict__.update(more)
    assert fmnist.import_dataset(value, "mine", progress=False).splits == {want: 37}
    assert fmnist.import_dataset(value, "yours", split="any other", progress=False).splits == {
        "any other": 37}
    assert len(served("yours", "any other")[0]) == 37


def test_import__what_keras_loads__train_and_test():
    train, test = drawn(), drawn(11)
    fmnist.import_dataset((train, test), "mine", progress=False)
    check("mine", {"train": train, "test": test})


@pytest.mark.parametrize("names", [("x_{}", "y_{}", "test"), ("{}_images", "{}_labels", "val")])
def test_import__a_npz__the_splits_of_its_names(names, tmp_path):
    (x, y), (u, v) = drawn(), drawn(11)
    last = names[2]
    numpy.savez(tmp_path / "a.npz", **{names[0].format("train"): x, names[1].format("train"): y[:, None],
                                       names[0].format(last): u, names[1].format(last): v})
    with numpy.load(tmp_path / "a.npz") as file:
        fmnist.import_dataset(file, "mine", progress=False)
    check("mine", {"train": (x, y), "test" if last == "test" else "validation": (u, v)})


def test_import__hugging_faces_dict__its_splits():
    datasets = pytest.importorskip("datasets")
    splits = {name: drawn(count) for name, count in
              (("validation", 3), ("test", 11), ("train", 37), ("extra", 5))}
    value = datasets.DatasetDict({name: hugging_face(*both) for name, both in splits.items()})
    got = fmnist.import_dataset(value, "mine", progress=False)
    assert list(got.splits) == ["train", "test", "validation", "extra"]
    assert got.classes == tuple(NAMES)
    check("mine", splits)


def test_import__torchvisions_own__what_they_give(tmp_path):
    torchvision = pytest.importorskip("torchvision_here").torchvision
    from torchvision import transforms

    for split in ("train", "t10k"):
        pixels, labels = drawn(37, 28, 28)
        raw = tmp_path / "MNIST/raw"
        raw.mkdir(parents=True, exist_ok=True)
        for kind, values in (("images-idx3", pixels[..., 0]), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, values.ndim]) + numpy.array(values.shape, ">u4").tobytes()
            (raw / f"{split}-{kind}-ubyte").write_bytes(head + values.astype("u1").tobytes())
    both = {split: torchvision.datasets.MNIST(tmp_path, train=split == "train")
            for split in ("train", "test")}
    got = fmnist.import_dataset(both, "digits", progress=False)
    assert got.classes == tuple(both["train"].classes) and got.classes[0] == "0 - zero"
    check("digits", {split: (value.data.numpy()[..., None], value.targets.numpy())
                     for split, value in both.items()})

    for i, picture in enumerate(pictures(drawn(channels=3)[0])):
        place = tmp_path / "pictures" / "abc"[i % 3]
        place.mkdir(parents=True, exist_ok=True)
        picture.save(place / f"{i:02}.png")
    value = torchvision.datasets.ImageFolder(tmp_path / "pictures", transforms.ToTensor())
    got = fmnist.import_dataset(value, "pictures", progress=False)
    assert got.classes == ("a", "b", "c")
    tensors, labels = zip(*value)
    images, numbers = fmnist.arrays("train", "pictures", daemon="auto", dtype="float32")
    assert numpy.array_equal(images, numpy.stack(tensors)) and numbers.tolist() == list(labels)


def test_import__digits_of_scikit_learn__as_they_are():
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    with pytest.raises(errors.BadData, match="split train, item 0: pixel .*scale=1 takes whole"):
        fmnist.import_dataset(digits, "digits")
    fmnist.import_dataset(digits, "digits", scale=1, progress=False)
    images, labels = served("digits", "train")
    assert numpy.array_equal(images[..., 0], digits.images)
    assert numpy.array_equal(labels, digits.target)


# The loaders of PyTorch see the very tensors that the object gives.
def test_import__read_by_the_torch_loader__the_objects_tensors():
    torch = pytest.importorskip("torch")
    from fmnist.torch import Loader, MapDataset

    value = map_floats(*drawn(channels=3))
    fmnist.import_dataset(value, "mine", progress=False)
    X, y = next(iter(Loader("mine", batch_size=37, daemon="auto")))
    assert torch.equal(X, torch.stack([value[i][0] for i in range(37)]))
    assert y.tolist() == [value[i][1] for i in range(37)]
    mapped = MapDataset("train", dataset="mine", daemon="auto")
    assert mapped.classes == NAMES and torch.equal(mapped[5][0], value[5][0])


# Samples are converted together where they are of one kind, and one by one where they are not.
def test_import__items_of_several_kinds__each_as_it_is(monkeypatch):
    pytest.importorskip("torch")
    pixels, labels = drawn(60, channels=3)
    kinds = [map_pictures(pixels, labels), map_tensors(pixels, labels), map_floats(pixels, labels),
             collections.UserList(zip(pixels, labels))]
    mixed = collections.UserList(kinds[i * i % 4 if i % 7 else 3][i] for i in range(60))
    for together in (1, 1 << 18):
        monkeypatch.setattr(_import, "_TOGETHER", together)
        fmnist.import_dataset({"train": mixed}, f"mine{together}", progress=False)
        check(f"mine{together}", {"train": (pixels, labels)})


# A few images of one channel look like one of several: what cannot be known is asked for.
@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_import__small_batches__are_batches(size):
    data = pytest.importorskip("torch.utils.data")
    import torch

    pixels, labels = drawn(12)
    loader = data.DataLoader(data.TensorDataset(torch.from_numpy(pixels[..., 0]), torch.from_numpy(labels)),
                             batch_size=size)
    fmnist.import_dataset({"train": loader}, "mine", progress=False)
    check("mine", {"train": (pixels, labels)})
    with pytest.raises(errors.BadData, match="DataLoader that shuffles.*give its .dataset"):
        fmnist.import_dataset(data.DataLoader(loader.dataset, shuffle=True), "no", progress=False)
    tensorflow = pytest.importorskip("tensorflow")
    batches = tensorflow.data.Dataset.from_tensor_slices((pixels[..., 0], labels)).batch(size)
    fmnist.import_dataset({"train": batches}, "yours", progress=False)
    check("yours", {"train": (pixels, labels)})
    plain = (pair for pair in batches.as_numpy_iterator())
    if size > 4:
        fmnist.import_dataset({"train": plain}, "theirs", progress=False)
        check("theirs", {"train": (pixels, labels)})
    else:
        with pytest.raises(errors.BadData, match="item 0: .*may be a batch, or an image and a row"):
            fmnist.import_dataset({"train": plain}, "theirs", progress=False)


# Images of a size that TensorFlow does not know are none of a batch.
def test_import__tf_data_that_knows_no_sizes__single_images_and_rows():
    tensorflow = pytest.importorskip("tensorflow")
    pixels, _ = drawn(12, channels=3)
    rows = numpy.arange(12 * 14).reshape(12, 14) % 2
    for columns in (14, 9):  # 9 is also the images' height
        spec = (tensorflow.TensorSpec((None, None, 3), "uint8"), tensorflow.TensorSpec((None,), "uint8"))
        value = tensorflow.data.Dataset.from_generator(
            lambda n=columns: zip(pixels, rows[:, :n]), output_signature=spec)
        if columns == 14:
            fmnist.import_dataset({"train": value}, "mine", progress=False)
            check("mine", {"train": (pixels, rows)})
        else:
            with pytest.raises(errors.BadData, match="may be a batch, or an image and a row"):
                fmnist.import_dataset({"train": value}, "yours", progress=False)


# As medmnist's data sets are: classes in .info, a split that is called val, labels in rows of one.
def test_import__medmnists_kind_of_data_set__names_split_and_labels():
    pytest.importorskip("torch")
    pixels, labels = drawn()
    value = torch_set(pictures(pixels), labels, split="val",
                      info={"label": {str(i): name for i, name in enumerate(NAMES)}, "task": "multi-class"})
    type(value).__getitem__ = lambda self, i: (pictures(pixels[i:i + 1])[0], labels[i:i + 1])
    got = fmnist.import_dataset(value, "mine", progress=False)
    assert got.classes == tuple(NAMES) and got.splits == {"validation": 37}
    check("mine", {"validation": (pixels, labels)})


# ---- what reads it


def test_load_data__an_imported_set__each_split_as_it_is_stored():
    splits = {split: drawn(count, channels=3) for split, count in (("train", 37), ("test", 11), ("validation", 5))}
    fmnist.import_dataset(splits, "mine", progress=False)
    (x, y), (u, v) = fmnist.load_data("mine", daemon="auto")
    assert numpy.array_equal(x, splits["train"][0]) and numpy.array_equal(v, splits["test"][1])
    assert (x.dtype, y.dtype, len(u)) == (numpy.uint8, numpy.uint8, 11)
    (x, y), = fmnist.load_data("mine", ["validation"], daemon="auto")
    assert numpy.array_equal(x, splits["validation"][0]) and numpy.array_equal(y, splits["validation"][1])
    (x, _), (u, _) = fmnist.load_data("mine", ["train[:30]", "train[30:]"], daemon="auto")
    assert numpy.array_equal(numpy.concatenate([x, u]), splits["train"][0]) and len(x) == 30
    with pytest.raises(errors.NotFound, match="serves mine .train, test, validation."):
        fmnist.load_data("mine", ["train", "extra"], daemon="auto")
    with pytest.raises(TypeError, match="want several"):
        fmnist.load_data("mine", "train", daemon="auto")


@pytest.mark.parametrize("labels, dtype", [
    (numpy.arange(37) * 100, "int32"), (numpy.arange(37) - 1, "int32"), (numpy.arange(37), "uint8"),
    (numpy.arange(37 * 14).reshape(37, 14) % 2, "uint8")], ids=["large", "negative", "small", "rows"])
def test_load_data__each_kind_of_labels__none_is_cut(labels, dtype):
    fmnist.import_dataset({"train": (drawn()[0], labels), "test": (drawn()[0], labels)}, "mine",
                          progress=False)
    (x, y), _ = fmnist.load_data("mine", daemon="auto")
    assert numpy.array_equal(y, labels) and y.dtype == dtype and x.shape == (37, 9, 12)
    images, numbers = served("mine", "train")
    assert numpy.array_equal(numbers, labels) and numpy.array_equal(images, drawn()[0])


# The helpers that draw show colours as they are.
@pytest.mark.parametrize("tab", ["torch", "jax", "tensorflow"])
def test_visualize__a_colour_set__in_its_colours(tab, matplotlib_agg):
    pytest.importorskip(tab)
    module = pytest.importorskip("fmnist." + tab)
    pixels, labels = drawn(channels=3)
    fmnist.import_dataset({"train": (pixels, labels), "test": (pixels, labels)}, "mine", classes=NAMES,
                          progress=False)
    data = module.FashionMNIST(batch_size=37, resize=(9, 12), dataset="mine", daemon="auto")
    axes = data.visualize(next(iter(data.val_dataloader())), ncols=5)
    for axis, image, label in zip(axes, pixels, labels):
        shown = numpy.asarray(axis.get_images()[0].get_array())
        assert numpy.array_equal(numpy.rint(shown * 255), image)
        assert axis.get_title() == NAMES[label]


# Who asks a daemon for a set that is imported and not in its config is told the lines for it.
def test_open__a_daemon_that_does_not_serve_it__told_what_to_add(daemon):
    yaml = pytest.importorskip("yaml")
    got = fmnist.import_dataset(drawn(), "it's mine", progress=False)
    with pytest.raises(errors.NotFound, match='daemon="auto" serves it') as caught:
        fmnist.open("it's mine")
    text = str(caught.value)
    lines = text[text.index("\n"):text.rindex("\n")]
    assert yaml.safe_load(lines) == [{"name": "it's mine", "path": got.path}]
    with pytest.raises(errors.NotFound) as caught:
        fmnist.open("its mine")
    assert "imported" not in str(caught.value)
