"""NumPy arrays for JAX, TensorFlow and Keras, which all have bfloat16 from ml_dtypes."""

import ml_dtypes
import numpy

from fmnist.core import NumpyArrays


class MlArrays(NumpyArrays):
    bfloat16 = ml_dtypes.bfloat16

    @staticmethod
    def wrap(view):
        array = numpy.asarray(view)
        # Nothing else is uint16 here.
        return array.view(ml_dtypes.bfloat16) if array.dtype == numpy.uint16 else array
