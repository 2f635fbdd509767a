"""EXIF: what we read of it, and edits that keep every byte in its place."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from annostream_imaging.containers.layout import Span
from annostream_imaging.containers.tiff import EXIF_DIRECTORY, GPS_DIRECTORY, ORIENTATION, Directory, Entry, TiffFile

_MAKE, _MODEL, _TAKEN_AT, _TAKEN_OFFSET = 0x010F, 0x0110, 0x9003, 0x9011
_LATITUDE_SIGN, _LATITUDE, _LONGITUDE_SIGN, _LONGITUDE = 1, 2, 3, 4
_RATIONAL = 5
_MAX_TEXT = 128


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """`captured_at` is naive when the camera wrote no offset: local time of an unknown place.

    `gps` is (latitude, longitude) in degrees, north and east positive.
    """

    orientation: int = 1
    captured_at: datetime | None = None
    camera: str | None = None
    gps: tuple[float, float] | None = None


def read_exif(data: bytes, span: Span) -> ExifFacts:
    """What the block says; a block that cannot be read says nothing."""
    try:
        tiff = TiffFile(data, *span)
        main = tiff.directory(tiff.first_offset)
        details = _linked(tiff, main, EXIF_DIRECTORY)
        gps = _linked(tiff, main, GPS_DIRECTORY) or (_linked(tiff, details, GPS_DIRECTORY) if details else None)
    except (ValueError, struct.error):
        return ExifFacts()
    return ExifFacts(_orientation(tiff, main), _captured_at(tiff, details), _camera(tiff, main), _position(tiff, gps))


def _linked(tiff: TiffFile, directory: Directory, tag: int) -> Directory | None:
    offsets = tiff.integers(directory.find(tag))
    if not offsets:
        return None
    try:
        return tiff.directory(offsets[0])
    except (ValueError, struct.error):
        return None


def _orientation(tiff: TiffFile, main: Directory) -> int:
    values = tiff.integers(main.find(ORIENTATION))
    return values[0] if values and 1 <= values[0] <= 8 else 1


def _text(tiff: TiffFile, directory: Directory, tag: int) -> str:
    entry = directory.find(tag)
    raw = tiff.raw(entry) if entry and entry.type in (2, 7) and entry.count <= 1024 else b""
    text = raw.split(b"\0")[0].decode("utf-8", "replace")
    return "".join(character for character in text if character.isprintable()).strip()[:_MAX_TEXT]


def _camera(tiff: TiffFile, main: Directory) -> str | None:
    make, model = _text(tiff, main, _MAKE), _text(tiff, main, _MODEL)
    named = model if make and model.lower().startswith(make.lower()) else f"{make} {model}"
    return named.strip() or None


def _captured_at(tiff: TiffFile, details: Directory | None) -> datetime | None:
    if details is None:
        return None
    try:
        naive = datetime.strptime(_text(tiff, details, _TAKEN_AT), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return None
    zone = _zone(_text(tiff, details, _TAKEN_OFFSET))
    return naive.replace(tzinfo=zone) if zone else naive


def _zone(text: str) -> timezone | None:
    try:
        hours, minutes = int(text[1:3]), int(text[4:6])
    except ValueError:
        return None
    if text[0] not in "+-" or text[3] != ":" or hours > 14 or minutes > 59:
        return None
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _position(tiff: TiffFile, gps: Directory | None) -> tuple[float, float] | None:
    if gps is None:
        return None
    latitude, longitude = _degrees(tiff, gps, _LATITUDE), _degrees(tiff, gps, _LONGITUDE)
    if latitude is None or longitude is None or latitude > 90 or longitude > 180:
        return None
    south, west = _text(tiff, gps, _LATITUDE_SIGN) == "S", _text(tiff, gps, _LONGITUDE_SIGN) == "W"
    return (-latitude if south else latitude, -longitude if west else longitude)


def _degrees(tiff: TiffFile, gps: Directory, tag: int) -> float | None:
    entry = gps.find(tag)
    if entry is None or entry.type != _RATIONAL or entry.count != 3 or not tiff.fits(entry):
        return None
    numbers = struct.unpack_from(tiff.order + "6I", tiff.data, entry.value[0])
    if not all(numbers[1::2]):
        return None
    degrees, minutes, seconds = (numbers[index] / numbers[index + 1] for index in (0, 2, 4))
    return round(float(degrees + minutes / 60 + seconds / 3600), 7)


def blank_gps(data: bytearray, span: Span) -> None:
    """Removes every GPS directory: its values become zeros, the pointer to it goes, nothing else moves."""
    try:
        tiff = TiffFile(data, *span)
    except ValueError:
        return
    for directory in list(_all_directories(tiff)):
        pointer = directory.find(GPS_DIRECTORY)
        if pointer is None:
            continue
        gps = _linked(tiff, directory, GPS_DIRECTORY)
        if gps is not None:
            _blank_directory(data, tiff, gps)
        _remove_entry(data, tiff, directory, pointer)


def _all_directories(tiff: TiffFile) -> Iterator[Directory]:
    try:
        for directory in tiff.directories():
            yield directory
            details = _linked(tiff, directory, EXIF_DIRECTORY)
            if details is not None:
                yield details
    except (ValueError, struct.error):
        return


def _blank_directory(data: bytearray, tiff: TiffFile, directory: Directory) -> None:
    for entry in directory.entries:
        if tiff.fits(entry):
            data[entry.value[0] : entry.value[1]] = bytes(entry.value[1] - entry.value[0])
    data[directory.at : directory.next_at] = bytes(directory.next_at - directory.at)


def _remove_entry(data: bytearray, tiff: TiffFile, directory: Directory, entry: Entry) -> None:
    """Later entries move up by one, and zeros fill the place that is left after them."""
    step, code = (20, "Q") if tiff.big else (12, "H")
    tail = directory.next_at + (8 if tiff.big else 4)
    later = bytes(data[entry.at + step : tail])
    data[entry.at : tail] = later + bytes(tail - entry.at - len(later))
    count = struct.unpack_from(tiff.order + code, data, directory.at)[0]
    struct.pack_into(tiff.order + code, data, directory.at, count - 1)


def set_upright(data: bytearray, span: Span) -> None:
    """Orientation 1, and no embedded thumbnail, which would still lie on its side."""
    try:
        tiff = TiffFile(data, *span)
        main = tiff.directory(tiff.first_offset)
    except (ValueError, struct.error):
        return
    entry = main.find(ORIENTATION)
    if entry is not None and entry.type == 3 and entry.count == 1:
        struct.pack_into(tiff.order + "H", data, entry.value[0], 1)
    if main.next_offset:
        struct.pack_into(tiff.order + ("Q" if tiff.big else "I"), data, main.next_at, 0)
