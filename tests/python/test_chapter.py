# SPDX-License-Identifier: MIT
"""The code of "The Image Classification Dataset" in three of its tabs, with the import changed and
nothing else. The MXNet tab is in test_mxnet_chapter.py: it needs another environment."""

import importlib
import sys
import time
import types

import pytest

from conftest import FMNISTD
from fmnist import Daemon

TABS = ["torch", "tensorflow", "jax"]


def d2l_for(tab):
    """d2l with this framework, or a skip. d2l's PyTorch module wants torchvision, of which it uses
    the names alone as long as nobody asks for d2l's own data sets."""
    pytest.importorskip("d2l")
    if tab == "torch" and "torchvision" not in sys.modules:
        stub = types.ModuleType("torchvision")
        stub.transforms = types.ModuleType("torchvision.transforms")
        sys.modules["torchvision"] = stub
        sys.modules["torchvision.transforms"] = stub.transforms
    try:
        return importlib.import_module("d2l." + tab)
    except ImportError as absent:
        pytest.skip(f"d2l.{tab} needs more than is installed: {absent}")


def fashion_mnist(tab):
    pytest.importorskip(tab)
    return getattr(pytest.importorskip("fmnist." + tab), "FashionMNIST")


def without_d2l(monkeypatch):
    """As where d2l is not installed."""
    for name in [name for name in sys.modules if name.split(".")[0] == "d2l"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "d2l", None)


def numpy_of(array):
    import numpy

    return numpy.asarray(array)


@pytest.mark.parametrize("with_d2l", [False, True], ids=["without-d2l", "with-d2l"])
@pytest.mark.parametrize("tab", TABS)
def test_chapter__its_lines__run_with_the_import_changed(
        daemon, tab, with_d2l, matplotlib_agg, monkeypatch):
    pytest.importorskip(tab)
    if with_d2l:
        d2l_for(tab)
    else:
        without_d2l(monkeypatch)
    FashionMNIST = fashion_mnist(tab)

    data = FashionMNIST(batch_size=64, resize=(32, 32))
    bases = [f"{base.__module__}.{base.__name__}" for base in type(data).__mro__]
    assert (f"d2l.{tab}.DataModule" in bases) == with_d2l
    if tab == "torch":
        assert (len(data.train), len(data.val)) == (60000, 10000)
        assert tuple(data.train[0][0].shape) == (1, 32, 32)
    else:
        assert (len(data.train[0]), len(data.val[0])) == (60000, 10000)
        assert data.train[0][0].shape == (28, 28)
        assert len(data.train[1]) == 60000

    X, y = next(iter(data.train_dataloader()))
    shape = (64, 1, 32, 32) if tab == "torch" else (64, 32, 32, 1)
    assert tuple(X.shape) == shape and numpy_of(X).dtype == "float32"
    assert tuple(y.shape) == (64,)
    assert numpy_of(y).dtype == ("int64" if tab == "torch" else "int32")

    tic = time.time()
    seen = 0
    for X, y in data.train_dataloader():
        seen += len(y)
    assert seen == 60000 and f"{time.time() - tic:.2f} sec"

    batch = next(iter(data.val_dataloader()))
    axes = data.visualize(batch)
    assert [axis.get_title() for axis in axes] == [
        "ankle boot", "pullover", "trouser", "trouser", "shirt", "trouser", "coat", "shirt"]
    axes = data.visualize(batch, nrows=2, ncols=2, labels=list("abcd"))
    assert [axis.get_title() for axis in axes] == list("abcd")
    assert all(len(axis.images) == 1 and axis.images[0].get_array().shape == (32, 32)
               for axis in axes)
    assert data.text_labels([0, 9]) == ["t-shirt", "ankle boot"]


# A loader that is asked for the validation set gives it in the files' order, each time.
@pytest.mark.parametrize("tab", TABS)
def test_val_dataloader__twice__the_files_order(daemon, tab, raw_test):
    data = fashion_mnist(tab)(batch_size=1000)
    labels = raw_test[1]
    loader = data.get_dataloader(train=False)
    assert len(loader) == 10
    for _ in range(2):
        got = [label for _, y in loader for label in numpy_of(y).tolist()]
        assert got == labels.tolist()


# The training set comes in another order in each epoch, every image once.
@pytest.mark.parametrize("tab", TABS)
def test_train_dataloader__two_epochs__two_orders_of_one_set(daemon, tab, raw_train):
    import numpy

    data = fashion_mnist(tab)(batch_size=512)
    loader = data.get_dataloader(train=True)
    assert len(loader) == 118
    epochs = [numpy.concatenate([numpy_of(y) for _, y in loader]) for _ in range(2)]
    assert (epochs[0] != epochs[1]).any()
    for labels in epochs:
        assert numpy.bincount(labels).tolist() == numpy.bincount(raw_train[1]).tolist()


