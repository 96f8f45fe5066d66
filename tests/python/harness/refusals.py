# SPDX-License-Identifier: MIT
"""What cannot be honoured is refused, by its name and with a way out: never done by halves."""
import pickle

import torch
from torch.utils.data import Subset

from fmnist import errors
from fmnist.torch import FashionMNIST, Loader, MapDataset
from harness import orders, trace

# Keywords beside an order's own: (name, value, those it cannot stand beside, words of the refusal).
EXTRAS = [
    ("sampler", [1, 2], {"shuffle", "batch_sampler", "indices", "seed", "rank"}, "sampler"),
    ("batch_sampler", [[1]], {"shuffle", "sampler", "indices", "seed", "rank"}, "batch_sampler="),
    ("shuffle", True, {"sampler", "batch_sampler"}, "shuffle="),
    ("indices", [1, 2], {"sampler", "batch_sampler"}, "indices="),
    ("drop_last", True, {"batch_sampler"}, "drop_last="),
    ("batch_size", 5, {"batch_sampler"}, "batch_size="),
    ("seed", 1, {"sampler", "batch_sampler"}, "seed="),
    ("world_size", 2, {"sampler", "batch_sampler"}, "world_size="),
    ("epoch", 2, {"sampler", "batch_sampler"}, "epoch="),
    ("pad", "drop", {"sampler", "batch_sampler"}, "pad="),
    ("order", "shuffle", {"shuffle", "sampler", "batch_sampler"}, "order="),
    ("generator", torch.Generator(), {"seed"}, "generator="),
    ("transform", abs, None, "transform: the function abs is not known; known are"),
    ("augment", "random-crp(28)", None, 'did you mean "random-crop"'),
    ("draws", "given", None, 'want "torch"'),
    ("draws", "torch", None, "draws= without transform="),
    ("views", 17, None, "views=17"),
    ("views", 2, None, "views= without transform="),
    ("batchsize", 5, None, "did you mean batch_size="),
    ("suffle", True, None, "did you mean shuffle="),
    ("world", 5, None, "no argument world="),
    ("timeout", None, None, "timeout="),
    ("timeout", -1, None, "timeout="),
    ("reconnect", -1, None, "reconnect="),
    ("daemon", "always", None, "daemon="),
    ("data", "/tmp", None, "data="),
    ("layout", "chwn", None, "layout"),
    ("dtype", "float64", None, "dtype"),
    ("resize", "pillow", None, "resize"),
    ("resize", (8, 8, 8), None, "resize="),
    ("mean", (0.1, 0.2), None, "mean"),
    ("std", 0, None, "std"),
    ("label_dtype", "float32", None, "label"),
    ("dataset", "Tiny", None, 'did you mean "tiny"'),
    ("split", "validation", None, "train, test"),
    ("fold", 1, None, "fold= and folds= go together"),
    ("held_out", True, None, "held_out= without fold="),
    ("classes", 3, None, "classes=3: want labels"),
]


def _conflict(order, name, value, beside, words):
    def run(daemon):
        generators = [torch.Generator() for _ in range(order.generators)]
        said = order.words(generators, order.samples)
        if name in said or beside is not None and not beside & said.keys():
            return "none", ""
        if "dataset" in said and name in ("fold", "held_out", "classes", "dataset", "split", "data", "daemon", "reconnect",
                                          "layout", "dtype", "resize", "mean", "std",
                                          "label_dtype", "timeout"):
            words_now = name if value not in (None, -1, "always") else words
        elif "transform" in said and name in ("augment", "draws", "views"):
            words_now = "exclude each other" if name == "augment" else words
            if "without" in words:
                return "none", ""
        else:
            words_now = words
        named = {} if "dataset" in said else {"dataset": "tiny", "split": "train"}
        options = {**named, **said, name: value}
        return _refused(lambda: list(Loader(**options)), words_now)

    return run


def _refused(what, *words):
    try:
        what()
    except (ValueError, TypeError, NotImplementedError, RuntimeError, LookupError,
            errors.Error) as error:
        trace.forget(error)
        missing = [word for word in words if word not in str(error)]
        return ("different", f"{type(error).__name__}: {error!s:.200}, without {missing}") \
            if missing else ("refused", "")
    return "different", "it was accepted"


