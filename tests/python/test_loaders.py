# SPDX-License-Identifier: MIT
"""What the loaders that are not PyTorch's share: which samples, epochs, states, iterators side by
side, and what they refuse. By JAX's, whose arrays are NumPy's."""
import inspect
import pickle

import numpy
import pytest

pytest.importorskip("jax")

from fmnist import errors
from fmnist.jax import FashionMNIST, Iterator, Loader, iterator

SOME = numpy.arange(9000, 4000, -7)  # 715 numbers of the test split


class Drawn:
    """A sampler of 500 numbers, anew in each epoch."""

    def __init__(self, seed=3):
        self.random = numpy.random.default_rng(seed)

    def __len__(self):
        return 500

    def __iter__(self):
        return iter(self.random.integers(0, 10000, 500).tolist())


class Lengths(Drawn):
    """A batch sampler of four batches, of several lengths."""

    def __len__(self):
        return 4

    def __iter__(self):
        return iter(numpy.split(self.random.integers(0, 10000, 500), [100, 101, 400]))


def shuffled(count, seed, epoch):
    """The daemon's order "torch": what DistributedSampler draws."""
    torch = pytest.importorskip("torch")
    generator = torch.Generator()
    generator.manual_seed(seed + epoch)
    return torch.randperm(count, generator=generator).numpy()


