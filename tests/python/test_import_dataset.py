# SPDX-License-Identifier: MIT
"""import_dataset: what is served equals what the object itself gives, and what cannot be kept is
refused. Objects are the libraries' own."""
import collections
import os
import pathlib
import signal
import subprocess
import sys
import types

import numpy
import pytest
import yaml

import fmnist
from conftest import BUILD, ROOT
from fmnist import _import, _import_folder, _import_values, _progress, errors

COUNTS = {"train": 37, "test": 11}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without data, and private daemons of one test."""
    for name in ("FMNIST_AUTO", "FMNIST_DATA", "FMNISTD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FMNIST_SOCKET", str(tmp_path / "none.sock"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    yield tmp_path
    fmnist.daemon._stop_all()


def drawn(count=37, height=9, width=12, channels=1, classes=10):
    """Every level among them, and every label."""
    generator = numpy.random.default_rng([count, height, width, channels])
    pixels = generator.integers(0, 256, (count, height, width, channels), numpy.uint8)
    pixels.flat[:256] = numpy.arange(256)
    return pixels, numpy.arange(count) * 7 % classes


def folder_of(name):
    return pathlib.Path(os.environ["XDG_DATA_HOME"], "fmnistd/datasets", name)


def nothing_is_left():
    home = pathlib.Path(os.environ["XDG_DATA_HOME"])
    return not [path for path in home.rglob("*") if path.name != "datasets" and path.name != "fmnistd"]


def served(name, split, **more):
    return fmnist.arrays(split, name, daemon="auto", layout="NHWC", resize="none", **more)


def check(name, splits):
    """That what is served is these (pixels, labels), in the framework's own types, too."""
    for split, (pixels, labels) in splits.items():
        images, numbers = served(name, split)
        assert numpy.array_equal(images, pixels) and images.dtype == numpy.uint8
        assert numpy.array_equal(numbers, labels)
        floats, _ = served(name, split, dtype="float32")
        assert numpy.array_equal(floats, pixels.astype("f4") / numpy.float32(255))


# ---- pixels: how arrays may be typed and laid out


def as_typed(pixels, form):
    if form == "float32":
        return pixels.astype("f4") / numpy.float32(255)
    if form == "float16":
        return (pixels.astype("f4") / numpy.float32(255)).astype("f2")
    if form == "float64":
        return pixels / 255
    if form == "float32 as float64":
        return (pixels.astype("f4") / numpy.float32(255)).astype("f8")
    return pixels.astype(form)


FORMS = ("uint8", "int64", "uint16", "float16", "float32", "float64", "float32 as float64")


def laid_out(pixels, layout):
    if layout == "NHW":
        return pixels[..., 0]
    return numpy.moveaxis(pixels, -1, 1) if layout == "NCHW" else pixels


LAYOUTS = {1: ("NHW", "NHWC", "NCHW"), 3: ("NHWC", "NCHW"), 2: ("NHWC", "NCHW"), 4: ("NHWC", "NCHW")}
SHAPES = [(channels, layout) for channels, layouts in LAYOUTS.items() for layout in layouts]


