# SPDX-License-Identifier: MIT
"""A Loader's transform=, augment=, draws= and views=. That whole epochs are DataLoader's, by
whatever order, workers and event, is the harness'; here is what has no stock loader beside it."""

import copy
import hashlib
import json
import pathlib
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision_here")

from torch.utils.data import (DataLoader, RandomSampler, Subset,  # noqa: E402
                              WeightedRandomSampler, random_split)
from torchvision_here import transforms as T, v2  # noqa: E402

import fmnist  # noqa: E402
from fmnist import _native, _torch_check, errors  # noqa: E402
from fmnist.torch import FashionMNIST, Loader, MapDataset, Upload  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "augment_loader.json"


def crop_flip(normalize=True):
    return T.Compose([T.RandomCrop(28, padding=4), T.RandomHorizontalFlip(), T.ToTensor(),
                      *([T.Normalize((0.2860,), (0.3530,))] if normalize else [])])


def ours(**options):
    return Loader(**{"split": "test", "indices": range(300), "with_indices": True, **options})


def bytes_of(batches):
    return [tuple(np.asarray(part).tobytes() for part in batch) for batch in batches]


def by_number(batches):
    """The bytes of each sample, by its number."""
    return {int(n): image.numpy().tobytes() for images, _, numbers in batches
            for image, n in zip(images, numbers)}


# ---- the records of the real libraries

def _transform(record):
    api = {"v1": T, "v2": v2}[record["api"]]
    makers = {
        "random-crop": lambda **t: api.RandomCrop(**t),
        "random-horizontal-flip": lambda **t: api.RandomHorizontalFlip(**t),
        "random-rotation": lambda interpolation, **t: api.RandomRotation(
            interpolation=T.InterpolationMode(interpolation), **t),
        "random-erasing": lambda **t: api.RandomErasing(**t),
        "to-tensor": lambda: T.ToTensor(), "to-image": lambda: v2.ToImage(),
        "to-dtype": lambda **t: v2.ToDtype(torch.float32, scale=True),
        "normalize": lambda **t: api.Normalize(**t),
    }
    return T.Compose([makers[t["op"]](**{k: v for k, v in t.items() if k != "op"})
                      for t in record["transforms"]])


def _seen(record):
    """A digest of all that the record's passes give: numbers, images, labels, generator."""
    torch.manual_seed(int(record["seed"]))
    seed = record["generator_seed"]
    generator = None if seed is None else torch.Generator().manual_seed(int(seed))
    images = record["images"]
    loader = Loader(
        batch_size=record["batch_size"], shuffle=record["shuffle"], drop_last=record["drop_last"],
        generator=generator, num_workers=record["num_workers"], with_indices=True,
        persistent_workers=record["persistent_workers"], prefetch_factor=record["prefetch_factor"],
        indices=[images["first"] + images["step"] * i for i in range(images["count"])],
        transform=_transform(record))
    seen = hashlib.sha256()
    for stop_after in record["passes"]:
        for n, (x, y, numbers) in enumerate(loader):
            if record["loop_draw"]:
                torch.rand(1)
            positions = (numbers - images["first"]).div(images["step"], rounding_mode="floor")
            for tensor in (positions, x, y, torch.get_rng_state()):
                seen.update(hashlib.sha256(tensor.numpy().tobytes()).digest())
            if n + 1 == stop_after:
                break
        seen.update(hashlib.sha256(torch.get_rng_state().numpy().tobytes()).digest())
    return seen.hexdigest()


@pytest.mark.parametrize("record", json.loads(GOLDEN.read_text()) if GOLDEN.exists() else [],
                         ids=lambda record: record["name"])
def test_loader__records_of_the_real_libraries__the_same_bytes(daemon, record):
    assert _seen(record) == record["sha256"]


# ---- a transform, wherever it stands

class Stock(torch.utils.data.Dataset):
    """torchvision's FashionMNIST, but for where the files are."""

    def __init__(self, raw, transform):
        self.raw, self.transform = raw, transform

    def __len__(self):
        return 300

    def __getitem__(self, i):
        from PIL import Image

        return self.transform(Image.fromarray(self.raw[0][i])), int(self.raw[1][i]), i


