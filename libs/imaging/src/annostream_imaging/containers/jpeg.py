"""JPEG: segments and scans up to the end marker.

Harmless and let through: bytes between header segments that belong to none, fill bytes, anything after the end
marker. Refused: a missing end marker, and a run of zero bytes that no encoder can have written (see `_zero_run`),
which decoders take for picture.
"""

import re
import struct
from dataclasses import dataclass

from annostream_imaging.containers.layout import Layout, Span
from annostream_imaging.rejection import damaged, truncated, unsupported

EXIF_HEADER = b"Exif\0\0"
XMP_HEADERS = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")
MULTI_PICTURE_HEADER = b"MPF\0"

_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_READABLE_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_APP1, _APP2, _DHT, _SOS, _EOI, _SOF2 = 0xE1, 0xE2, 0xC4, 0xDA, 0xD9, 0xC2
_ZERO_RUN = bytes(64)
_END_OF_BLOCK, _ZEROS_16 = 0x00, 0xF0


@dataclass(frozen=True, slots=True)
class Segment:
    """`body` leaves out the marker and the length; `scan` is the coded data after an SOS."""

    marker: int
    start: int
    body: Span
    scan: Span | None = None

    @property
    def end(self) -> int:
        return self.scan[1] if self.scan else self.body[1]


@dataclass(frozen=True, slots=True)
class JpegLayout(Layout):
    """`sampling` is the (horizontal, vertical) factor of each component."""

    segments: tuple[Segment, ...] = ()
    components: int = 3
    progressive: bool = False
    sampling: tuple[tuple[int, int], ...] = ()
    stray_bytes: bool = False


def read(data: bytes) -> JpegLayout:
    segments, end, stray_bytes = _walk(data)
    frame = next((segment for segment in segments if segment.marker in _FRAMES), None)
    if frame is None or not any(segment.scan for segment in segments):
        raise damaged("JPEG without a picture")
    precision, height, width, components = _frame_header(data, frame)
    if frame.marker not in _READABLE_FRAMES or precision != 8 or components not in (1, 3, 4):
        raise unsupported(f"a JPEG of a rare kind ({precision} bits, {components} components)")
    _refuse_zero_runs(data, segments, progressive=frame.marker == _SOF2)
    return JpegLayout(
        width=width,
        height=height,
        frames=1,
        end=end,
        exif=_bodies(data, segments, (EXIF_HEADER,)),
        xmp=_bodies(data, segments, XMP_HEADERS),
        bits_per_sample=precision,
        segments=tuple(segments),
        components=components,
        progressive=frame.marker == _SOF2,
        sampling=_sampling(data, frame, components),
        stray_bytes=stray_bytes,
    )


def _walk(data: bytes) -> tuple[list[Segment], int, bool]:
    segments, position, stray_bytes = list[Segment](), 2, False
    while True:
        at = data.find(b"\xff", position)
        if at < 0 or at + 1 >= len(data):
            raise truncated("JPEG without its end marker")
        stray_bytes |= at > position
        marker = data[at + 1]
        if marker == _EOI:
            return segments, at + 2, stray_bytes
        if marker in (0x00, 0xFF) or marker in _STANDALONE:
            stray_bytes |= marker == 0x00
            position = at + (1 if marker == 0xFF else 2)
            continue
        segments.append(_segment(data, marker, at))
        position = segments[-1].end


def _segment(data: bytes, marker: int, at: int) -> Segment:
    if at + 4 > len(data):
        raise truncated("JPEG segment cut short")
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    body = (at + 4, at + 2 + length)
    if length < 2:
        raise damaged("JPEG segment of no length")
    if body[1] > len(data):
        raise truncated("JPEG segment cut short")
    if marker != _SOS:
        return Segment(marker, at, body)
    stop = _MARKER_IN_SCAN.search(data, body[1])
    if stop is None:
        raise truncated("JPEG without its end marker")
    return Segment(marker, at, body, (body[1], stop.start()))


