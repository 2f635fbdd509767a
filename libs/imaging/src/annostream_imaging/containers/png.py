"""PNG: chunks up to IEND, each with its CRC. One wrong byte anywhere is found."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from annostream_imaging.containers.layout import Layout, Span, exif_body
from annostream_imaging.rejection import damaged, truncated

XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_SIGNATURE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Chunk:
    """`start` is the offset of its length field, `body` the span of its data."""

    kind: bytes
    start: int
    body: Span

    @property
    def end(self) -> int:
        return self.body[1] + 4


def chunks(data: bytes) -> Iterator[Chunk]:
    """All chunks up to IEND, CRCs checked."""
    view, position = memoryview(data), _SIGNATURE_BYTES
    while True:
        if position + 12 > len(data):
            raise truncated("PNG without its end chunk")
        length, kind = struct.unpack_from(">I4s", data, position)
        body = (position + 8, position + 8 + length)
        if body[1] + 4 > len(data):
            raise truncated("PNG chunk cut short")
        if zlib.crc32(view[position + 4 : body[1]]) != struct.unpack_from(">I", data, body[1])[0]:
            raise damaged(f"PNG chunk {kind.decode('latin-1')} does not match its checksum")
        yield Chunk(kind, position, body)
        if kind == b"IEND":
            return
        position = body[1] + 4


def read(data: bytes) -> Layout:
    found = list(chunks(data))
    if found[0].kind != b"IHDR" or not any(chunk.kind == b"IDAT" for chunk in found):
        raise damaged("PNG without header or picture")
    if found[0].body[1] - found[0].body[0] != 13:
        raise damaged("PNG header of a wrong length")
    width, height, bits = struct.unpack_from(">IIB", data, found[0].body[0])
    return Layout(
        width=width,
        height=height,
        frames=_frames(data, found),
        end=found[-1].end,
        exif=tuple(exif_body(data, *chunk.body) for chunk in found if chunk.kind == b"eXIf"),
        xmp=tuple(chunk.body for chunk in found if is_xmp(data, chunk)),
        bits_per_sample=bits,
    )


def _frames(data: bytes, found: list[Chunk]) -> int:
    control = next((chunk for chunk in found if chunk.kind == b"acTL" and chunk.body[1] - chunk.body[0] == 8), None)
    return max(1, int(struct.unpack_from(">I", data, control.body[0])[0])) if control else 1


def is_xmp(data: bytes, chunk: Chunk) -> bool:
    """Whether the chunk is an uncompressed XMP packet."""
    keyword_end = chunk.body[0] + len(XMP_KEYWORD)
    uncompressed = data[keyword_end : keyword_end + 1] == b"\0"
    return chunk.kind == b"iTXt" and data[chunk.body[0] : keyword_end] == XMP_KEYWORD and uncompressed
