"""AVIF and HEIC: boxes of the ISO base media format (ISO 14496-12, 23008-12), and where their items lie."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from annostream_imaging.containers.layout import Layout, Span, exif_body
from annostream_imaging.rejection import damaged, truncated

_NOT_IN_A_UNIT = re.compile(rb"\x00\x00[\x00-\x02]")
_XMP_TYPE = b"application/rdf+xml"
_TOP_KINDS = {b"ftyp", b"styp", b"pdin", b"meta", b"mdat", b"idat", b"moov", b"moof", b"mfra", b"sidx"}
_TOP_KINDS |= {b"free", b"skip", b"wide", b"uuid"}


@dataclass(frozen=True, slots=True)
class Box:
    kind: bytes
    body: Span


class _Fields:
    """Big-endian integers, one after another."""

    def __init__(self, data: bytes, span: Span) -> None:
        self._data, (self.at, self._end) = data, span

    def take(self, count: int) -> int:
        if self.at + count > self._end:
            raise truncated("item table cut short")
        value = int.from_bytes(self._data[self.at : self.at + count], "big")
        self.at += count
        return value


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    position = start
    while position + 8 <= end:
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        stop = end if length == 0 else position + length
        if stop > end or stop < position + head:
            raise truncated("box longer than the file")
        yield Box(kind, (position + head, stop))
        position = stop


def read(data: bytes) -> Layout:
    top = list(_top_boxes(data))
    meta = next((box for box in top if box.kind == b"meta"), None)
    sequence = any(box.kind == b"moov" for box in top)
    if meta is None and not sequence:
        raise truncated("no description of the picture")
    if not any(box.kind in (b"mdat", b"idat") for box in top) and meta is None:
        raise truncated("no picture data")
    exif, xmp = _metadata_items(data, meta) if meta else ((), ())
    return Layout(width=0, height=0, frames=1, end=top[-1].body[1], exif=exif, xmp=xmp)


def _top_boxes(data: bytes) -> Iterator[Box]:
    """Boxes of the file; what follows them and is no box is trailing data."""
    position = 0
    while position + 8 <= len(data):
        if data[position + 4 : position + 8] not in _TOP_KINDS:
            return
        box = next(boxes(data, position, len(data)))
        yield box
        position = box.body[1]


def _metadata_items(data: bytes, meta: Box) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    inner = {box.kind: box for box in boxes(data, meta.body[0] + 4, meta.body[1])}
    if b"iloc" not in inner or b"iinf" not in inner:
        raise damaged("no table of items")
    idat = inner[b"idat"].body[0] if b"idat" in inner else 0
    places = dict(_locations(data, inner[b"iloc"].body, idat))
    if any(stop > len(data) for spans in places.values() for _, stop in spans):
        raise truncated("item beyond the end of the file")
    exif, xmp = list[Span](), list[Span]()
    for item, kind in _items(data, inner[b"iinf"].body):
        spans = places.get(item, [])
        if kind == b"hvc1" and len(spans) == 1:
            _require_sound_hevc(data, spans[0], _length_bytes(data, meta))
        if kind == b"Exif" and len(spans) == 1:
            exif.append(_exif_item(data, spans[0]))
        elif kind == b"xmp":
            xmp.extend(spans)
    return tuple(exif), tuple(xmp)


def _length_bytes(data: bytes, meta: Box) -> int:
    """How many bytes say the length of a HEVC unit: four, or what the decoder's configuration says."""
    at = data.find(b"hvcC", *meta.body)
    return (data[at + 25] & 3) + 1 if 0 <= at < meta.body[1] - 25 else 4


def _require_sound_hevc(data: bytes, span: Span, length_bytes: int) -> None:
    """HEVC units must fill their item, and hold no three bytes that look like a start code (ITU-T H.265, 7.4.2).

    The decoder itself takes a run of zero bytes for picture.
    """
    position, end = span
    while position < end:
        start = position + length_bytes
        position = start + int.from_bytes(data[position:start], "big")
        if position > end or position == start or _NOT_IN_A_UNIT.search(data, start, position):
            raise damaged("HEVC data that no encoder writes")


def _exif_item(data: bytes, span: Span) -> Span:
    """An Exif item opens with the offset of its TIFF header."""
    skip = int.from_bytes(data[span[0] : span[0] + 4], "big")
    return exif_body(data, min(span[0] + 4 + skip, span[1]), span[1])


def _items(data: bytes, iinf: Span) -> Iterator[tuple[int, bytes]]:
    """Id and type of each item; XMP gives b"xmp"."""
    wide = data[iinf[0]] > 0
    for box in boxes(data, iinf[0] + (8 if wide else 6), iinf[1]):
        version = data[box.body[0]]
        if box.kind != b"infe" or version < 2:
            continue
        fields = _Fields(data, (box.body[0] + 4, box.body[1]))
        item = fields.take(2 if version == 2 else 4)
        fields.take(2)
        kind = fields.take(4).to_bytes(4, "big")
        is_xmp = kind == b"mime" and _XMP_TYPE in data[fields.at : box.body[1]]
        yield item, b"xmp" if is_xmp else kind


def _locations(data: bytes, iloc: Span, idat: int) -> Iterator[tuple[int, list[Span]]]:
    """Where the bytes of each item lie; items built from other items are left out."""
    version = data[iloc[0]]
    fields = _Fields(data, (iloc[0] + 4, iloc[1]))
    sizes = fields.take(2)
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version else 0
    for _ in range(fields.take(4 if version == 2 else 2)):
        item = fields.take(4 if version == 2 else 2)
        method = fields.take(2) & 15 if version else 0
        fields.take(2)
        base, spans = fields.take(base_bytes), list[Span]()
        for _ in range(fields.take(2)):
            fields.take(index_bytes)
            start = base + fields.take(offset_bytes) + (idat if method == 1 else 0)
            spans.append((start, start + fields.take(length_bytes)))
        if method in (0, 1):
            yield item, spans
