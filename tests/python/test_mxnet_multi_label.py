# SPDX-License-Identifier: MIT
"""Rows of labels in MXNet's arrays: the loader, the items, and Gluon's own loader over these."""

import numpy as np
import pytest

mxnet = pytest.importorskip("mxnet")

from harness.rows import arrays, chest, served  # noqa: E402, F401


def test_mxnet__loader_and_items__rows(chest, arrays):
    from fmnist.mxnet import Loader, SplitDataset

    got = np.concatenate([y.asnumpy() for _, y in Loader(**chest, batch_size=32)])
    assert got.dtype == "int32" and (got == arrays["train"][1]).all()
    data = SplitDataset("test", **chest)
    assert (data[4][1] == arrays["test"][1][4]).all()
    batches = mxnet.gluon.data.DataLoader(data, 10)
    assert (np.concatenate([y.asnumpy() for _, y in batches]) == arrays["test"][1]).all()
