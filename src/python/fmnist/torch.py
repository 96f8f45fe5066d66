# SPDX-License-Identifier: MIT
"""PyTorch: batches as tensors, in the order that DataLoader would give.

    from fmnist.torch import FashionMNIST

    data = FashionMNIST(batch_size=64, resize=(32, 32))      # the chapter's data module
    for X, y in data.train_dataloader(): ...

    loader = Loader(batch_size=64, shuffle=True, height=32, width=32)
"""
import inspect
from collections.abc import Sequence
from typing import Any

from fmnist import _chapter
from fmnist._spec import check_names
from fmnist._torch_loader import Loader
from fmnist._torch_samples import MapDataset, pillow_rule
from fmnist._torch_upload import Upload

__all__ = ["FashionMNIST", "Loader", "MapDataset", "Upload", "pillow_rule"]


class FashionMNIST(_chapter.DataModule):
    """The data module of "The Image Classification Dataset". Keywords beyond the chapter's are
    Loader's, for both splits; those that say how images are hold for .train and .val, too.

    resize is (height, width), in pixels, or one number for both. .train and .val are MapDatasets, of the training set and
    of the test set; with fold= and folds= of what a fold of the training set trains on, and holds out.

    Errors: TypeError for an unknown keyword, and for those that a data module says itself; those of
    Loader.
    """

    _d2l = "d2l.torch"
    # Said by the module itself, for each of its two loaders.
    _of_modules = ("split", "held_out", "shuffle", "order", "indices", "sampler", "batch_sampler", "epoch",
                   "height", "width")
    _of_samples = ("dataset", "dtype", "layout", "channels", "mean", "std", "label_dtype",
                   "with_indices", "transform", "target_transform", "socket", "daemon", "data", "timeout",
                   "reconnect")

    def __init__(self, batch_size: int = 64, resize: int | Sequence[int] = (28, 28),
                 **options: Any) -> None:
        for name in self._of_modules:
            if name in options:
                raise TypeError(f"fmnist.torch.FashionMNIST has no argument {name}=: it has two "
                                "loaders, one shuffled and one in order; make a Loader for another")
        check_names(options, inspect.signature(Loader).parameters, "fmnist.torch.FashionMNIST")
        size = (resize, resize) if isinstance(resize, int) else tuple(resize)
        super().__init__(batch_size, size, **options)
        given = {name: self.options.pop(name) for name in self._of_samples if name in self.options}
        self._where = given
        self.train = MapDataset(self._split(True), resize=self.resize, **given)
        self.val = MapDataset(self._split(False), resize=self.resize, **given)

    def get_dataloader(self, train: bool) -> Loader:
        """Shuffled for training, ordered for validation: one loader for each, a new one where
        .train, .val or .batch_size are others since."""
        made: Loader | None = self._loaders.get(bool(train))
        data = self.train if train else self.val
        if made is not None and (made._given is not data or made.batch_size != self.batch_size):
            del self._loaders[bool(train)]
        found: Loader = super().get_dataloader(train)
        return found

    def _loader(self, train: bool) -> Loader:
        return Loader(self.train if train else self.val, batch_size=self.batch_size, shuffle=train,
                      **self.options)


def _shown() -> inspect.Signature:
    """FashionMNIST.__init__'s, with the Loader's keywords in the place of **options."""
    own = inspect.signature(FashionMNIST.__init__)
    named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    return own.replace(parameters=named + [
        p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(Loader).parameters.values()
        if p.name not in (*own.parameters, *FashionMNIST._of_modules)])


FashionMNIST.__init__.__signature__ = _shown()  # type: ignore[attr-defined]

for _public in (Loader, MapDataset, Upload, pillow_rule):
    _public.__module__ = __name__  # where help() and pickles name them
