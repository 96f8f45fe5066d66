# SPDX-License-Identifier: MIT
"""sampler=, batch_sampler= and indices= of fmnist.torch against DataLoader's own: the samples, and
every generator after each batch."""

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import (  # noqa: E402
    BatchSampler, DataLoader, DistributedSampler, RandomSampler, SequentialSampler, Subset,
    SubsetRandomSampler, WeightedRandomSampler)

from fmnist.torch import Loader  # noqa: E402

ALL = range(10000)
HALF = list(range(0, 10000, 2))  # one side of a two-fold split


class Ragged:
    """Batches of several lengths, drawn while the epoch runs."""

    def __init__(self, generator):
        self.generator = generator

    def __len__(self):
        return 30

    def __iter__(self):
        for length in range(1, 31):
            yield torch.randint(10000, (length,), generator=self.generator).tolist()


SAMPLERS = {  # from a generator, None for the global one
    "SubsetRandomSampler": lambda g: {"sampler": SubsetRandomSampler(HALF, generator=g)},
    "SubsetRandomSampler, tensor": lambda g: {
        "sampler": SubsetRandomSampler(torch.tensor(HALF[:500]), generator=g)},
    "WeightedRandomSampler": lambda g: {
        "sampler": WeightedRandomSampler(torch.arange(10000.0), 3000, generator=g)},
    "WeightedRandomSampler, drop_last": lambda g: {
        "sampler": WeightedRandomSampler(torch.arange(10000.0), 3000, generator=g),
        "drop_last": True},
    "RandomSampler": lambda g: {"sampler": RandomSampler(ALL, generator=g)},
    "RandomSampler, two rounds and a half": lambda g: {
        "sampler": RandomSampler(ALL, num_samples=25000, generator=g)},
    "RandomSampler, replacement": lambda g: {
        "sampler": RandomSampler(ALL, replacement=True, num_samples=1000, generator=g)},
    "SequentialSampler": lambda g: {"sampler": SequentialSampler(ALL)},
    "BatchSampler": lambda g: {
        "batch_sampler": BatchSampler(SubsetRandomSampler(HALF, generator=g), 33, False)},
    "ragged, from the global one": lambda g: {
        "batch_sampler": [[1, 2, 3], [4], [5, 5]], "generator": g},
    "a list": lambda g: {"sampler": HALF[::-1]},
    "a tensor": lambda g: {"sampler": torch.tensor([9999, 3, 3] * 50)},
    "shuffle": lambda g: {"shuffle": True, "generator": g},
    "shuffle, drop_last": lambda g: {"shuffle": True, "generator": g, "drop_last": True},
}


def ours(**options):
    options.setdefault("batch_size", 64)
    return Loader(split="test", resize="none", dtype="uint8", with_indices=True, **options)


def theirs(**options):
    if "batch_sampler" not in options:
        options.setdefault("batch_size", 64)
    return DataLoader(ALL, **options)


def state(generator):
    return torch.get_rng_state() if generator is None else generator.get_state()


def trace(loader, generator, lengths):
    """The batches of epochs of which so many batches are read (None: all), and the generator's
    state behind every one of them."""
    seen = []
    for length in lengths:
        for i, batch in enumerate(loader):
            numbers = batch[2] if isinstance(batch, list) else batch
            seen += [numbers.tolist(), hash(state(generator).numpy().tobytes())]
            if i + 1 == length:
                break
        seen += ["end", hash(state(generator).numpy().tobytes())]
    return seen


