"""What the loaders of the frameworks share: one epoch for each `for`, and where it goes on."""

import numpy

from fmnist.core import NumpyArrays, Stream


class Loader:
    """Batches of one stream, an epoch for each iteration.

    Every iteration begins the next epoch, also where the last one was broken off; the first one
    behind load_state_dict goes on where the state was taken. One iterator reads at a time.

    Which samples: all of them, in the files' order or with shuffle=True in a new one each epoch; or
    indices=, an array of numbers in the split; or sampler=, an iterable of numbers that is asked
    anew for each epoch; or batch_sampler=, an iterable of lists of numbers, likewise.

    resize names the rule; without it the pixels are the framework's own. Keywords that are not
    named here are fmnist.Stream's: height=, width=, drop_last=, rank=, world_size=, dtype=, mean=,
    std=, zero_copy=, daemon=, ...
    """

    resize_rule = None  # the framework's
    layout = "NHWC"
    arrays = NumpyArrays

    def __init__(self, dataset="fashion-mnist", split="train", batch_size=64, *, shuffle=False,
                 seed=0, resize=None, indices=None, sampler=None, batch_sampler=None, **options):
        said = [name for name, value in (("shuffle", shuffle), ("indices", indices is not None),
                                         ("sampler", sampler), ("batch_sampler", batch_sampler))
                if value is not None and value is not False]
        if len(said) > 1:
            raise ValueError(f"{' and '.join(said)} exclude each other")
        options.setdefault("order", "shuffle" if shuffle else "sequential")
        options.setdefault("label_dtype", "int32")
        options.setdefault("layout", self.layout)
        self._spec = dict(dataset=dataset, split=split, batch_size=batch_size, seed=seed,
                          resize=resize or self.resize_rule, arrays=self.arrays, **options)
        self._sampler, self._batch_sampler = sampler, batch_sampler
        self.stream = Stream(**self._spec)
        if indices is not None:
            self._use_list(numbers(indices))
        self._goes_on = options.get("token") is not None

    def __len__(self):
        """Batches an epoch."""
        if self._batch_sampler is not None:
            return len(self._batch_sampler)
        if self._sampler is not None:
            size = self._spec["batch_size"]
            short = 0 if self._spec.get("drop_last") else size - 1
            return (len(self._sampler) + short) // size
        return len(self.stream)

    def __iter__(self):
        self._begin()
        for batch in self.stream.batches():
            yield batch.images, batch.labels

    def _begin(self):
        if not self._goes_on:
            if self._sampler is not None:
                self._use_list(numbers(self._sampler))
            elif self._batch_sampler is not None:
                batches = [numbers(batch) for batch in self._batch_sampler]
                self._use_list(numpy.concatenate(batches), [len(batch) for batch in batches])
            elif self.stream.step:
                self.stream.seek(self.stream.epoch + 1)
        self._goes_on = False

    def _use_list(self, indices, lengths=None):
        self.stream.close()
        self._list = indices, lengths
        spec = {**self._spec, "order": "list", "token": None}
        self.stream = Stream(list=indices, list_batches=lengths, **spec)

    def set_epoch(self, epoch):
        """The next iteration is this epoch. A sampler that has a set_epoch is told."""
        for sampler in (self._sampler, self._batch_sampler):
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
        if self._sampler is None and self._batch_sampler is None:
            self.stream.seek(epoch)
        self._goes_on = False

    def state_dict(self):
        """The position behind the last batch that was handed out, and the indices where a sampler
        drew them. Best kept in the model's own checkpoint."""
        state = self.stream.state_dict()
        if (self._sampler is not None or self._batch_sampler is not None) and self.stream.step:
            state["list"] = self._list
        return state

    def load_state_dict(self, state):
        if "list" in state:
            self._use_list(*state["list"])
        elif self._sampler is not None or self._batch_sampler is not None:
            return  # between two epochs: the sampler draws the next
        self.stream.load_state_dict({"token": state["token"]})
        self._goes_on = True

    def close(self):
        """Gives the connection back; the next use opens it again."""
        self.stream.close()


def numbers(indices):
    """Numbers in a split, as the daemon takes them."""
    if not hasattr(indices, "__array__") and not isinstance(indices, (list, tuple)):
        indices = list(indices)
    numbers = numpy.asarray(indices)
    if numbers.ndim != 1 or numbers.size and numbers.dtype.kind not in "iu":
        raise ValueError(f"indices: want whole numbers in one row, not {numbers.dtype} "
                         f"of shape {numbers.shape}")
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < 2 ** 32:
        raise ValueError(f"indices: {numbers.min()} to {numbers.max()}, want numbers of images")
    return numbers.astype(numpy.uint32)


def read_split(split, **options):
    """All of a split, in the files' order, as (images, labels), arrays of the caller's."""
    stream = Stream(split=split, **{"batch_size": 1024, "resize": "none", "dtype": "uint8",
                                    "label_dtype": "uint8", "layout": "NHWC", **options})
    images, labels = zip(*stream)
    stream.close()
    return numpy.concatenate(images), numpy.concatenate(labels)