# Every type of number, of every number of channels, wherever they are, of arrays and of tensors.
@pytest.mark.parametrize("kind", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("form", FORMS)
def test_images__each_type_and_layout__the_same_levels(kind, form):
    if kind == "torch":
        torch = pytest.importorskip("torch")
    if kind == "tensorflow":
        tensorflow = pytest.importorskip("tensorflow")
    for channels, layout in SHAPES:
        pixels, _ = drawn(channels=channels)
        value = laid_out(as_typed(pixels, form), layout)
        if kind == "torch":
            value = torch.from_numpy(numpy.ascontiguousarray(value))
        if kind == "tensorflow":
            value = tensorflow.constant(value)
        assert numpy.array_equal(_import_values.images(value, batched=True), pixels)
        one = _import_values.images([value[3]], batched=False)
        assert numpy.array_equal(one, pixels[3:4])


def test_images__a_torch_division__exact():
    transforms = pytest.importorskip("torchvision_here").transforms
    pixels, _ = drawn()
    for image in pixels:
        tensor = transforms.ToTensor()(image)
        assert numpy.array_equal(_import_values.images([tensor], batched=False)[0], image)


# A number that lies right beside a level is none: nothing is rounded.
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_images__a_float_beside_a_level__refused(dtype):
    table = as_typed(numpy.arange(256), dtype)
    for level in range(256):
        for way in (numpy.inf, -numpy.inf):
            beside = numpy.nextafter(table[level], numpy.asarray(way, dtype))
            image = numpy.full((2, 3), beside)
            with pytest.raises(errors.BadData, match="row 0, column 0, channel 0 is .*exactly level"):
                _import_values.images([image], batched=False)


@pytest.mark.parametrize("value, text", [
    (numpy.float32(-0.1), "is -0.1 "), (numpy.nan, "is nan "), (numpy.inf, "is inf "),
    (numpy.int64(256), r"is 256 \(int64\), want 0 to 255"), (numpy.int8(-1), "is -1 "),
    (numpy.float32(7), "scale=1 takes whole numbers as they are"),
    (numpy.complex64(1), "pixels of type complex64"), (True, "scale=255 makes true 255"),
], ids=str)
def test_images__numbers_that_are_no_levels__said(value, text):
    with pytest.raises(errors.BadData, match=text):
        _import_values.images([numpy.full((4, 5), value)], batched=False)


@pytest.mark.parametrize("scale, values, want", [
    (1, [0.0, 16.0], [0, 16]), (15, [0.0, 16.0], [0, 240]), (255, [True, False], [255, 0]),
    (0.5, [510, 2], [255, 1]), (255, [1.0, 0.2], [255, 51])])
def test_images__scale__what_is_whole_then(scale, values, want):
    got = _import_values.images([numpy.array([values])], batched=False, scale=scale)
    assert got.ravel().tolist() == want
    for wrong in ([numpy.nextafter(v, 99) for v in values] if values[0] != 1.0 else [[1.1]]):
        with pytest.raises(errors.BadData, match=f"times scale={scale:g}"):
            _import_values.images([numpy.full((3, 3), wrong)], batched=False, scale=scale)


def test_images__few_pixels_look_like_channels__layout_says():
    tiny = numpy.arange(3 * 2 * 4, dtype=numpy.uint8).reshape(3, 2, 4)
    assert _import_values.images([tiny], batched=False).shape == (1, 3, 2, 4)
    got = _import_values.images([tiny], batched=False, layout="NCHW")
    assert numpy.array_equal(got[0], numpy.moveaxis(tiny, 0, -1))


@pytest.mark.parametrize("shape, text", [
    ((5, 6, 7), "images of 5 x 6 x 7: want 1 to 4 channels"), ((784,), r"reshape\(-1, 28, 28\)"),
    ((), "no image"), ((0, 5), "0 x 5 pixels"), ((4097, 1), "4097 x 1 pixels"), ((1, 2, 3, 4), "no image")])
def test_images__no_image__said(shape, text):
    with pytest.raises(errors.BadData, match=text):
        _import_values.images([numpy.zeros(shape, numpy.uint8)], batched=False)


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA", "1"])
def test_images__a_picture__its_levels(mode):
    image = pytest.importorskip("PIL.Image")
    pixels = drawn(channels=3)[0][0]
    picture = image.fromarray(pixels).convert(mode)
    got = _import_values.images([picture], batched=False)[0]
    want = numpy.asarray(picture.convert("L") if mode == "1" else picture)
    assert numpy.array_equal(got, want.reshape(*pixels.shape[:2], -1))


@pytest.mark.parametrize("mode", ["P", "I;16", "F", "CMYK"])
def test_images__a_picture_of_other_numbers__refused_or_converted(mode):
    image = pytest.importorskip("PIL.Image")
    picture = image.new(mode, (4, 3), 1)
    with pytest.raises(errors.BadData, match=f'mode "{mode}"'):
        _import_values.images([picture], batched=False)
    if mode in ("P", "CMYK"):
        got = _import_values.images([picture], batched=False, mode="RGB")[0]
        assert numpy.array_equal(got, numpy.asarray(picture.convert("RGB")))


# ---- labels


@pytest.mark.parametrize("label", [
    7, numpy.uint8(7), numpy.int64(7), numpy.array(7), numpy.array([7]), [7], (7,)], ids=repr)
def test_labels__one_number__however_it_is_given(label):
    assert _import_values.labels([label], batched=False).tolist() == [7]


def test_labels__tensors__their_numbers():
    torch = pytest.importorskip("torch")
    assert _import_values.labels([torch.tensor(7)] * 2, batched=False).tolist() == [7, 7]
    assert _import_values.labels(torch.tensor([[0, 1, 1]]), batched=True).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("label, text", [
    (1.0, r"is 1.0 \(float64\): want whole"), (None, "is None"), ({"a": 1}, "a dict"),
    ("cat", "classes=.* says which number"), (2 ** 31, "is 2147483648"), (-2 ** 31 - 1, "want -2147"),
    ([0, 256], "is 256: want 0 to 255, in a row"), ([0.0, 1.0], "float64"), ([[1, 2], [3, 4]], "want a whole"),
    ([1, [2, 3]], "no array"), (b"cat", "want a whole number"), ([], "want"),
], ids=repr)
def test_labels__no_number__said(label, text):
    with pytest.raises(errors.BadData, match=text):
        _import_values.labels([label], batched=False)


def test_labels__texts__the_numbers_of_their_classes():
    for batched in (True, False):
        got = _import_values.labels(["b", "a", "b"], batched=batched, classes=("a", "b"))
        assert got.tolist() == [1, 0, 1]
    with pytest.raises(errors.BadData, match="'c', no name of the 2 classes"):
        _import_values.labels(["c"], batched=False, classes=("a", "b"))


# ---- objects: each gives the set of drawn(), and what it says of itself


NAMES = [f"class {i}" for i in range(10)]


def pictures(pixels):
    from PIL import Image

    return [Image.fromarray(p[..., 0] if p.shape[-1] == 1 else p) for p in pixels]


def torch_set(items, labels, **more):
    from torch.utils.data import Dataset

    class Mine(Dataset):
        def __len__(self):
            return len(labels)

        def __getitem__(self, i):
            return items[i], int(labels[i])

    mine = Mine()
    mine.__dict__.update(more)
    return mine


def map_pictures(pixels, labels):
    return torch_set(pictures(pixels), labels, classes=NAMES)


def map_tensors(pixels, labels):
    import torch

    return torch_set(torch.from_numpy(numpy.moveaxis(pixels, -1, 1).copy()), labels,
                     class_to_idx=dict(zip(reversed(NAMES), reversed(range(10)))))


def map_floats(pixels, labels):
    transforms = pytest.importorskip("torchvision_here").transforms
    return torch_set([transforms.ToTensor()(p) for p in pixels], labels, classes=tuple(NAMES))


def map_dicts(pixels, labels):
    items = [{"img": p, "number": 1, "label": n} for p, n in zip(pixels, labels)]
    return types.SimpleNamespace(__len__=None, items=items) and collections.UserList(items)


def tensor_set(pixels, labels):
    import torch
    from torch.utils.data import TensorDataset

    return TensorDataset(torch.from_numpy(numpy.moveaxis(pixels, -1, 1).copy()),
                         torch.from_numpy(labels))


def subset(pixels, labels):
    from torch.utils.data import Subset

    turned = list(range(len(labels)))[::-1]
    return Subset(map_pictures(pixels[::-1], labels[::-1]), turned)


def concatenated(pixels, labels):
    from torch.utils.data import ConcatDataset

    return ConcatDataset([map_pictures(pixels[:5], labels[:5]), subset(pixels[5:], labels[5:])])


def data_loader(pixels, labels):
    from torch.utils.data import DataLoader

    return DataLoader(tensor_set(pixels, labels), batch_size=10)


def iterable(pixels, labels):
    from torch.utils.data import IterableDataset

    class Mine(IterableDataset):
        def __iter__(self):
            return iter(zip(pictures(pixels), labels))

    return Mine()


def arrays_(pixels, labels):
    return (pixels if pixels.shape[-1] > 1 else pixels[..., 0]), labels


def columns(pixels, labels):
    return as_typed(pixels, "float32"), labels[:, None].astype("u1")


def lists(pixels, labels):
    return pixels.tolist(), labels.tolist()


def series(pixels, labels):
    pandas = pytest.importorskip("pandas")
    return pixels, pandas.Series(labels, index=labels * 0 + 5)


def bunch(pixels, labels):
    sklearn = pytest.importorskip("sklearn.utils")
    return sklearn.Bunch(images=pixels if pixels.shape[-1] > 1 else pixels[..., 0],
                         data=pixels.reshape(len(pixels), -1), target=labels,
                         target_names=numpy.array(NAMES))


def tf_data(pixels, labels):
    tensorflow = pytest.importorskip("tensorflow")
    return tensorflow.data.Dataset.from_tensor_slices((pixels, labels))


def tf_batches(pixels, labels):
    return tf_data(pixels, labels).batch(10)


def tf_squeezed_batches(pixels, labels):
    if pixels.shape[-1] > 1:
        return tf_batches(pixels, labels)
    return tf_data(pixels[..., 0], labels).batch(10)


def tf_dicts(pixels, labels):
    tensorflow = pytest.importorskip("tensorflow")
    return tensorflow.data.Dataset.from_tensor_slices(
        {"image": pixels, "label": labels, "id": labels}).map(
            lambda item: {**item, "image": tensorflow.cast(item["image"], "float32") / 255})


def hugging_face(pixels, labels):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"id": datasets.Value("int32"), "picture": datasets.Image(),
                                  "kind": datasets.ClassLabel(names=NAMES)})
    return datasets.Dataset.from_dict({"id": list(labels), "picture": pictures(pixels),
                                       "kind": list(labels)}, features)


