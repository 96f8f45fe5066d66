# SPDX-License-Identifier: MIT
"""Images and labels of each library as bytes and numbers: exact, or refused."""
import numpy
import pytest

from fmnist import _import_values, errors
from import_objects import as_typed, drawn


# ---- pixels: how arrays may be typed and laid out


FORMS = ("uint8", "int64", "uint16", "float16", "float32", "float64", "float32 as float64")


def laid_out(pixels, layout):
    if layout == "NHW":
        return pixels[..., 0]
    return numpy.moveaxis(pixels, -1, 1) if layout == "NCHW" else pixels


LAYOUTS = {1: ("NHW", "NHWC", "NCHW"), 3: ("NHWC", "NCHW"), 2: ("NHWC", "NCHW"), 4: ("NHWC", "NCHW")}
SHAPES = [(channels, layout) for channels, layouts in LAYOUTS.items() for layout in layouts]


# Every type of number, of every number of channels, wherever they are, of arrays and of tensors.
@pytest.mark.parametrize("kind", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("form", FORMS)
def test_images__each_type_and_layout__the_same_levels(kind, form):
    if kind == "torch":
        torch = pytest.importorskip("torch")
    if kind == "tensorflow":
        tensorflow = pytest.importorskip("tensorflow")
    for channels, layout in SHAPES:
        pixels, _ = drawn(channels=channels)
        value = laid_out(as_typed(pixels, form), layout)
        if kind == "torch":
            value = torch.from_numpy(numpy.ascontiguousarray(value))
        if kind == "tensorflow":
            value = tensorflow.constant(value)
        assert numpy.array_equal(_import_values.images(value, batched=True), pixels)
        one = _import_values.images([value[3]], batched=False)
        assert numpy.array_equal(one, pixels[3:4])


def test_images__a_torch_division__exact():
    transforms = pytest.importorskip("torchvision_here").transforms
    pixels, _ = drawn()
    for image in pixels:
        tensor = transforms.ToTensor()(image)
        assert numpy.array_equal(_import_values.images([tensor], batched=False)[0], image)


# A number that lies right beside a level is none: nothing is rounded.
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_images__a_float_beside_a_level__refused(dtype):
    table = as_typed(numpy.arange(256), dtype)
    for level in range(256):
        for way in (numpy.inf, -numpy.inf):
            beside = numpy.nextafter(table[level], numpy.asarray(way, dtype))
            image = numpy.full((2, 3), beside)
            with pytest.raises(errors.BadData, match="row 0, column 0, channel 0 is .*exactly level"):
                _import_values.images([image], batched=False)


@pytest.mark.parametrize("value, text", [
    (numpy.float32(-0.1), "is -0.1 "), (numpy.nan, "is nan "), (numpy.inf, "is inf "),
    (numpy.int64(256), r"is 256 \(int64\), want 0 to 255"), (numpy.int8(-1), "is -1 "),
    (numpy.float32(7), "scale=1 takes whole numbers as they are"),
    (numpy.complex64(1), "pixels of type complex64"), (True, "scale=255 makes true 255"),
], ids=str)
def test_images__numbers_that_are_no_levels__said(value, text):
    with pytest.raises(errors.BadData, match=text):
        _import_values.images([numpy.full((4, 5), value)], batched=False)


@pytest.mark.parametrize("scale, values, want", [
    (1, [0.0, 16.0], [0, 16]), (15, [0.0, 16.0], [0, 240]), (255, [True, False], [255, 0]),
    (0.5, [510, 2], [255, 1]), (255, [1.0, 0.2], [255, 51])])
def test_images__scale__what_is_whole_then(scale, values, want):
    got = _import_values.images([numpy.array([values])], batched=False, scale=scale)
    assert got.ravel().tolist() == want
    for wrong in ([numpy.nextafter(v, 99) for v in values] if values[0] != 1.0 else [[1.1]]):
        with pytest.raises(errors.BadData, match=f"times scale={scale:g}"):
            _import_values.images([numpy.full((3, 3), wrong)], batched=False, scale=scale)


def test_images__few_pixels_look_like_channels__layout_says():
    tiny = numpy.arange(3 * 2 * 4, dtype=numpy.uint8).reshape(3, 2, 4)
    assert _import_values.images([tiny], batched=False).shape == (1, 3, 2, 4)
    got = _import_values.images([tiny], batched=False, layout="NCHW")
    assert numpy.array_equal(got[0], numpy.moveaxis(tiny, 0, -1))


@pytest.mark.parametrize("shape, text", [
    ((5, 6, 7), "images of 5 x 6 x 7: want 1 to 4 channels"), ((784,), r"reshape\(-1, 28, 28\)"),
    ((), "no image"), ((0, 5), "0 x 5 pixels"), ((4097, 1), "4097 x 1 pixels"), ((1, 2, 3, 4), "no image")])
def test_images__no_image__said(shape, text):
    with pytest.raises(errors.BadData, match=text):
        _import_values.images([numpy.zeros(shape, numpy.uint8)], batched=False)


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA", "1"])
def test_images__a_picture__its_levels(mode):
    image = pytest.importorskip("PIL.Image")
    pixels = drawn(channels=3)[0][0]
    picture = image.fromarray(pixels).convert(mode)
    got = _import_values.images([picture], batched=False)[0]
    want = numpy.asarray(picture.convert("L") if mode == "1" else picture)
    assert numpy.array_equal(got, want.reshape(*pixels.shape[:2], -1))


@pytest.mark.parametrize("mode", ["P", "I;16", "F", "CMYK"])
def test_images__a_picture_of_other_numbers__refused_or_converted(mode):
    image = pytest.importorskip("PIL.Image")
    picture = image.new(mode, (4, 3), 1)
    with pytest.raises(errors.BadData, match=f'mode "{mode}"'):
        _import_values.images([picture], batched=False)
    if mode in ("P", "CMYK"):
        got = _import_values.images([picture], batched=False, mode="RGB")[0]
        assert numpy.array_equal(got, numpy.asarray(picture.convert("RGB")))


# ---- labels


@pytest.mark.parametrize("label", [
    7, numpy.uint8(7), numpy.int64(7), numpy.array(7), numpy.array([7]), [7], (7,)], ids=repr)
def test_labels__one_number__however_it_is_given(label):
    assert _import_values.labels([label], batched=False).tolist() == [7]


def test_labels__tensors__their_numbers():
    torch = pytest.importorskip("torch")
    assert _import_values.labels([torch.tensor(7)] * 2, batched=False).tolist() == [7, 7]
    assert _import_values.labels(torch.tensor([[0, 1, 1]]), batched=True).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("label, text", [
    (1.0, r"is 1.0 \(float64\): want whole"), (None, "is None"), ({"a": 1}, "a dict"),
    ("cat", "classes=.* says which number"), (2 ** 31, "is 2147483648"), (-2 ** 31 - 1, "want -2147"),
    ([0, 256], "is 256: want 0 to 255, in a row"), ([0.0, 1.0], r"float64.*argmax\(1\)"), ([[1, 2], [3, 4]], "want a whole"),
    ([1, [2, 3]], "no array"), (b"cat", "want a whole number"), ([], "want"),
], ids=repr)
def test_labels__no_number__said(label, text):
    with pytest.raises(errors.BadData, match=text):
        _import_values.labels([label], batched=False)


def test_labels__texts__the_numbers_of_their_classes():
    for batched in (True, False):
        got = _import_values.labels(["b", "a", "b"], batched=batched, classes=("a", "b"))
        assert got.tolist() == [1, 0, 1]
    with pytest.raises(errors.BadData, match="'c', no name of the 2 classes"):
        _import_values.labels(["c"], batched=False, classes=("a", "b"))
