# SPDX-License-Identifier: MIT
"""Contact sheets of pictures with three channels: Pillow finds each pixel on them, in its colour."""

import subprocess

import numpy as np
import pytest

from conftest import FMNISTCTL
from test_export import write_idx

Image = pytest.importorskip("PIL.Image")


def test_check__twins__drawn_in_their_colours(tmp_path):
    images = np.random.default_rng(2).integers(0, 256, (9, 8, 8, 3), np.uint8)
    images[7] = images[2]
    (tmp_path / "set").mkdir()
    write_idx(tmp_path / "set" / "images", images)
    write_idx(tmp_path / "set" / "labels", np.arange(9, dtype=np.uint8))
    (tmp_path / "set" / "dataset.yaml").write_text(
        "format: 1\nname: x\nsplits: {train: {images: images, labels: labels}}\n")
    done = subprocess.run([FMNISTCTL, "check", tmp_path / "set", "-o", tmp_path / "a.png"],
                          capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    sheet = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    scale = 14  # 112 pixels a side
    large = images[2].repeat(scale, 0).repeat(scale, 1)
    first = np.argwhere((sheet != 40).any(-1))[0]
    assert np.array_equal(sheet[first[0]:first[0] + 112, first[1]:first[1] + 112], large)
    second = sheet[first[0]:first[0] + 112, first[1] + 112:]
    assert any(np.array_equal(second[:, x:x + 112], large) for x in range(second.shape[1] - 111))