def hugging_face_torch(pixels, labels):
    return hugging_face(pixels, labels).with_format("torch")


def hugging_face_numpy(pixels, labels):
    return hugging_face(pixels, labels).with_format("numpy")


def hugging_face_stream(pixels, labels):
    return hugging_face(pixels, labels).to_iterable_dataset(num_shards=3)


NAMED = [map_pictures, map_tensors, map_floats, subset, concatenated, bunch, hugging_face,
         hugging_face_torch, hugging_face_numpy, hugging_face_stream]
OBJECTS = NAMED + [map_dicts, tensor_set, data_loader, iterable, arrays_, columns, lists, series,
                   tf_data, tf_batches, tf_squeezed_batches, tf_dicts]


def needs(make):
    """Skips where the framework is not there."""
    name = make.__name__
    if name.startswith(("map", "tensor", "subset", "concat", "data_loader", "iterable")):
        pytest.importorskip("torch")


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


@pytest.mark.parametrize("name", ["no", "a b", "it's", '"', "#x", "- y", "a:b", "*", "ü" * 31, "{}", "..."[:0] + "7"])
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
    (dict(split="a/b"), "split='a/b'"), (dict(classes=["x" * 256]), "want 1 to 255 bytes")], ids=str)
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
        env={**os.environ, "PYTHONPATH": str(ROOT / "src/python"), "BUILD": str(BUILD)})
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


def test_progress__less_than_a_second__nothing(capfd):
    fmnist.import_dataset(drawn(), "mine")
    assert capfd.readouterr() == ("", "")


# Memory is that of a block, however large the set is.
def test_memory__ten_times_the_set__the_same(home):
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
                                stdout=subprocess.PIPE, env={
                                    **os.environ, "PYTHONPATH": str(ROOT / "src/python"),
                                    "BUILD": str(BUILD)}).stdout) for count in (100, 2000)]
    assert grown[1] - grown[0] < 20000  # KiB, of 98,000 that the larger one has


