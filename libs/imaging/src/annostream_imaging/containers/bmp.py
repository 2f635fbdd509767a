"""BMP: headers, and whether the pixels that they promise are there."""

import struct

from annostream_imaging.containers.layout import Layout
from annostream_imaging.rejection import damaged, truncated

_UNCOMPRESSED = (0, 3, 6)


def read(data: bytes) -> Layout:
    try:
        file_bytes, pixels_at, header_bytes = struct.unpack_from("<I4xII", data, 2)
        width, height, bits, compression, packed_bytes = _picture_header(data, header_bytes)
    except struct.error:
        raise truncated("BMP header cut short") from None
    if width <= 0 or height == 0:
        raise damaged("BMP without a size")
    row_bytes = (width * bits + 31) // 32 * 4
    needed = row_bytes * abs(height) if compression in _UNCOMPRESSED else packed_bytes
    if pixels_at + needed > len(data):
        raise truncated("BMP shorter than its picture")
    return Layout(width=width, height=abs(height), frames=1, end=max(pixels_at + needed, min(file_bytes, len(data))))


def _picture_header(data: bytes, header_bytes: int) -> tuple[int, int, int, int, int]:
    if header_bytes == 12:
        width, height, bits = struct.unpack_from("<HH2xH", data, 18)
        return width, height, bits, 0, 0
    width, height, bits, compression, packed_bytes = struct.unpack_from("<ii2xHII", data, 18)
    return width, height, bits, compression, packed_bytes
