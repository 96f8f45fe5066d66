# SPDX-License-Identifier: MIT
"""torchvision, from the folder where scripts/python-env puts it, also beside a PyTorch that its
compiled part was not built for.

PyPI has wheels for CUDA builds only, whose compiled part another build of PyTorch cannot load. The
transforms need none of it, but importing torchvision registers shapes for two of its operations:
these are declared first.

    from torchvision_here import torchvision, transforms, v2

Errors: ModuleNotFoundError where it is not installed.
"""
import importlib.util
import pathlib
import sys
import warnings

import torch

_OPERATIONS = ("nms", "qnms")

if importlib.util.find_spec("torchvision") is None:
    sys.path.append(str(pathlib.Path(sys.prefix) / "torchvision"))


def _loads():
    """Whether torchvision's compiled part, one library or several, finds its libraries."""
    where = importlib.util.find_spec("torchvision")
    if where is None:
        raise ModuleNotFoundError("torchvision is not installed: scripts/python-env main")
    try:
        for library in sorted(pathlib.Path(where.origin).parent.glob("_C*.so")):
            torch.ops.load_library(str(library))
    except OSError:
        return False
    return True


def _declare():
    for name in _OPERATIONS:
        torch.library.define(f"torchvision::{name}",
                             "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    if not _loads():
        _declare()
    import torchvision
    from torchvision import transforms  # noqa: F401
    from torchvision.transforms import v2  # noqa: F401
