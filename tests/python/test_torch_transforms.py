# SPDX-License-Identifier: MIT
"""torchvision's transforms as chains: what each becomes, what is refused, and by which words.
Pixels and draws of random ones are the harness' (harness/chains.py)."""

import random

import pytest

numpy = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("torchvision_here")

from torchvision_here import transforms as T, v2  # noqa: E402

import PIL.Image  # noqa: E402
from fmnist import _torch_transforms as known, errors  # noqa: E402
from torchvision.transforms import InterpolationMode  # noqa: E402

PILLOW = "" if int(PIL.__version__.split(".")[0]) >= 13 else ", pillow=12"


def text_of(transform, channels=1, height=28, width=28):
    """The canonical text."""
    return known.chain_of(transform).compiled(channels, height, width).info()[5]


@pytest.mark.parametrize("old, new, text", [
    ("RandomCrop(28, padding=4)", None, "random-crop(size=28, padding=4)"),
    ("RandomCrop((20, 24), (1, 2), True, 7, 'edge')", None,
     "random-crop(size=(20, 24), padding=(1, 2), pad-if-needed=true, fill=7, padding-mode=edge)"),
    ("RandomCrop(9, (1, 2, 3, 4))", None, "random-crop(size=9, padding=(1, 2, 3, 4))"),
    ("CenterCrop(24)", None, "center-crop(size=24)"),
    ("Pad(2)", None, "pad(padding=2)"),
    ("Pad((1, 2), fill=3, padding_mode='reflect')", None,
     "pad(padding=(1, 2), fill=3, padding-mode=reflect)"),
    ("Pad([3])", "Pad(3)", "pad(padding=3)"),
    ("RandomHorizontalFlip()", None, "random-horizontal-flip"),
    ("RandomVerticalFlip(0.25)", None, "random-vertical-flip(p=0.25)"),
    ("Resize(32)", None, "resize(size=32%s)"),
    ("Resize([32])", None, "resize(size=32%s)"),
    ("Resize((32, 30), InterpolationMode.NEAREST_EXACT)", None,
     "resize(size=(32, 30), interpolation=nearest%s)"),
    ("Resize((9, 9), 3)", None, "resize(size=(9, 9), interpolation=bicubic%s)"),
    ("RandomRotation(10)", None, "random-rotation(degrees=10)"),
    ("RandomRotation((-5, 90), InterpolationMode.BILINEAR, center=(3, 4.5), fill=255)", None,
     "random-rotation(degrees=(-5, 90), interpolation=bilinear, center=(3, 4.5), fill=255)"),
    ("RandomAffine(0)", None, "random-affine(degrees=(0, 0))"),
    ("RandomAffine(15, (0.1, 0.2), (0.8, 1.2), 5)", None,
     "random-affine(degrees=15, translate=(0.1, 0.2), scale=(0.8, 1.2), shear=5)"),
    ("RandomAffine(15, shear=(-5, 5, 0, 3))", None,
     "random-affine(degrees=15, shear=(-5, 5, 0, 3))"),
    ("ColorJitter(0.4, (0.5, 1.5), 0, 0.1)", None,
     "color-jitter(brightness=0.4, contrast=0.5, hue=0.1)"),
    ("ColorJitter()", None, "color-jitter"),
    ("RandomGrayscale(0.2)", None, "random-grayscale(p=0.2)"),
    ("Grayscale(3)", None, "grayscale(num-output-channels=3)"),
    ("TrivialAugmentWide(fill=9)", None, "trivial-augment-wide(fill=9)"),
    ("RandAugment(3, 5)", None, "rand-augment(num-ops=3, magnitude=5)"),
    ("AutoAugment(T.AutoAugmentPolicy.CIFAR10)", None, "auto-augment(policy=cifar10)"),
    ("RandomApply([T.Pad(1), T.CenterCrop(28)], 0.3)", "RandomApply([v2.Pad(1), v2.CenterCrop(28)], 0.3)",
     "random-apply(transforms=[pad(padding=1) center-crop(size=28)], p=0.3)"),
    ("Compose([T.PILToTensor(), T.ConvertImageDtype(torch.float32)])",
     "Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])", "to-image to-dtype"),
    ("Compose([T.ToTensor(), T.Normalize((0.25,), (0.5,))])",
     "Compose([v2.ToTensor(), v2.ToPureTensor(), v2.Normalize([0.25], [0.5])])",
     "to-tensor normalize(mean=0.25, std=0.5)"),
    ("Compose([T.Compose([]), torch.nn.Sequential(T.Pad(1)), T.Compose([T.ToTensor()])])",
     "Compose([v2.Compose([v2.Identity()]), torch.nn.Sequential(v2.Pad(1)), v2.ToTensor()])",
     "pad(padding=1) to-tensor"),
])
def test_chain_of__each_transform_of_both__its_text(old, new, text):
    names = {"T": T, "v2": v2, "torch": torch, "InterpolationMode": InterpolationMode}
    text = text % PILLOW if "%s" in text else text
    of_v1 = eval(f"T.{old}", names)
    of_v2 = eval(f"v2.{new or old}", names)
    assert text_of(of_v2) == text
    marked = text_of(of_v1)
    assert marked.count("api=1") == len(known.chain_of(of_v1).places)
    for mark in (", api=1", "(api=1)"):
        marked = marked.replace(mark, "")
    assert marked == text


