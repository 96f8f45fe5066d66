# SPDX-License-Identifier: MIT
"""The MXNet tab of "The Image Classification Dataset", with the import changed and nothing else."""

import sys
import time

import numpy
import pytest

pytest.importorskip("mxnet")


@pytest.mark.parametrize("with_d2l", [False, True], ids=["without-d2l", "with-d2l"])
def test_chapter__its_lines__run_with_the_import_changed(
        daemon, with_d2l, matplotlib_agg, monkeypatch):
    if with_d2l:
        pytest.importorskip("d2l.mxnet")
    else:
        for name in [name for name in sys.modules if name.split(".")[0] == "d2l"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "d2l", None)
    from fmnist.mxnet import FashionMNIST

    data = FashionMNIST(batch_size=64, resize=(32, 32))
    bases = [f"{base.__module__}.{base.__name__}" for base in type(data).__mro__]
    assert ("d2l.mxnet.DataModule" in bases) == with_d2l
    assert (len(data.train), len(data.val)) == (60000, 10000)
    assert data.train[0][0].shape == (1, 32, 32)

    X, y = next(iter(data.train_dataloader()))
    assert (X.shape, X.dtype) == ((64, 1, 32, 32), numpy.float32)
    assert (y.shape, y.dtype) == ((64,), numpy.int32)

    tic = time.time()
    seen = 0
    for X, y in data.train_dataloader():
        seen += len(y)
    assert seen == 60000 and f"{time.time() - tic:.2f} sec"

    axes = data.visualize(next(iter(data.val_dataloader())))
    assert [axis.get_title() for axis in axes] == [
        "ankle boot", "pullover", "trouser", "trouser", "shirt", "trouser", "coat", "shirt"]
    assert all(axis.images[0].get_array().shape == (32, 32) for axis in axes)
    assert data.text_labels([0, 9]) == ["t-shirt", "ankle boot"]


def test_d2l__its_own_trainer__trains_on_it(daemon, matplotlib_agg):
    pytest.importorskip("d2l")
    from d2l import mxnet as d2l
    from fmnist.mxnet import FashionMNIST
    from mxnet import npx

    npx.set_np()  # as d2l's programs begin
    try:
        data = FashionMNIST(batch_size=256)
        assert isinstance(data, d2l.DataModule) and isinstance(data, FashionMNIST)
        model = d2l.SoftmaxRegression(num_outputs=10, lr=0.1)
        d2l.Trainer(max_epochs=1).fit(model, data)
        X, y = next(iter(data.val_dataloader()))
        assert float(model.accuracy(model(X), y)) > 0.6
    finally:
        npx.reset_np()