def _loader(**words):
    return Loader(**{"dataset": "tiny", **words})


def _after(count, **words):
    loader = _loader(**words)
    for _ in zip(range(count), loader):
        pass
    return loader


def _load(state, **words):
    _loader(**words).load_state_dict(state)


def _inside_workers(**words):
    list(torch.utils.data.DataLoader(_loader(**words), batch_size=None, num_workers=1))


SINGLE = {
    "indices-none": (lambda: _loader(indices=[]), "indices"),
    "indices-far": (lambda: list(_loader(indices=[103])), "103"),
    "indices-negative": (lambda: _loader(indices=[-1]), "-1"),
    "indices-real": (lambda: _loader(indices=[0.5]), "whole numbers"),
    "mask-short": (lambda: _loader(indices=[True, False]), "103"),
    "mask-of-nothing": (lambda: _loader(indices=[False] * 103), "indices"),
    "subset-twice": (lambda: Loader(Subset(MapDataset(dataset="tiny"), [1]), indices=[1]),
                     "indices= and a Subset"),
    "subset-of-another": (lambda: Loader(Subset(range(9), [1])), "MapDataset"),
    "a-data-set-of-others": (lambda: Loader([1, 2]), "MapDataset"),
    "map-and-resize": (lambda: Loader(MapDataset(dataset="tiny"), resize=4), "resize="),
    "resize-and-height": (lambda: _loader(resize=4, height=4), "height="),
    "rank-alone": (lambda: _loader(rank=1), "world_size="),
    "rank-far": (lambda: _loader(rank=2, world_size=2), "rank"),
    "epoch-alone": (lambda: _loader(shuffle=True, epoch=2), "seed="),
    "state-empty": (lambda: _load({}), "state"),
    "state-none": (lambda: _load(None), "state"),
    "state-of-a-stream": (lambda: _load({"token": b""}), "state"),
    "state-of-another-split": (lambda: _load(_after(2).state_dict(), split="test"), "token"),
    "state-of-another-size": (lambda: _load(_after(2, batch_size=4).state_dict(), batch_size=5),
                              "token"),
    "state-of-another-seed": (lambda: _load(
        _after(2, shuffle=True, seed=1, batch_size=4).state_dict(), shuffle=True, seed=2,
        batch_size=4), "seed 2"),
    "state-with-generators": (lambda: _load(
        _after(1, shuffle=True, generator=torch.Generator()).state_dict(), shuffle=True), "generators"),
    "state-by-dataloader": (lambda: _loader(collate_fn=list).state_dict(), "collate_fn="),
    "workers-collate": (lambda: _inside_workers(collate_fn=list), "collate_fn="),
    "workers-generator": (lambda: _inside_workers(shuffle=True, generator=torch.Generator()),
                          "generator"),
    "workers-persistent-without": (lambda: _loader(persistent_workers=True), "persistent_workers"),
    "prefetch-without-workers": (lambda: _loader(prefetch_factor=2), "prefetch_factor"),
    "state-loaded-outside": (lambda: _outside(), "was loaded outside"),
    "chapter-unknown": (lambda: FashionMNIST(batchsize=3), "did you mean batch_size="),
    "map-unknown": (lambda: MapDataset(transfrom=None), "did you mean transform="),
    "map-far": (lambda: MapDataset(dataset="tiny")[103], "103"),
    "map-transform-unknown-size": (lambda: MapDataset(dataset="tiny", resize="big")[0], "resize"),
}


def _outside():
    loader = _loader(shuffle=True, seed=1, batch_size=8)
    loader.load_state_dict(pickle.loads(pickle.dumps(
        _after(2, shuffle=True, seed=1, batch_size=8).state_dict())))
    list(torch.utils.data.DataLoader(loader, batch_size=None, num_workers=1))


def all():
    """(name, run) of each."""
    for order in orders.ORDERS:
        for number, (name, value, beside, words) in enumerate(EXTRAS):
            yield f"refusal/{name}-{number}/{order.name}", _conflict(order, name, value, beside,
                                                                     words)
    for name, (what, words) in SINGLE.items():
        yield f"refusal/{name}", lambda daemon, what=what, words=words: _refused(what, words)
