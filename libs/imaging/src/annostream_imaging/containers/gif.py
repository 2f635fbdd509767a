"""GIF: blocks up to the trailer."""

import struct

from annostream_imaging.containers.layout import Layout, Span
from annostream_imaging.rejection import damaged, truncated

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_XMP_APPLICATION = b"XMP DataXMP"


def read(data: bytes) -> Layout:
    try:
        return _walk(data)
    except (IndexError, struct.error):
        raise truncated("GIF without its trailer") from None


def _walk(data: bytes) -> Layout:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _table_bytes(flags)
    frames, xmp = 0, list[Span]()
    while (kind := data[position]) != _TRAILER:
        if kind == _EXTENSION:
            start, position = position + 3, _after_blocks(data, position + 2)
            if data[start : start + 11] == _XMP_APPLICATION:
                xmp.append((start + 11, position))
        elif kind == _IMAGE:
            frames += 1
            position = _after_blocks(data, position + 11 + _table_bytes(data[position + 9]))
        elif kind == 0:
            position += 1
        else:
            raise damaged("GIF block of an unknown kind")
    if frames == 0:
        raise damaged("GIF without a picture")
    return Layout(width=width, height=height, frames=frames, end=position + 1, xmp=tuple(xmp))


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int:
    while length := data[position]:
        position += length + 1
    return position + 1
