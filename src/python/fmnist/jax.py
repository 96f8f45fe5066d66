"""JAX: an iterator of NumPy dicts with Grain's states, device arrays ahead of time, and the book's
JAX tab.

    from fmnist.jax import device_iterator, iterator

    batches = device_iterator(iterator(batch_size=64, shuffle=True, epochs=3), sharding)
    for batch in batches:
        step(batch["image"], batch["label"])  # float32 N x h x w x 1, int32 N, on the devices

The pixels are those of the chapter's JAX tab, which are TensorFlow's (tf-bilinear-pad).

JAX's CPU backend may keep using a NumPy array's memory instead of copying it, whatever device_put
is told. Every batch here is therefore memory of its own that is never written again, or with
zero_copy=True memory of the daemon's that is kept until the last array over it is gone.

In a program of several processes each reads its part: rank=jax.process_index(),
world_size=jax.process_count().
"""

import collections
import json

from fmnist import _chapter, _loader
from fmnist._ml_arrays import MlArrays


class Loader(_loader.Loader):
    """An iterable of (images, labels), NumPy arrays; an epoch for each `for`."""

    resize_rule = "tf-bilinear-pad"
    arrays = MlArrays


class Iterator:
    """{"image": ..., "label": ...} through the epochs, without an end where epochs is None.

    get_state and set_state are Grain's: bytes, of what was handed out, that a checkpoint keeps.
    """

    def __init__(self, *, epochs=None, **options):
        self._stream = Loader(**options).stream
        self._end = None if epochs is None else options.get("epoch", 0) + epochs
        self._batches = None

    def __iter__(self):
        return self

    def __next__(self):
        while True:
            if self._batches is None:
                if self._end is not None and self._stream.epoch >= self._end:
                    raise StopIteration
                self._batches = self._stream.batches()
            for batch in self._batches:
                return {"image": batch.images, "label": batch.labels}
            self._batches = None

    def get_state(self):
        return json.dumps({"token": self._stream.token().hex()}).encode()

    def set_state(self, state):
        self._stream.load_state_dict({"token": bytes.fromhex(json.loads(state)["token"])})
        self._batches = None

    # A copy goes on where this one is.
    def __getstate__(self):
        return {**self.__dict__, "_batches": None}


def iterator(**options):
    """An Iterator, with the arguments of Loader and epochs=."""
    return Iterator(**options)


class DeviceIterator:
    """The batches of an iterator as jax.Arrays, `size` of them on their way while one is used.

    sharding: where the arrays go, any that jax.device_put takes; with several processes it spreads
    the global batch, of which each process brings its part. The state is that of the batches that
    were handed out, never of those on their way. Any iterator with Grain's two methods will do.
    """

    def __init__(self, iterator, sharding=None, size=2):
        if size < 1:
            raise ValueError(f"size={size}: want 1 or more")
        self._iterator = iterator
        self._sharding = sharding
        self._size = size
        self._queue = collections.deque()  # of (batch on the device, the state behind it)
        self._state = None  # None: the iterator's own

    def __iter__(self):
        return self

    def __next__(self):
        while len(self._queue) < self._size:
            if self._state is None:
                self._state = self._iterator.get_state()
            batch = next(self._iterator, None)
            if batch is None:
                break
            self._queue.append((self._put(batch), self._iterator.get_state()))
        if not self._queue:
            raise StopIteration
        batch, self._state = self._queue.popleft()
        return batch

    def _put(self, batch):
        import jax

        if self._sharding is not None and jax.process_count() > 1:
            return {name: jax.make_array_from_process_local_data(self._sharding, array)
                    for name, array in batch.items()}
        return jax.device_put(batch, self._sharding)

    def get_state(self):
        return self._iterator.get_state() if self._state is None else self._state

    def set_state(self, state):
        self._iterator.set_state(state)
        self._queue.clear()
        self._state = None


def device_iterator(iterator, sharding=None, size=2):
    """A DeviceIterator."""
    return DeviceIterator(iterator, sharding, size)


class FashionMNIST(_chapter.ArrayDataModule):
    """The data module of the JAX tab."""

    _d2l = "d2l.jax"
    loader = Loader