def _frame_header(data: bytes, frame: Segment) -> tuple[int, int, int, int]:
    if frame.body[1] - frame.body[0] < 6:
        raise damaged("JPEG frame header too short")
    precision, height, width, components = struct.unpack_from(">BHHB", data, frame.body[0])
    if frame.body[1] - frame.body[0] < 6 + 3 * components or not (width and height):
        raise damaged("JPEG frame header without a size")
    return precision, height, width, components


def _sampling(data: bytes, frame: Segment, components: int) -> tuple[tuple[int, int], ...]:
    factors = (data[frame.body[0] + 7 + 3 * index] for index in range(components))
    return tuple((factor >> 4, factor & 15) for factor in factors)


def _bodies(data: bytes, segments: list[Segment], headers: tuple[bytes, ...]) -> tuple[Span, ...]:
    spans = []
    for segment in segments:
        start, end = segment.body
        header = next((head for head in headers if data.startswith(head, start, end)), None)
        if segment.marker == _APP1 and header is not None:
            spans.append((start + len(header), end))
    return tuple(spans)


def is_multi_picture(data: bytes, segment: Segment) -> bool:
    return segment.marker == _APP2 and data.startswith(MULTI_PICTURE_HEADER, segment.body[0])


def plain_copy(data: bytes, layout: JpegLayout) -> bytes:
    """The same picture without application segments, stray bytes and wrong scan parameters, for a strict decoder.

    Adobe's segment stays when its colour transform is a known one: it says how the colours are stored.
    """
    parts = [b"\xff\xd8"]
    for segment in layout.segments:
        if 0xE0 <= segment.marker <= 0xEF or segment.marker == 0xFE:
            adobe = segment.marker == 0xEE and data.startswith(b"Adobe", segment.body[0])
            if not (adobe and data[segment.body[1] - 1] <= 2):
                continue
        part = bytearray(data[segment.start : segment.end])
        if segment.scan and not layout.progressive:
            tail = segment.body[1] - segment.start
            part[tail - 3 : tail] = b"\x00\x3f\x00"
        parts.append(bytes(part))
    parts.append(b"\xff\xd9")
    return b"".join(parts)


def _refuse_zero_runs(data: bytes, segments: list[Segment], *, progressive: bool) -> None:
    tables = dict[int, int]()
    for segment in segments:
        if segment.marker == _DHT:
            tables.update(_first_symbols(data, segment.body))
        has_run = segment.scan is not None and data.find(_ZERO_RUN, *segment.scan) >= 0
        if has_run and _zero_run(data, segment, tables, progressive=progressive):
            raise damaged("a run of zero bytes inside the JPEG's coded data")


def _first_symbols(data: bytes, body: Span) -> dict[int, int]:
    """For each Huffman table (class << 4 | id) the symbol whose code is all zeros."""
    symbols, position = dict[int, int](), body[0]
    while position + 17 <= body[1]:
        count = sum(data[position + 1 : position + 17])
        if count and position + 17 < body[1]:
            symbols[data[position]] = data[position + 17]
        position += 17 + count
    return symbols


def _zero_run(data: bytes, segment: Segment, tables: dict[int, int], *, progressive: bool) -> bool:
    """Whether 512 zero bits in this scan are damage, judged by what zero bits stand for in its Huffman tables.

    Only flat picture may be coded so: no difference in DC, then end of block. Any other meaning (a coefficient at
    every place, a brightness that falls without end) is no picture.
    """
    count = data[segment.body[0]]
    selectors = [data[segment.body[0] + 2 + 2 * index] for index in range(count)]
    first, _, approximation = data[segment.body[1] - 3 : segment.body[1]]
    if progressive and approximation >> 4:
        return False
    dc_flat = all(tables.get(selector >> 4, 0) == 0 for selector in selectors)
    ac_symbols = [tables.get(0x10 | selector & 15, 0) for selector in selectors]
    if progressive and first == 0:
        return not dc_flat
    ac_flat = all(symbol & 15 == _END_OF_BLOCK and symbol != _ZEROS_16 for symbol in ac_symbols)
    return not ac_flat if progressive else not (dc_flat and ac_flat)