@pytest.mark.parametrize("own", [False, True], ids=["global", "generator"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler__whole_and_broken_off_epochs__as_DataLoader(daemon, name, own):
    seen = []
    for loader in (theirs, ours):
        torch.manual_seed(5)
        generator = torch.Generator().manual_seed(7) if own else None
        made = loader(**SAMPLERS[name](generator))
        seen += [[len(made), *trace(made, generator, (None, 2, None, 1, 3, None))]]
    assert seen[0] == seen[1]


def test_ragged__drawn_while_the_epoch_runs__generator_goes_with_the_batches(daemon):
    seen = []
    for loader in (theirs, ours):
        generator = torch.Generator().manual_seed(3)
        seen.append(trace(loader(batch_sampler=Ragged(generator)), generator, (None, 4, None)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("own", [False, True], ids=["global", "generator"])
def test_sampler__generator_of_DataLoaders_own_too__both_go_on_as_there(daemon, own):
    seen = []
    for loader in (theirs, ours):
        torch.manual_seed(5)
        g, h = (torch.Generator().manual_seed(i) for i in (1, 2))
        made = loader(sampler=SubsetRandomSampler(HALF, generator=g if own else h), generator=g)
        seen += [trace(made, g, (None, 2, None)), trace(made, h, (3,))]
    assert seen[:2] == seen[2:]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("own", [False, True], ids=["global", "generator"])
def test_indices__a_folds_half__as_DataLoader_of_a_Subset(daemon, shuffle, own):
    seen = []
    for ours_too in (False, True):
        torch.manual_seed(5)
        g = torch.Generator().manual_seed(7) if own and shuffle else None
        made = (ours(indices=np.array(HALF), shuffle=shuffle, generator=g) if ours_too else
                DataLoader(Subset(ALL, HALF), 64, shuffle=shuffle, generator=g))
        seen += [[len(made), *trace(made, g, (None, 2, None))]]
    assert seen[0] == seen[1]


def test_sampler__DistributedSampler__told_its_epoch(daemon):
    def make():
        return DistributedSampler(ALL, 3, 1, seed=4)

    got, want = ours(sampler=make()), make()
    for epoch in (0, 3):
        got.set_epoch(epoch)
        want.set_epoch(epoch)
        assert sum((n.tolist() for _, _, n in got), []) == list(want)


def test_images__ragged_batches_and_repeats__those_of_the_indices(daemon, raw_test):
    batches = [[7], [9999, 0, 0], [7, 7]]
    for options in ({}, {"zero_copy": True}):
        for (X, y, n), want in zip(ours(batch_sampler=batches, **options), batches):
            assert n.tolist() == want and y.tolist() == raw_test[1][want].tolist()
            assert (X[:, 0].numpy() == raw_test[0][want]).all()


# ---- going on ---------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [False, True], ids=["global", "generator"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_state__inside_an_epoch__rest_and_later_epochs(daemon, name, own):
    torch.manual_seed(5)
    generator = torch.Generator().manual_seed(7) if own else None
    loader = ours(**SAMPLERS[name](generator))
    list(loader)
    batches = iter(loader)
    next(batches)
    file = io.BytesIO()
    torch.save({"loader": loader.state_dict(), "random": torch.get_rng_state(),
                "generator": None if generator is None else generator.get_state()}, file)
    want = [b[2].tolist() for b in batches] + trace(loader, generator, (2, None))

    file.seek(0)
    kept = torch.load(file, weights_only=True)
    torch.manual_seed(99)
    generator = torch.Generator().manual_seed(98) if own else None
    other = ours(**SAMPLERS[name](generator))
    torch.set_rng_state(kept["random"])
    if own:
        generator.set_state(kept["generator"])
    other.load_state_dict(kept["loader"])
    got = [b[2].tolist() for b in other] + trace(other, generator, (2, None))
    assert got == want


def test_state__between_epochs__the_sampler_is_asked(daemon):
    loader = ours(sampler=SubsetRandomSampler(HALF))
    for when in range(2):
        kept = loader.state_dict()
        torch.manual_seed(when)
        want = [b[2].tolist() for b in loader]
        other = ours(sampler=SubsetRandomSampler(HALF))
        other.load_state_dict(kept)
        torch.manual_seed(when)
        assert [b[2].tolist() for b in other] == want


def test_state__another_daemon__goes_on_with_the_list_in_it(daemon, private_daemon):
    loader = ours(sampler=SubsetRandomSampler(HALF))
    batches = iter(loader)
    next(batches)
    kept = loader.state_dict()
    other = ours(sampler=SubsetRandomSampler(HALF), socket=str(private_daemon))
    other.load_state_dict(kept)
    assert [b[2].tolist() for b in other] == [b[2].tolist() for b in batches]


# ---- what cannot be ---------------------------------------------------------------------------


def test_empty_sampler__no_batch(daemon):
    assert list(ours(sampler=SubsetRandomSampler([]))) == []


def test_sampler__in_a_worker__said(daemon):
    with pytest.raises(RuntimeError, match="num_workers=0"):
        list(DataLoader(ours(sampler=SubsetRandomSampler(HALF)), batch_size=None, num_workers=1))


@pytest.mark.parametrize("workers", [0, 2])
def test_indices__in_dataloader__each_batch_once_in_order(daemon, workers):
    inside = DataLoader(ours(indices=HALF), batch_size=None, num_workers=workers)
    assert sum((n.tolist() for _, _, n in inside), []) == HALF


@pytest.mark.parametrize("options, names", [
    (dict(shuffle=True, sampler=SequentialSampler(ALL)), "shuffle= and sampler="),
    (dict(indices=[1], batch_sampler=[[1]]), "indices= and batch_sampler="),
    (dict(indices=[1], sampler=[2]), "indices= and sampler="),
    (dict(shuffle=True, order="torch"), "shuffle= and order="),
    (dict(batch_sampler=[[1]], drop_last=True), "batch_sampler= and drop_last="),
    (dict(sampler=SequentialSampler(ALL), world_size=2), "world_size="),
    (dict(shuffle=True, seed=1, generator=torch.Generator()), "without seed=")])
def test_loader__two_ways_to_choose__refused(options, names):
    with pytest.raises(ValueError, match=names):
        Loader(**options)


def test_indices__beyond_the_split__said(daemon):
    with pytest.raises(ValueError, match="10000"):
        list(ours(sampler=[10000]))
