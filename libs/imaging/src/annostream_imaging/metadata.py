"""What the file says of itself (capture time, camera, place), and copies that no longer say the place."""

import struct
import zlib
from dataclasses import dataclass
from datetime import datetime

from annostream_imaging import exif, xmp
from annostream_imaging.containers import jpeg, png
from annostream_imaging.containers.layout import Layout
from annostream_imaging.formats import ImageFormat
from annostream_imaging.structure import read_layout

_PNG_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_PNG_HIDDEN = (b"Raw profile type ", b"XML:com.adobe.xmp\0")


@dataclass(frozen=True, slots=True)
class Metadata:
    """Facts from EXIF. `orientation` is 1..8; HEIC and AVIF turn by their own boxes, so theirs is 1 here."""

    orientation: int
    captured_at: datetime | None
    camera: str | None
    gps: tuple[float, float] | None


def read_metadata(data: bytes, image_format: ImageFormat, layout: Layout | None = None) -> Metadata:
    """`captured_at` is naive unless the camera wrote its offset from UTC; `gps` is (latitude, longitude) in degrees."""
    layout = layout or read_layout(data, image_format)
    found = [exif.read_exif(data, span) for span in layout.exif]
    facts = found[0] if found else exif.ExifFacts()
    turned_by_box = image_format in ("heic", "avif")
    return Metadata(
        orientation=1 if turned_by_box else facts.orientation,
        captured_at=facts.captured_at,
        camera=facts.camera,
        gps=next((other.gps for other in found if other.gps), None),
    )


def strip_gps(data: bytes, image_format: ImageFormat) -> bytes:
    """A copy whose pixels are the same bit for bit and which tells no place; `data` itself when it told none.

    EXIF GPS directories and XMP GPS properties (of any prefix) are blanked in place. PNG text that hides EXIF or
    XMP in another coding is dropped, and so is what follows the end of a JPEG (further pictures, motion photos: they
    carry places of their own). Not touched: makers' private notes, captions, IPTC city names.
    Raises Refused when the file cannot be walked.
    """
    data = _without_hidden_places(data, image_format)
    layout = read_layout(data, image_format)
    copy = bytearray(data)
    for span in layout.exif:
        exif.blank_gps(copy, span)
    for span in layout.xmp:
        xmp.blank_gps(copy, span)
    if copy == data:
        return data
    if image_format == "png":
        _mend_checksums(copy)
    return bytes(copy)


def _without_hidden_places(data: bytes, image_format: ImageFormat) -> bytes:
    if image_format == "jpeg":
        return _without_trailer(data)
    return _without_coded_text(data) if image_format == "png" else data


def _without_trailer(data: bytes) -> bytes:
    layout = jpeg.read(data)
    if not data[layout.end :].strip(b"\0\xff\r\n\t "):
        return data
    drop = [segment for segment in layout.segments if jpeg.is_multi_picture(data, segment)]
    parts, position = [], 0
    for segment in drop:
        parts.append(data[position : segment.start])
        position = segment.end
    return b"".join([*parts, data[position : layout.end]])


def _without_coded_text(data: bytes) -> bytes:
    found = list(png.chunks(data))
    hidden = {
        chunk.start
        for chunk in found
        if chunk.kind in _PNG_TEXT and data.startswith(_PNG_HIDDEN, chunk.body[0]) and not png.is_xmp(data, chunk)
    }
    if not hidden:
        return data
    kept = (data[chunk.start : chunk.end] for chunk in found if chunk.start not in hidden)
    return data[:8] + b"".join(kept)


def _mend_checksums(data: bytearray) -> None:
    """The CRC of every chunk that may have been edited."""
    position = 8
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if kind in (b"eXIf", b"iTXt"):
            struct.pack_into(">I", data, end, zlib.crc32(data[position + 4 : end]))
        if kind == b"IEND":
            return
        position = end + 4