def stock(raw, transform, **options):
    torch.manual_seed(5)
    return bytes_of(DataLoader(Stock(raw, transform), **options)), torch.get_rng_state()


@pytest.mark.parametrize("where", [
    lambda t: ours(transform=t, batch_size=50, shuffle=True),
    lambda t: ours(transform=t, batch_size=50, shuffle=True, zero_copy=True),
    lambda t: ours(transform=t, batch_size=50, shuffle=True, transport="inline"),
    lambda t: Loader(Subset(MapDataset("test", transform=t, with_indices=True), range(300)),
                     batch_size=50, shuffle=True),
    lambda t: Loader(Subset(MapDataset("test", with_indices=True), range(300)), batch_size=50,
                     shuffle=True, transform=t),
    lambda t: _set_later(ours(batch_size=50, shuffle=True), t),
    lambda t: copy.copy(ours(batch_size=50, shuffle=True, transform=t)),
    lambda t: pickle.loads(pickle.dumps(ours(batch_size=50, shuffle=True, transform=t))),
], ids=["loader", "zero-copy", "inline", "map", "of-a-subset", "later", "copied", "pickled"])
def test_transform__wherever_it_is_said__as_dataloader(daemon, raw_test, where):
    theirs, behind = stock(raw_test, crop_flip(), batch_size=50, shuffle=True)
    loader = where(crop_flip())
    assert not loader._by_dataloader()
    torch.manual_seed(5)
    assert bytes_of(loader) == theirs and torch.equal(torch.get_rng_state(), behind)


def _set_later(loader, transform):
    loader.dataset.dataset.transform = transform
    return loader


@pytest.mark.parametrize("options", [
    {"batch_size": None}, {"batch_size": 20, "collate_fn": lambda samples: samples[0]}],
    ids=["single", "collate"])
def test_transform__samples_one_by_one__dataloader_reads_them(daemon, raw_test, options):
    theirs, behind = stock(raw_test, crop_flip(), **options)
    theirs = [batch[0] for batch in theirs]
    torch.manual_seed(5)
    got = [batch[0].numpy().tobytes() for batch in ours(transform=crop_flip(), **options)]
    assert got == theirs and torch.equal(torch.get_rng_state(), behind)
    text = "random-crop(28, padding=4) random-horizontal-flip to-tensor normalize(0.286, 0.353)"
    torch.manual_seed(5)
    got = [batch[0].numpy().tobytes() for batch in ours(augment=text, **options)]
    assert got == theirs and torch.equal(torch.get_rng_state(), behind)


def test_transform__not_known_and_set_later__dataloader_reads_it(daemon, raw_test):
    blurred = T.Compose([T.GaussianBlur(3), T.ToTensor()])
    theirs, behind = stock(raw_test, blurred, batch_size=50)
    loader = _set_later(ours(batch_size=50), blurred)
    torch.manual_seed(5)
    assert bytes_of(loader) == theirs and torch.equal(torch.get_rng_state(), behind)
    with pytest.raises(RuntimeError, match="DataLoader itself reads"):
        loader.state_dict()


def test_transform__resized_first__as_resize_in_it(daemon, raw_test):
    theirs, _ = stock(raw_test, T.Compose([T.Resize((32, 30)), *crop_flip().transforms]),
                      batch_size=50, shuffle=True)
    torch.manual_seed(5)
    assert bytes_of(ours(transform=crop_flip(), batch_size=50, shuffle=True,
                         resize=(32, 30))) == theirs
    torch.manual_seed(5)
    samples = Subset(MapDataset("test", crop_flip(), resize=(32, 30), with_indices=True), range(300))
    assert bytes_of(DataLoader(samples, 50, shuffle=True)) == theirs


def test_transform__another_between_epochs__is_the_next_ones(daemon, raw_test):
    loader = ours(transform=crop_flip(), batch_size=50)
    list(loader)
    other = T.Compose([T.CenterCrop(20), T.PILToTensor()])
    loader.dataset.dataset.transform = other
    theirs, _ = stock(raw_test, other, batch_size=50)
    assert bytes_of(loader) == theirs


