# SPDX-License-Identifier: MIT
"""MXNet's script of the chapter, run as a user runs it."""

import pytest

import examples

pytest.importorskip("mxnet")
pytest.importorskip("matplotlib")


def test_script__as_a_user_runs_it__the_chapters_values(tmp_path):
    examples.check_script("mxnet", tmp_path, "60000 10000", "(1, 32, 32)",
                          "(64, 1, 32, 32) <class 'numpy.float32'> (64,) <class 'numpy.int32'>")