def test_chain_of__logarithms__pytorchs_own():
    for ratio in ((3 / 4, 4 / 3), (0.3, 3.3), (0.61, 1.7), (1, 1), (0.2, 5.0)):
        wanted = torch.log(torch.tensor(ratio)).tolist()
        for made in (T.RandomErasing(ratio=ratio), v2.RandomErasing(ratio=ratio)):
            chain = known.chain_of(v2.Compose([v2.ToTensor(), made]))
            native = chain.compiled(1, 28, 28)
            again = known._native.Augment(native.info()[5], 1, 28, 28)
            assert again.info()[5] == native.info()[5]
            derived = known._native.Augment(f"to-tensor random-erasing(ratio={ratio})", 1, 28, 28)
            said = f"log-ratio=({wanted[0]!r}, {wanted[1]!r})"
            with_logs = known._native.Augment(
                f"to-tensor random-erasing(ratio={ratio}, {said})", 1, 28, 28)
            text = native.info()[5].replace(", api=1", "").replace("(api=1)", "")
            assert text in (with_logs.info()[5], derived.info()[5])
            assert "log-ratio" in native.info()[5] or with_logs.info()[5] == derived.info()[5]


class Mine(T.RandomCrop):
    pass


def doubled(image):
    return image * 2


ADVICE = "put it behind the loader, it works on batches there"


@pytest.mark.parametrize("transform, words", [
    (lambda: T.Compose([T.ToTensor(), T.GaussianBlur(3)]),
     ["transform[1]: GaussianBlur is not known; known are AutoAugment, CenterCrop", ADVICE]),
    (lambda: v2.Compose([v2.Compose([v2.ToTensor(), v2.GaussianBlur(3)])]),
     ["transform[0][1]: GaussianBlur is not known", ADVICE]),
    (lambda: T.Compose([Mine(28)]),
     ["transform[0]: Mine, a class derived from torchvision's RandomCrop, is not known"]),
    (lambda: T.Lambda(doubled), ["transform: Lambda is not known"]),
    (lambda: doubled, ["transform: the function doubled is not known"]),
    (lambda: T.Compose([T.RandomChoice([T.Pad(1)])]), ["transform[0]: RandomChoice is not known"]),
    (lambda: v2.RandomOrder([v2.Pad(1)]), ["transform: RandomOrder is not known"]),
    (lambda: T.Compose([T.RandomApply([T.Pad(1), T.Lambda(doubled)])]),
     ["transform[0][1]: Lambda is not known"]),
    (lambda: T.RandomApply([]), ["transform: RandomApply of nothing is not known"]),
    (lambda: T.Resize(28, max_size=30), ["transform: Resize with max_size=30 is not known"]),
    (lambda: T.RandomErasing(value="random"),
     ['transform: RandomErasing with value="random" is not known']),
    (lambda: v2.RandomErasing(value="random"),
     ['transform: RandomErasing with value="random" is not known']),
    (lambda: v2.ToDtype(torch.float32), ["transform: ToDtype with scale=False is not known"]),
    (lambda: v2.ToDtype(torch.float16, scale=True), ["transform: ToDtype to torch.float16"]),
    (lambda: v2.ToDtype({torch.Tensor: torch.float32}, scale=True), ["transform: ToDtype to {"]),
    (lambda: T.ConvertImageDtype(torch.uint8), ["transform: ConvertImageDtype to torch.uint8"]),
    (lambda: v2.Pad(1, fill={torch.Tensor: 1, "others": 0}),
     ["transform: Pad with a fill= for each type"]),
])
def test_chain_of__unknown__by_name_and_place(transform, words):
    with pytest.raises(NotImplementedError) as refusal:
        known.chain_of(transform())
    for word in words:
        assert word in str(refusal.value)