def test_transform__a_part_of_random_split__its_own(daemon, raw_test):
    torch.manual_seed(8)
    data = MapDataset("test", with_indices=True)
    train, val = random_split(data, [200, len(data) - 200])
    ours_train = Loader(train, batch_size=40, shuffle=True, transform=crop_flip(), num_workers=2)
    plain = Loader(val, batch_size=40)
    assert data.transform is None and plain.dataset is val
    torch.manual_seed(5)
    got = bytes_of(ours_train)
    whole = Stock(raw_test, crop_flip())
    torch.manual_seed(5)
    assert got == bytes_of(DataLoader(Subset(whole, train.indices), 40, shuffle=True, num_workers=2))


def test_transform__in_the_chapters_module__of_both_loaders(daemon, raw_test):
    data = FashionMNIST(batch_size=50, transform=T.Compose([T.Pad(1), T.ToTensor()]))
    images, _ = next(iter(data.val_dataloader()))
    assert images.shape == (50, 1, 30, 30)
    assert images[0, 0, 1:-1, 1:-1].mul(255).round().byte().numpy().tobytes() == raw_test[0][0].tobytes()
    assert data.val_dataloader() is data.val_dataloader()


def test_transform__within_a_dataloaders_workers__each_draws_its_own(daemon, raw_test):
    theirs, behind = stock(raw_test, crop_flip(), batch_size=50, num_workers=2)
    torch.manual_seed(5)
    loader = ours(transform=crop_flip(), batch_size=50)
    got = bytes_of(DataLoader(loader, batch_size=None, num_workers=2))
    assert got == theirs and torch.equal(torch.get_rng_state(), behind)


# ---- refused

@pytest.mark.parametrize("options, error, words", [
    (dict(transform=T.RandomCrop(28)), TypeError, "gives PIL images"),
    (dict(transform=T.GaussianBlur(3)), NotImplementedError, "transform: GaussianBlur is not known"),
    (dict(transform=T.Compose([T.ToTensor(), T.RandomCrop(30)])), errors.InvalidSpec,
     r"transform\[1\], RandomCrop: size 30 x 30"),
    (dict(transform=crop_flip(), augment="pad(1)"), ValueError, "exclude each other"),
    (dict(transform=crop_flip(), mean=0.5), ValueError, "mean= beside transform="),
    (dict(transform=crop_flip(), dtype="float16", layout="NHWC"), ValueError,
     "dtype= and layout= beside transform="),
    (dict(augment="pad(1) to-tensor normalize(0.5, 0.5)", mean=0.5), errors.InvalidSpec, "mean"),
    (dict(augment="pad(1) to-tensor", dtype="uint8"), errors.InvalidSpec, "dtype|uint8"),
    (dict(augment="pad()"), errors.InvalidSpec, "augment, character 1: pad"),
    (dict(transform=crop_flip(), draws="given"), ValueError, 'draws=\'given\': want "torch"'),
    (dict(transform=crop_flip(), draws="counter", shuffle=True), ValueError, "seed="),
    (dict(transform=crop_flip(), views=0), ValueError, "views=0: want 1 to 16"),
    (dict(draws="counter"), ValueError, "draws= without transform= or augment="),
    (dict(transform=crop_flip(), num_workers=2, in_order=False), ValueError, "in_order=False"),
    (dict(transform=crop_flip(), draws="counter", collate_fn=list), ValueError,
     "draws=\"counter\" beside collate_fn="),
    (dict(transform=crop_flip(), views=2, batch_size=None), ValueError, "views= beside"),
])
def test_loader__what_cannot_be_done__refused_by_name(daemon, options, error, words):
    with pytest.raises(error, match=words):
        list(ours(**options))


def test_loader__a_map_and_another_transform__refused(daemon):
    own = crop_flip()
    data = MapDataset("test", own)
    assert Loader(data, transform=own).dataset.transform is own
    with pytest.raises(ValueError, match="the MapDataset says that already"):
        Loader(data, transform=crop_flip())
    with pytest.raises(ValueError, match="beside the MapDataset's transform="):
        Loader(data, augment="pad(1)")
    with pytest.raises(ValueError, match="mean= beside transform="):
        MapDataset("test", own, mean=0.5)


