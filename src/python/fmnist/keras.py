"""Keras, on any of its backends: whole batches by index.

    from fmnist.keras import PyDataset

    model.fit(PyDataset(batch_size=64, height=32, width=32, shuffle=True), epochs=3, shuffle=False)

The daemon shuffles the images, so fit need not shuffle the batches: shuffle=False reads them in
their order, which is the fast way. fit's own shuffle=True works as well and costs more, because
the daemon's work ahead is thrown away with each jump.
"""

import threading

import keras

from fmnist import _loader
from fmnist._ml_arrays import MlArrays

# Batches that are kept for a neighbour: workers in threads ask for them nearly in order.
_AHEAD = 16


class _Loader(_loader.Loader):
    resize_rule = "tf-bilinear-pad"
    arrays = MlArrays


class PyDataset(keras.utils.PyDataset):
    """Batch i of the epoch as (images, labels), NumPy arrays; on_epoch_end goes to the next epoch.

    Arguments are Loader's (fmnist.tensorflow), and Keras's workers, use_multiprocessing and
    max_queue_size.
    """

    def __init__(self, *, workers=1, use_multiprocessing=False, max_queue_size=10, epoch=0,
                 **options):
        super().__init__(workers=workers, use_multiprocessing=use_multiprocessing,
                         max_queue_size=max_queue_size)
        self.epoch = epoch
        self._stream = _Loader(**options).stream
        self._forget()
        self._lock = threading.Lock()

    def _forget(self):
        self._ahead = {}
        self._batches, self._next = None, 0

    def __len__(self):
        return len(self._stream)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        with self._lock:
            if index in self._ahead:
                return self._ahead.pop(index)
            if self._batches is None or not self._next <= index < self._next + _AHEAD:
                self._seek(index)
            while self._next < index:
                self._keep(self._next, self._read())
            return self._read()

    def _seek(self, index):
        self._stream.seek(self.epoch, index)
        self._batches, self._next = self._stream.batches(), index

    def _read(self):
        batch = next(self._batches)
        self._next += 1
        return batch.images, batch.labels

    def _keep(self, index, batch):
        self._ahead[index] = batch
        if len(self._ahead) > _AHEAD:
            del self._ahead[next(iter(self._ahead))]

    def on_epoch_end(self):
        with self._lock:
            self.epoch += 1
            self._forget()

    # Copies for worker processes connect for themselves.
    def __getstate__(self):
        state = self.__dict__.copy()
        state.update(_ahead={}, _batches=None, _next=0)
        del state["_lock"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._lock = threading.Lock()