def shard(order, rank, world_size):
    """DistributedSampler's rule, padded from the beginning."""
    total = -(-len(order) // world_size) * world_size
    return numpy.resize(order, total)[rank::world_size]


def drawn_by(sampler, epoch):
    for _ in range(epoch):
        iter(sampler)
    return list(sampler)


ALL = numpy.arange(10000)
# How the order is said, and the numbers of epoch e by the documented rule.
ORDERS = {
    "files": (lambda: {}, lambda e: ALL),
    "torch": (lambda: dict(order="torch", seed=5), lambda e: shuffled(10000, 5, e)),
    "indices": (lambda: dict(indices=SOME), lambda e: SOME),
    "mask": (lambda: dict(indices=numpy.isin(ALL, SOME)), lambda e: numpy.sort(SOME)),
    "indices-torch": (lambda: dict(indices=SOME, order="torch", seed=5),
                      lambda e: SOME[shuffled(715, 5, e)]),
    "shard": (lambda: dict(order="torch", seed=5, rank=1, world_size=3),
              lambda e: shard(shuffled(10000, 5, e), 1, 3)),
    "indices-shard": (lambda: dict(indices=SOME, rank=1, world_size=3),
                      lambda e: shard(SOME, 1, 3)),
    "indices-torch-shard": (lambda: dict(indices=SOME, order="torch", seed=5, rank=2, world_size=3),
                            lambda e: shard(SOME[shuffled(715, 5, e)], 2, 3)),
    "sampler": (lambda: dict(sampler=Drawn()), lambda e: drawn_by(Drawn(), e)),
    "batch_sampler": (lambda: dict(batch_sampler=Lengths()), lambda e: drawn_by(Lengths(), e)),
}


def sizes(order, drop_last):
    """(the keywords of batches, the batch size)."""
    if order == "batch_sampler":
        return {}, None
    size = 1500 if order in ("files", "torch", "shard") else 70
    return dict(batch_size=size, drop_last=drop_last), size


def expected(order, drop_last, epoch):
    """The batches of numbers."""
    found, (_, size) = ORDERS[order][1](epoch), sizes(order, drop_last)
    if size is None:
        return [numpy.asarray(batch) for batch in found]
    batches = [found[i:i + size] for i in range(0, len(found), size)]
    return [b for b in batches if len(b) == size or not drop_last]


def is_of(batch, numbers, raw):
    images, labels = batch
    pixels = raw[0][numbers] / numpy.float32(255)
    return (images[..., 0] == pixels).all() and (labels == raw[1][numbers]).all()


def are_of(batches, numbers, raw):
    return len(batches) == len(numbers) and all(map(is_of, batches, numbers, [raw] * len(batches)))


def make(order, drop_last=False, kind=Loader, **more):
    return kind(split="test", **ORDERS[order][0](), **sizes(order, drop_last)[0], **more)


# ---- which samples ------------------------------------------------------------------------------


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_loader__three_epochs__as_the_rule_says(daemon, raw_test, order, drop_last):
    if order == "batch_sampler" and drop_last:
        return
    loader = make(order, drop_last)
    for epoch in range(3):
        want = expected(order, drop_last, epoch)
        assert len(loader) == len(want)
        assert are_of(list(loader), want, raw_test)


@pytest.mark.parametrize("order", ["torch", "indices-torch", "indices-torch-shard"])
def test_set_epoch__in_any_sequence__that_epoch_then_the_next(daemon, raw_test, order):
    loader = make(order)
    for epoch in (0, 5, 5, 2):
        loader.set_epoch(epoch)
        assert are_of(list(loader), expected(order, False, epoch), raw_test)
    assert are_of(list(loader), expected(order, False, 3), raw_test)


@pytest.mark.parametrize("order", ORDERS)
def test_epochs__behind_the_last__nothing(daemon, raw_test, order):
    assert [len(list(loader)) > 0 for loader in [make(order, epochs=2)] * 4] == [1, 1, 0, 0]
    want = [batch for e in range(2) for batch in expected(order, False, e)]
    got = [(b["image"], b["label"]) for b in make(order, kind=Iterator, epochs=2)]
    assert are_of(got, want, raw_test)


def test_epoch__given__is_the_first(daemon, raw_test):
    loader = make("torch", epoch=4, epochs=1)
    assert are_of(list(loader), expected("torch", False, 4), raw_test)
    assert not list(loader)


@pytest.mark.parametrize("shuffle", [False, True])
def test_shuffle__of_indices__a_permutation_of_the_seed(daemon, raw_test, shuffle):
    spec = dict(split="test", batch_size=100, indices=SOME, shuffle=shuffle)
    runs = [numpy.concatenate([y for _, y in Loader(**spec, seed=s)]) for s in (1, 1, 2)]
    assert (runs[0] == runs[1]).all()
    assert (runs[0] == runs[2]).all() != shuffle
    assert (numpy.sort(runs[0]) == numpy.sort(raw_test[1][SOME])).all()


# ---- iterators ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_iterators__side_by_side__an_epoch_each(daemon, raw_test, order):
    loader = make(order)
    pairs = list(zip(loader, loader))
    for epoch, batches in enumerate(zip(*pairs)):
        assert are_of(batches, expected(order, False, epoch), raw_test)


@pytest.mark.parametrize("order", ORDERS)
def test_iterator__within_another_one__both_whole(daemon, raw_test, order):
    loader = make(order)
    outer = []
    for batch in loader:
        outer.append(batch)
        if len(outer) == 2:
            assert are_of(list(loader), expected(order, False, 1), raw_test)
    assert are_of(outer, expected(order, False, 0), raw_test)
    assert are_of(list(loader), expected(order, False, 2), raw_test)


@pytest.mark.parametrize("order", ORDERS)
def test_loader__broken_off__the_next_epoch_follows(daemon, raw_test, order):
    loader = make(order)
    for _ in loader:
        break
    with pytest.raises(KeyError):
        for _ in loader:
            raise KeyError
    assert are_of(list(loader), expected(order, False, 2), raw_test)


# ---- states -------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_state__of_every_position__goes_on_with_the_rest(daemon, raw_test, order, drop_last):
    if order == "batch_sampler" and drop_last:
        return
    loader = make(order, drop_last)
    whole = expected(order, drop_last, 0)
    states = [loader.state_dict()]
    for _ in loader:
        states.append(loader.state_dict())
    states.append(loader.state_dict())
    after = [*range(len(whole) + 1), None]
    for state, done in list(zip(states, after))[::max(1, len(states) // 5)] + [
            (states[-2], len(whole)), (states[-1], None)]:
        other = make(order, drop_last)
        other.load_state_dict(pickle.loads(pickle.dumps(state)))
        again = pickle.loads(pickle.dumps(other.state_dict()))
        assert again.keys() == state.keys() and again["epoch"] == state["epoch"]
        sampled = "sampler" in order
        if done is None:  # the `for` had ended
            assert sampled or are_of(list(other), expected(order, drop_last, 1), raw_test)
            continue
        if done or not sampled:
            assert are_of(list(other), whole[done:], raw_test)
        assert sampled or are_of(list(other), expected(order, drop_last, 1), raw_test)


@pytest.mark.parametrize("order", ORDERS)
def test_iterators_state__of_every_position__goes_on_through_the_epochs(daemon, raw_test, order):
    want = [batch for e in range(3) for batch in expected(order, False, e)]
    ours = make(order, kind=Iterator, epochs=3)
    states = [ours.get_state()] + [ours.get_state() for _ in ours] + [ours.get_state()]
    if "sampler" in order:  # whose generator is the program's to keep
        want = want[:len(expected(order, False, 0))]
    for done in {0, 1, len(want) // 3, len(want) // 3 + 1, len(want) - 1, len(want)}:
        other = make(order, kind=Iterator, epochs=3)
        other.set_state(states[done])
        assert done and other.get_state() == states[done] or not done
        got = [(b["image"], b["label"]) for b, _ in zip(other, want[done:])]
        assert are_of(got, want[done:], raw_test)
        if "sampler" not in order:
            assert next(other, None) is None


def test_state__then_set_epoch__the_rest_of_that_epoch_only(daemon, raw_test):
    loader = make("torch")
    next(iter(loader))
    state = loader.state_dict()
    for epoch, want in ((0, expected("torch", False, 0)[1:]), (1, expected("torch", False, 1))):
        other = make("torch")
        other.load_state_dict(state)
        other.set_epoch(epoch)
        assert are_of(list(other), want, raw_test)


def test_copies__of_loader_and_iterator__begin_and_go_on(daemon, raw_test):
    loader = make("torch")
    next(iter(loader))
    copy = pickle.loads(pickle.dumps(loader))
    assert are_of(list(copy), expected("torch", False, 1), raw_test)
    ours = make("torch", kind=Iterator)
    next(ours)
    small = pickle.dumps(ours)
    assert len(small) < 3000
    batch = next(pickle.loads(small))
    assert is_of((batch["image"], batch["label"]), expected("torch", False, 0)[1], raw_test)


def test_iterator__closed__goes_on_with_the_next_batch(daemon, raw_test):
    ours = make("torch", kind=Iterator)
    next(ours)
    ours.close()
    batch = next(ours)
    assert is_of((batch["image"], batch["label"]), expected("torch", False, 0)[1], raw_test)


@pytest.mark.parametrize("order", ["torch", "indices-torch-shard", "sampler"])
def test_iterator__closed_behind_an_epochs_last_batch__each_epoch_once(daemon, raw_test, order):
    ours, got = make(order, kind=Iterator), []
    want = [batch for e in range(3) for batch in expected(order, False, e)]
    for i in range(len(want)):
        got.append(tuple(next(ours).values()))
        if i + 1 == len(want) // 3:
            ours.close()
    assert are_of(got, want, raw_test)


# Where a sampler's epochs are alike, the second one is read from the first one's stream.
@pytest.mark.parametrize("sampler", [dict(sampler=SOME), dict(batch_sampler=[[5, 1], [7], [3, 2]])],
                         ids=["sampler", "batch_sampler"])
def test_state__in_a_later_epoch_of_a_list__the_rest_of_that_epoch(daemon, raw_test, sampler):
    spec = dict(split="test", **sampler)
    loader = Loader(**spec)
    want = [y.tolist() for _, y in loader]
    for _ in loader:
        break
    other = Loader(**spec)
    other.load_state_dict(pickle.loads(pickle.dumps(loader.state_dict())))
    assert [[y.tolist() for _, y in other] for _ in range(2)] == [want[1:], want]


@pytest.mark.parametrize("state", [{}, None, {"token": b""}, b"", 3])
def test_load_state_dict__what_is_none__said(daemon, state):
    with pytest.raises(ValueError, match="no state of a loader: want what state_dict"):
        Loader().load_state_dict(state)


@pytest.mark.parametrize("state", [{}, None, b"", b"[]", b"{}", b"\xff", b'{"token": 3}', "x"])
def test_set_state__what_is_none__said(daemon, state):
    with pytest.raises(ValueError, match="no state of a"):
        iterator().set_state(state)


def test_state__of_another_spec__refused(daemon):
    loader = Loader(split="test", shuffle=True, seed=1)
    next(iter(loader))
    with pytest.raises(errors.TokenError):
        Loader(split="test", shuffle=True, seed=2).load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="without a sampler, this one has one"):
        Loader(split="test", sampler=[1, 2]).load_state_dict(loader.state_dict())


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("options, error, match", [
    (dict(batchsize=3), TypeError, "did you mean batch_size="),
    (dict(shufle=True), TypeError, "did you mean shuffle="),
    (dict(transform=abs), TypeError, "no argument transform=: the daemon resizes"),
    (dict(timeout=None), ValueError, "timeout=None"),
    (dict(indices=[]), ValueError, "indices: there are none; want at least one"),
    (dict(indices=[True, False]), ValueError, "mask of shape"),
    (dict(sampler=iter([1])), TypeError, "one epoch only"),
    (dict(sampler=[1], indices=[1]), ValueError, "exclude each other"),
    (dict(sampler=[1], seed=1), ValueError, "no seed="),
    (dict(batch_sampler=[[1]], batch_size=3), ValueError, "no batch_size="),
    (dict(batch_sampler=[[1], []]), ValueError, "batch 1 is empty"),
    (dict(rank=1), ValueError, "say both"),
    (dict(epochs=0), ValueError, "epochs=0"),
    (dict(epoch=-1), ValueError, "epoch=-1"),
    (dict(resize=(32, 32)), ValueError, "height= and width="),
    (dict(indices=[1, 2], batch_size=3, drop_last=True), errors.InvalidSpec, "leaves out the only"),
    (dict(dataset="FashionMNIST"), errors.Error, "fashion-mnist"),
    (dict(split="validation"), errors.Error, "test"),
])
@pytest.mark.parametrize("kind", [Loader, iterator])
def test_loader__what_it_cannot_do__said_with_a_way_out(daemon, kind, options, error, match):
    with pytest.raises(error, match=match):
        list(kind(**options))


def test_indices__a_subset__its_numbers_are_wanted(daemon):
    data = pytest.importorskip("torch.utils.data")
    with pytest.raises(TypeError, match="subset.indices"):
        Loader(indices=data.Subset(range(100), [3]))


@pytest.mark.parametrize("options, match", [
    (dict(indices=[1]), "no argument indices=: it has two loaders"),
    (dict(sed=3), "did you mean seed=")])
def test_data_module__a_keyword_that_is_not_its_own__refused(options, match):
    with pytest.raises(TypeError, match=match):
        FashionMNIST(**options)


# ---- what it says of itself ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Loader, Iterator])
def test_help__of_every_keyword__its_name_default_and_type(kind):
    known = inspect.signature(kind).parameters
    assert list(known)[:3] == ["dataset", "split", "batch_size"] and len(known) > 30
    assert known["batch_size"].default == 64 and known["timeout"].default == 30.0
    for name in list(known)[3:]:
        assert f"{name}=" in Loader.__doc__, name
        assert known[name].annotation is not known[name].empty


def test_repr__of_a_loader__what_it_reads(daemon):
    loader = Loader(split="test", shuffle=True, indices=SOME)
    next(iter(loader))
    assert repr(loader) == ("<fmnist.jax.Loader fashion-mnist/test: batch_size=64, shuffle=True, "
                            "indices=<ndarray>; epoch 1 is next>")
    assert repr(Iterator()) == (
        "<fmnist.jax.Iterator fashion-mnist/train: batch_size=64; epoch 0 is next>")
    assert repr(FashionMNIST(seed=3)) == (
        "<fmnist.jax.FashionMNIST batch_size=64, resize=(28, 28), seed=3>")