def test_state__of_another_chain_or_number_of_workers__refused(daemon):
    state = ours(transform=crop_flip(), num_workers=2).state_dict()
    with pytest.raises(ValueError, match="drawn by 2 workers; this one has .*drawn by 3 workers"):
        ours(transform=crop_flip(), num_workers=3).load_state_dict(state)
    with pytest.raises(ValueError, match="augmented by"):
        ours(transform=crop_flip(False), num_workers=2).load_state_dict(state)
    ours(transform=crop_flip(), num_workers=2).load_state_dict(state)


# ---- a check of the libraries that are installed

@pytest.fixture
def unchecked(monkeypatch):
    monkeypatch.setattr(_torch_check, "_checked", set())


def test_check__libraries_as_they_are__nothing_moves(daemon, unchecked):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    loader = ours(transform=T.Compose([
        T.RandomApply([T.RandomAffine(10, (0.1, 0.1))]), T.RandomResizedCrop(20),
        T.TrivialAugmentWide(), T.ToTensor(), T.RandomErasing()]))
    loader._prepare().check()
    assert torch.equal(torch.get_rng_state(), before)
    assert _torch_check._checked


def test_check__another_torch__refused_by_its_version(daemon, unchecked, monkeypatch):
    of_torch = torch.randint
    monkeypatch.setattr(torch, "randint", lambda low, high, size, **options: of_torch(
        low, high, size, dtype=torch.int32, **options) ^ 1)
    with pytest.raises(NotImplementedError, match=r"torch 2\..*randint\(\) draws other numbers"):
        list(ours(transform=crop_flip()))
    assert len(list(ours(transform=crop_flip(), draws="counter"))) == 5
    assert len(list(ours(transform=T.Compose([T.RandomHorizontalFlip(), T.ToTensor()])))) == 5


@pytest.mark.parametrize("method, what", [
    (lambda self, image: T.functional.hflip(image) if torch.rand(1) < self.p else image, "pixels"),
    (lambda self, image: image if torch.rand(2)[0] < 2 else None, "draws")])
def test_check__another_torchvision__refused_at_its_place(daemon, unchecked, monkeypatch, method,
                                                         what):
    monkeypatch.setattr(T.RandomVerticalFlip, "forward", method)
    transform = T.Compose([T.Pad(1), T.Compose([T.RandomVerticalFlip()]), T.ToTensor()])
    with pytest.raises(NotImplementedError, match=(
            rf"transform\[1\]\[0\], RandomVerticalFlip: torchvision 0.* has other {what}")):
        list(ours(transform=transform))


def test_check__another_default_type__refused(daemon):
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(NotImplementedError, match="get_default_dtype"):
            list(ours(transform=crop_flip()))
    finally:
        torch.set_default_dtype(torch.float32)


# ---- counter

def test_counter__any_order_size_and_world__the_same_sample_by_sample(daemon):
    def seen(**options):
        loader = ours(**{"transform": crop_flip(), "draws": "counter", "seed": 3, **options})
        torch.manual_seed(1)
        found = by_number(loader)
        behind = torch.get_rng_state()
        torch.manual_seed(1)  # images draw nothing: as without any augmentation
        own = {"seed": 3} if not {"sampler", "batch_sampler"} & options.keys() else {}
        list(ours(**{**own, **options}))
        assert torch.equal(torch.get_rng_state(), behind)
        return found

    want = seen(batch_size=7)
    assert len(want) == 300 and len(set(want.values())) == 300
    assert seen(batch_size=300, shuffle=True) == want
    assert seen(order="shuffle", num_workers=3) == want
    parts = [seen(rank=r, world_size=3, shuffle=True) for r in range(3)]
    assert {**parts[0], **parts[1], **parts[2]} == want
    asked = seen(indices=None, sampler=RandomSampler(range(50)))
    assert asked == {n: want[n] for n in range(50)}
    asked = seen(indices=None, batch_sampler=Own())
    assert asked == {n: want[n] for n in asked} and len(asked) == 9
    assert seen(seed=4) != want and seen(epoch=1) != want


class Own:
    """Asked batch by batch."""

    def __iter__(self):
        yield from ([3, 1, 2], [8], [20, 4, 11, 299, 5])

    def __len__(self):
        return 3


