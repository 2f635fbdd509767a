"""WebP: a RIFF of chunks, whose sizes must fit the file."""

import struct
from collections.abc import Iterator

from annostream_imaging.containers.layout import Layout, Span, exif_body
from annostream_imaging.rejection import damaged, truncated


def chunks(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, Span]]:
    """Kind and body of each chunk."""
    position = start
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        body = (position + 8, position + 8 + length)
        if body[1] > end:
            raise truncated("WebP chunk cut short")
        yield kind, body
        position = body[1] + (length & 1)


def read(data: bytes) -> Layout:
    if len(data) < 12:
        raise truncated("WebP header cut short")
    end = 8 + int(struct.unpack_from("<I", data, 4)[0])
    if end > len(data):
        raise truncated("WebP shorter than its header says")
    found = list(chunks(data, 12, end))
    kinds = [kind for kind, _ in found]
    if not found or not {b"VP8 ", b"VP8L", b"ANMF"} & set(kinds):
        raise damaged("WebP without a picture")
    width, height = _size(data, *found[0])
    return Layout(
        width=width,
        height=height,
        frames=max(1, kinds.count(b"ANMF")),
        end=end,
        exif=tuple(exif_body(data, *body) for kind, body in found if kind == b"EXIF"),
        xmp=tuple(body for kind, body in found if kind == b"XMP "),
    )


def is_lossless(data: bytes) -> bool:
    return any(kind == b"VP8L" for kind, _ in chunks(data, 12, len(data)))


def _size(data: bytes, kind: bytes, body: Span) -> tuple[int, int]:
    """Canvas size, from the first chunk (format: developers.google.com/speed/webp/docs/riff_container)."""
    start, stop = body
    if stop - start < 10 and not (kind == b"VP8L" and stop - start >= 5):
        raise damaged("WebP header too short")
    if kind == b"VP8X":
        return (
            1 + int.from_bytes(data[start + 4 : start + 7], "little"),
            1 + int.from_bytes(data[start + 7 : start + 10], "little"),
        )
    if kind == b"VP8L":
        bits = int.from_bytes(data[start + 1 : start + 5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, start + 6)
        return width & 0x3FFF, height & 0x3FFF
    raise damaged("WebP starts with an unknown chunk")
