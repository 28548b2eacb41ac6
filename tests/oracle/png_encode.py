"""A PNG encoder that can write what Pillow cannot: Adam7, 16-bit RGB, 2-bit grey.

Written from the PNG specification (ISO/IEC 15948).  Rows cycle through the five
filter types, so that a decoder meets each of them.
"""

import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}

# Adam7: first column, first row, column step, row step of each pass.
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def chunk(kind, data):
    return (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )


def pack_rows(samples, depth):
    """[H, W, C] integers -> [H, bytes per row], samples packed as PNG stores them."""
    h = samples.shape[0]
    flat = samples.reshape(h, -1)
    if depth == 16:
        return flat.astype(">u2").view(np.uint8).reshape(h, -1)
    if depth == 8:
        return flat.astype(np.uint8)
    shifts = np.arange(depth - 1, -1, -1)
    bits = (flat[:, :, None] >> shifts) & 1  # the leftmost sample is in the high bits
    return np.packbits(bits.reshape(h, -1).astype(np.uint8), axis=1)


def paeth(left, up, corner):
    """The neighbour nearest to left + up - corner; ties go left, then up."""
    guess = left + up - corner
    a, b, c = abs(guess - left), abs(guess - up), abs(guess - corner)
    return np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))


def filter_rows(rows, pixel_bytes):
    """Row i is stored with filter i mod 5: none, sub, up, average, paeth."""
    out = bytearray()
    previous = np.zeros(rows.shape[1], np.int32)
    for i, row in enumerate(rows.astype(np.int32)):
        left = np.concatenate([np.zeros(pixel_bytes, np.int32), row])[: row.size]
        corner = np.concatenate([np.zeros(pixel_bytes, np.int32), previous])[: row.size]
        predicted = (
            np.zeros_like(row),
            left,
            previous,
            (left + previous) // 2,
            paeth(left, previous, corner),
        )[i % 5]
        out.append(i % 5)
        out += ((row - predicted) & 255).astype(np.uint8).tobytes()
        previous = row
    return bytes(out)


def encode(samples, color, depth=8, interlaced=False, extra=()):
    """PNG bytes of integer samples [H, W] or [H, W, C].

    extra: (type, data) of the chunks that stand before the image data (PLTE, tRNS).
    """
    samples = np.asarray(samples)
    h, w = samples.shape[:2]
    samples = samples.reshape(h, w, CHANNELS[color])
    pixel_bytes = max(1, CHANNELS[color] * depth // 8)
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    body = b""
    for x, y, dx, dy in passes:
        part = samples[y::dy, x::dx]
        if part.size:  # a pass without pixels has no filter bytes either
            body += filter_rows(pack_rows(part, depth), pixel_bytes)
    header = struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(body, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)