def test_counter__twins__draws_do_not_depend_on_what_else_is_done(daemon):
    def flipped(text):
        made = np.stack([images.numpy() for images, *_ in ours(
            augment=text, draws="counter", seed=2, batch_size=1, dtype="uint8")])
        plain = np.stack([images.numpy() for images, *_ in ours(batch_size=1, dtype="uint8")])
        return [(a == b).all() for a, b in zip(made, plain[..., ::-1])]

    alone = flipped("random-horizontal-flip")
    assert 100 < sum(alone) < 200
    assert flipped("center-crop(28) random-horizontal-flip(0.5)") == alone
    often = flipped("random-horizontal-flip(0.8)")
    assert all(b for a, b in zip(alone, often) if a)


def test_counter__epochs_of_a_sampler__its_own_or_counted(daemon):
    loader = ours(transform=crop_flip(), draws="counter", seed=3, indices=None,
                  sampler=list(range(40)))
    first, second = by_number(loader), by_number(loader)
    assert first != second
    loader.set_epoch(0)
    assert by_number(loader) == first
    again = ours(transform=crop_flip(), draws="counter", seed=3, indices=None,
                 sampler=list(range(40)), epoch=1)
    assert by_number(again) == second


@pytest.mark.parametrize("options", [
    dict(seed=3, shuffle=True), dict(seed=3, indices=None, sampler=list(range(300))),
    dict(seed=3, indices=None, batch_sampler=Own()),
    dict(seed=3, indices=None, sampler=WeightedRandomSampler(
        [1.0] * 300, 300, generator=torch.Generator()))],
    ids=["shuffle", "numbers", "own", "weighted"])
def test_counter__resumed__goes_on(daemon, options):
    def made():
        if hasattr(options.get("sampler"), "generator"):
            options["sampler"].generator.manual_seed(2)
        return ours(transform=crop_flip(), draws="counter", **{
            **({} if "batch_sampler" in options else {"batch_size": 64}), **options})

    loader = made()
    first, rest = [], []
    list(loader)
    for i, batch in enumerate(loader):
        (first if i < 2 else rest).append(batch)
        if i == 1:
            state = loader.state_dict()
    rest += list(loader)
    resumed = made()
    resumed.load_state_dict(state)
    assert bytes_of([*resumed, *resumed]) == bytes_of(rest)


# ---- views

@pytest.mark.parametrize("how", [{"draws": "counter"}, {}, {"num_workers": 2},
                                 {"batch_sampler": Own(), "indices": None}])
def test_views__each_with_draws_of_its_own__as_one_by_one(daemon, how):
    torch.manual_seed(6)
    loader = ours(transform=crop_flip(), views=2, **how)
    batches = list(loader)
    assert batches[0][0].shape[1:] == (2, 1, 28, 28)
    pairs = torch.cat([batch[0] for batch in batches])
    assert not torch.equal(pairs[:, 0], pairs[:, 1])
    if not how:  # sample by sample, a view behind the other
        torch.manual_seed(6)
        torch.empty((), dtype=torch.int64).random_()
        how_drawn = loader._prepare()
        images, _ = fmnist.arrays("test", indices=range(300))
        made = np.empty((600, 1, 28, 28), np.float32)
        values = how_drawn.from_global(300)
        how_drawn.native.run(np.repeat(images, 2, 0), values, made)
        assert made.tobytes() == pairs.numpy().tobytes()


# ---- a daemon that ends

def test_transform__daemon_gone_and_back__draws_are_not_made_twice(daemon, raw_test, monkeypatch):
    """A batch that could not be read keeps its draws for the next try."""
    theirs, behind = stock(raw_test, crop_flip(), batch_size=50, shuffle=True)
    torch.manual_seed(5)
    loader = ours(transform=crop_flip(), batch_size=50, shuffle=True)
    reader, got = iter(loader), []
    for _ in range(2):
        got.append(next(reader))
    def not_yet(self, indices):
        raise errors.Timeout("not yet")

    with monkeypatch.context() as patched:
        patched.setattr(_native.Stream, "take", not_yet)
        with pytest.raises(errors.Timeout):
            next(reader)
    got += list(loader)  # the rest of it
    assert bytes_of(got) == theirs and torch.equal(torch.get_rng_state(), behind)