@pytest.mark.parametrize("transform, shape, words", [
    (lambda: T.Compose([T.Pad(1), T.RandomCrop(31)]), (1, 28, 28),
     "transform[1], RandomCrop: size 31 x 31 is larger than the picture with its padding, 30 x 30"),
    (lambda: T.Compose([T.RandomHorizontalFlip(), T.Normalize(0.5, 0.5)]), (1, 28, 28),
     "transform[1], Normalize: wants a tensor of floats, it gets a picture"),
    (lambda: T.Compose([T.Compose([T.ToTensor()]), T.Compose([T.ColorJitter(0.5)])]), (3, 8, 8),
     "transform[1][0], ColorJitter: wants a picture"),
    (lambda: T.Compose([T.ToTensor(), T.Normalize((0.5, 0.5), (0.5, 0.5))]), (3, 8, 8),
     "transform[1], Normalize: mean has 2 numbers"),
    (lambda: T.Compose([T.ToTensor(), T.Normalize(0.5, 0.0)]), (1, 8, 8),
     "transform[1], Normalize: std[0] is 0"),
    (lambda: T.Compose([T.ToTensor(), T.RandomApply([T.Pad(-1)])]), (1, 8, 8),
     "transform[1][0], Pad, padding: -1: want a whole number"),
    (lambda: T.Compose([T.Resize(8, InterpolationMode.LANCZOS)]), (1, 8, 8),
     'transform[0], Resize, interpolation: "lanczos": want one of nearest, bilinear, bicubic'),
    (lambda: T.Compose([T.RandomRotation(20, expand=True), T.ToTensor()]), (1, 8, 8),
     "transform ends in pictures of"),
    (lambda: T.Compose([T.ToTensor()] * 40), (1, 8, 8), "transform[32], ToTensor: more than 32"),
])
def test_compiled__what_does_not_fit__by_the_transforms_place(transform, shape, words):
    with pytest.raises(errors.InvalidSpec) as refusal:
        known.chain_of(transform()).compiled(*shape)
    assert words in str(refusal.value)


def test_grid_rule__this_pytorch__is_one_of_two():
    assert known.grid_rule() in ("plain", "fused")
    chain = known.chain_of(T.Compose([T.RandomRotation(5), T.ToTensor(), T.RandomRotation(5)]))
    assert [f"grid={known.grid_rule()}" in part for part in chain.text.split(" to-tensor")] == [
        False, True]


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge"])
@pytest.mark.parametrize("kind", [T, v2], ids=["v1", "v2"])
def test_pictures__borders_wider_than_they_are__as_torchvisions(kind, mode):
    dice = random.Random(mode)
    for seed in range(40):
        shape = dice.randint(1, 9), dice.randint(1, 9), dice.choice([1, 3])
        padding = [dice.randint(0, 25) for _ in range(4)]
        transform = kind.Pad(padding, padding_mode=mode) if seed % 2 else kind.RandomCrop(
            (dice.randint(1, 40), dice.randint(1, 40)), padding, True, padding_mode=mode)
        image = numpy.random.default_rng(seed).integers(0, 256, shape, numpy.uint8)
        chain = known.chain_of(T.Compose([transform, T.PILToTensor()])).compiled(
            shape[2], *shape[:2])
        count, *made = chain.info()[:4]
        values, levels = numpy.zeros((1, count), numpy.uint32), numpy.empty(made, numpy.uint8)
        torch.manual_seed(seed)
        chain.draw_torch(torch.get_rng_state().numpy(), 0, numpy.ones(1, numpy.uint32), values)
        chain.run(numpy.ascontiguousarray(image.transpose(2, 0, 1)), values, levels)
        picture = PIL.Image.fromarray(image[..., 0] if shape[2] == 1 else image)
        want = numpy.asarray(transform(picture)).reshape(*made[1:], shape[2]).transpose(2, 0, 1)
        assert numpy.array_equal(levels, want), (transform, shape)
