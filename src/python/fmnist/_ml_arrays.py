# SPDX-License-Identifier: MIT
"""NumPy arrays for JAX, TensorFlow and Keras, which all have bfloat16 from ml_dtypes."""
from typing import Any

import ml_dtypes
import numpy
from numpy.typing import NDArray

from fmnist.core import NumpyArrays


class MlArrays(NumpyArrays):
    bfloat16: Any = ml_dtypes.bfloat16

    @staticmethod
    def wrap(view: Any) -> NDArray[Any]:
        array = numpy.asarray(view)
        # Nothing else is uint16 here.
        return array.view(ml_dtypes.bfloat16) if array.dtype == numpy.uint16 else array