@pytest.mark.parametrize("tab", TABS)
def test_d2l__its_own_trainer__trains_on_it(daemon, tab, matplotlib_agg):
    pytest.importorskip(tab)
    d2l = d2l_for(tab)
    FashionMNIST = fashion_mnist(tab)

    data = FashionMNIST(batch_size=256)
    assert isinstance(data, d2l.DataModule) and isinstance(data, FashionMNIST)
    model = d2l.SoftmaxRegression(num_outputs=10, lr=0.1)
    if tab == "tensorflow":  # Keras 3 hides d2l's method behind an attribute of its own
        model.loss = types.MethodType(d2l.Classifier.loss, model)
    d2l.Trainer(max_epochs=1).fit(model, data)

    X, y = next(iter(data.val_dataloader()))
    assert float(model.accuracy(model(X), y)) > 0.6


# A data module is what its arguments say: small when pickled, also after it was used.
@pytest.mark.parametrize("tab", TABS)
def test_data_module__pickled_after_use__small_and_the_same(daemon, tab):
    import pickle

    data = fashion_mnist(tab)(batch_size=1000, resize=(30, 32))
    data.text_labels([1])
    first = next(iter(data.val_dataloader()))[0]
    data.train[0], data.val[0]
    assert "batch_size=1000" in repr(data)
    small = pickle.dumps(data)
    assert len(small) < 10000
    copy = pickle.loads(small)
    assert (numpy_of(next(iter(copy.val_dataloader()))[0]) == numpy_of(first)).all()
    assert len(copy.train[0]) == len(data.train[0])


def write_idx(folder, split, pixels, labels):
    """The two IDX files of a split."""
    for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
        head = bytes([0, 0, 8, array.ndim]) + numpy_of(array.shape).astype(">u4").tobytes()
        (folder / f"{split}-{kind}-ubyte").write_bytes(head + array.astype("u1").tobytes())


@pytest.fixture(scope="module")
def own_sets(tmp_path_factory):
    """A daemon with a small set under the names of MNIST and KMNIST."""
    import numpy

    folder = tmp_path_factory.mktemp("own")
    for split in ("train", "t10k"):
        write_idx(folder, split, numpy.arange(20 * 784).reshape(20, 28, 28), numpy.arange(20) % 10)
    with Daemon({name: str(folder) for name in ("mnist", "kmnist")},
                program=FMNISTD) as daemon:
        yield daemon.socket


@pytest.mark.parametrize("name, first, last", [
    ("mnist", "0", "9"), ("kmnist", "o", "wo")])
@pytest.mark.parametrize("tab", TABS)
def test_text_labels__of_another_set__its_own_names(own_sets, tab, name, first, last):
    data = fashion_mnist(tab)(dataset=name, socket=own_sets, batch_size=10)
    assert data.text_labels([0, 9]) == [first, last]
    X, y = next(iter(data.val_dataloader()))
    assert data.text_labels(y[:1]) == [first]


@pytest.mark.parametrize("tab", TABS)
def test_text_labels__what_is_no_label__said(daemon, tab):
    with pytest.raises(IndexError, match="label 10: there are 0 to 9"):
        fashion_mnist(tab)().text_labels([10])


@pytest.mark.parametrize("tab", ["tensorflow", "jax"])
def test_data_module__mean_and_std__of_both_loaders(daemon, tab):
    import numpy

    plain, scaled = fashion_mnist(tab)(), fashion_mnist(tab)(mean=0.5, std=0.25)
    for get in ("train_dataloader", "val_dataloader"):
        (X, y), (Z, z) = [next(iter(getattr(data, get)())) for data in (plain, scaled)]
        assert (numpy_of(y) == numpy_of(z)).all()
        want = (numpy_of(X) - numpy.float32(0.5)) / numpy.float32(0.25)
        assert numpy.allclose(numpy_of(Z), want, atol=1e-6)


# What the chapter's program does with a tf.data.Dataset.
def test_tensorflow__its_loaders__tf_data_that_fit_takes(daemon):
    tensorflow = pytest.importorskip("tensorflow")
    data = fashion_mnist("tensorflow")(batch_size=256)
    train, val = data.train_dataloader(), data.val_dataloader()
    assert isinstance(train, tensorflow.data.Dataset) and len(train) == 235
    model = tensorflow.keras.Sequential(
        [tensorflow.keras.layers.Flatten(), tensorflow.keras.layers.Dense(10)])
    loss = tensorflow.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    seen = model.fit(train.prefetch(2), validation_data=val, verbose=0).history
    assert seen["val_accuracy"][-1] > 0.6
