#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes pictures.txt: small PNG and JPEG files of every kind, and what Pillow made of them.

    make_pictures.py >pictures.txt

Lines have tab-separated fields: name; height; width (0 and 0: Pillow refused it); CRC-32 of the
pixels of convert("L"); of convert("RGB"); the file, in hexadecimal.
"""
import io
import struct
import warnings
import zlib

import numpy as np
from PIL import Image

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))
MODES = {1: "L", 3: "RGB", 4: "CMYK"}

warnings.simplefilter("ignore")
random = np.random.RandomState(17)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(height, width, depth, kind, interlaced, extra=b""):
    """Random pixels, each row by a random filter."""
    rows = b""
    for x, y, dx, dy in PASSES if interlaced else ((0, 0, 1, 1),):
        w, h = -(-(width - x) // dx), -(-(height - y) // dy)
        for _ in range(h if w > 0 else 0):
            rows += bytes([random.randint(5)]) + random.bytes((w * CHANNELS[kind] * depth + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def transparency(kind, depth):
    if kind == 3:
        return chunk(b"tRNS", bytes([0, 128]))
    return chunk(b"tRNS", struct.pack(">H", 1) * CHANNELS[kind]) if kind in (0, 2) else b""


def pngs():
    for kind, depths in DEPTHS.items():
        for depth in depths:
            for interlaced in (0, 1):
                # Fewer entries than a picture of 8 bits has indices.
                extra = chunk(b"PLTE", random.bytes(3 * min(2 ** depth, 100))) if kind == 3 else b""
                yield (f"png-{kind}-{depth}-{interlaced}",
                       png(5, 9, depth, kind, interlaced, extra + transparency(kind, depth)))
    gray = bytes(v for i in range(4) for v in 3 * (i * 80,))
    yield "png-gray-palette", png(5, 9, 2, 3, 0, chunk(b"PLTE", gray))
    yield "png-one-pixel", png(1, 1, 8, 2, 1)
    whole = png(5, 9, 8, 2, 0)
    yield "png-cut-in-header", whole[:20]
    yield "png-cut-in-pixels", whole[:80]
    yield "png-no-end", whole[:-12]
    yield "png-bad-pixels", whole[:60] + bytes(8) + whole[68:]
    yield "png-bad-header", whole[:18] + b"\x7f" + whole[19:]


def jpeg(channels, height=13, width=17, **options):
    # Smooth, as photographs are: subsampled colours then differ by how they are filled in.
    small = random.randint(0, 256, (4, 5, channels)).astype(np.uint8)
    image = Image.fromarray(small[..., 0] if channels == 1 else small, MODES[channels])
    out = io.BytesIO()
    image.resize((width, height), Image.BICUBIC).save(out, "JPEG", **options)
    return out.getvalue()


def jpegs():
    for channels in MODES:
        for progressive in (False, True):
            for sampling in (0, 1, 2) if channels == 3 else (0,):
                yield (f"jpeg-{channels}-{int(progressive)}-{sampling}",
                       jpeg(channels, quality=80, progressive=progressive, subsampling=sampling))
    yield "jpeg-one-pixel", jpeg(3, 1, 1)
    yield "jpeg-coarse", jpeg(3, quality=5, optimize=True)
    yield "jpeg-restarts", jpeg(3, 40, 33, quality=60, restart_marker_blocks=1)
    exif = Image.Exif()
    exif[274] = 6  # turned by 90 degrees, which convert does not undo
    yield "jpeg-turned", jpeg(1, exif=exif)
    yield "jpeg-rgb", jpeg(3, keep_rgb=True)
    whole = jpeg(3, quality=80)
    for cut in (3, 100, len(whole) // 2, len(whole) - 2):
        yield f"jpeg-cut-{cut}", whole[:cut]
    yield "jpeg-hit", whole[:-60] + bytes(b ^ 0x55 for b in whole[-60:-40]) + whole[-40:]
    yield "jpeg-rubbish", whole[:2] + b"\xff\xfe\0\x08rubbis" + whole[2:] + b"more"


for name, data in [*pngs(), *jpegs()]:
    try:
        image = Image.open(io.BytesIO(data))
        pixels = [np.asarray(image.convert(mode)) for mode in ("L", "RGB")]
        shape = pixels[0].shape
    except Exception:  # noqa: BLE001: Pillow has many
        pixels, shape = [np.zeros(0, np.uint8)] * 2, (0, 0)
    sums = [f"{zlib.crc32(p.tobytes()):08x}" for p in pixels]
    print(name, *shape, *sums, data.hex(), sep="\t")
