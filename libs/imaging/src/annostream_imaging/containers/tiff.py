"""TIFF, and EXIF, which is a TIFF without pictures: directories of tags, read with every offset checked."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from annostream_imaging.containers.layout import Layout, Span
from annostream_imaging.rejection import damaged, truncated

WIDTH, HEIGHT, BITS, ORIENTATION = 0x0100, 0x0101, 0x0102, 0x0112
XMP, EXIF_DIRECTORY, GPS_DIRECTORY, DNG_VERSION = 0x02BC, 0x8769, 0x8825, 0xC612
_DATA = ((0x0111, 0x0117), (0x0144, 0x0145))  # strips, tiles: offsets and byte counts
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TYPE_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_COMPRESSION, _DEFLATE = 0x0103, {8, 32946}
_CHUNK_BYTES = 1 << 20
_MAX_DIRECTORIES = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: `at` is where the entry lies, `value` where its bytes lie; both absolute."""

    tag: int
    type: int
    count: int
    at: int
    value: Span

    @property
    def inline(self) -> bool:
        return self.at < self.value[0] < self.at + 20


@dataclass(frozen=True, slots=True)
class Directory:
    """An IFD. `next_at` is where the offset of the next one is written, `next_offset` that offset (0: the last)."""

    at: int
    entries: tuple[Entry, ...]
    next_at: int
    next_offset: int

    def find(self, tag: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.tag == tag), None)


class TiffFile:
    """A TIFF structure at `start`..`end` of `data`. ValueError where it cannot be read."""

    def __init__(self, data: bytes | bytearray, start: int, end: int) -> None:
        self.data, self.start, self.end = data, start, end
        magic = bytes(data[start : start + 4])
        if magic[:2] not in (b"II", b"MM") or end - start < 8:
            raise ValueError("no TIFF header")
        self.order = "<" if magic[:2] == b"II" else ">"
        self.big = 43 in (magic[2], magic[3])
        self.first_offset = self._unpack("Q" if self.big else "I", start + (8 if self.big else 4))

    def _unpack(self, code: str, at: int) -> int:
        if at < self.start or at + struct.calcsize(code) > self.end:
            raise ValueError("offset outside of the file")
        return int(struct.unpack_from(self.order + code, self.data, at)[0])

    def directories(self) -> Iterator[Directory]:
        """The chain of IFDs; a loop ends it."""
        seen, offset = set[int](), self.first_offset
        while offset and offset not in seen and len(seen) < _MAX_DIRECTORIES:
            seen.add(offset)
            directory = self.directory(offset)
            yield directory
            offset = directory.next_offset

    def directory(self, offset: int) -> Directory:
        at = self.start + offset
        count = self._unpack("Q" if self.big else "H", at)
        first, step = at + (8 if self.big else 2), 20 if self.big else 12
        next_at = first + count * step
        if next_at > self.end:
            raise ValueError("directory outside of the file")
        entries = (self._entry(first + index * step) for index in range(count))
        next_offset = self._unpack("Q" if self.big else "I", next_at) if next_at + 4 <= self.end else 0
        return Directory(at, tuple(entry for entry in entries if entry), next_at, next_offset)

    def _entry(self, at: int) -> Entry | None:
        """The entry, or None for a type that is not known."""
        tag, kind = struct.unpack_from(self.order + "HH", self.data, at)
        count = self._unpack("Q" if self.big else "I", at + 4)
        size = _TYPE_BYTES.get(kind, 0) * count
        if kind not in _TYPE_BYTES:
            return None
        field, room = (at + 12, 8) if self.big else (at + 8, 4)
        where = field if size <= room else self.start + self._unpack("Q" if self.big else "I", field)
        return Entry(tag, kind, count, at, (where, where + size))

    def fits(self, entry: Entry) -> bool:
        return entry.value[0] >= self.start and entry.value[1] <= self.end

    def integers(self, entry: Entry | None, limit: int = 1 << 22) -> tuple[int, ...]:
        """The values of an integer tag; empty when absent, of another type, or outside of the file."""
        if entry is None or entry.type not in _TYPE_CODES or entry.count > limit or not self.fits(entry):
            return ()
        return struct.unpack_from(f"{self.order}{entry.count}{_TYPE_CODES[entry.type]}", self.data, entry.value[0])

    def raw(self, entry: Entry) -> bytes:
        return bytes(self.data[entry.value[0] : entry.value[1]]) if self.fits(entry) else b""


def read(data: bytes) -> Layout:
    try:
        tiff = TiffFile(data, 0, len(data))
        pages = list(tiff.directories())
        for page in pages:
            _require_whole(tiff, page)
    except (ValueError, struct.error):
        raise truncated("TIFF that points beyond its end") from None
    if not pages:
        raise damaged("TIFF without a picture")
    width, height = tiff.integers(pages[0].find(WIDTH)), tiff.integers(pages[0].find(HEIGHT))
    if not (width and height and width[0] and height[0]):
        raise damaged("TIFF without a size")
    xmp = [entry for page in pages if (entry := page.find(XMP)) and tiff.fits(entry)]
    return Layout(
        width=width[0],
        height=height[0],
        frames=len(pages),
        end=len(data),
        exif=((0, len(data)),),
        xmp=tuple(entry.value for entry in xmp),
        bits_per_sample=max(tiff.integers(pages[0].find(BITS)) or (1,)),
    )


def require_sound_deflate(data: bytes, max_bytes: int) -> None:
    """Inflates deflated strips and tiles up to their checksums, at which libtiff does not look.

    `max_bytes` bounds what one page may inflate to. Raises Refused.
    """
    tiff = TiffFile(data, 0, len(data))
    for page in tiff.directories():
        if not _DEFLATE & set(tiff.integers(page.find(_COMPRESSION))):
            continue
        left = max_bytes
        for offsets_tag, counts_tag in _DATA:
            offsets, counts = tiff.integers(page.find(offsets_tag)), tiff.integers(page.find(counts_tag))
            for offset, count in zip(offsets, counts, strict=False):
                left -= _inflated_bytes(data[offset : offset + count], left)


def _inflated_bytes(packed: bytes, max_bytes: int) -> int:
    stream, total = zlib.decompressobj(), 0
    try:
        while not stream.eof:
            piece = stream.decompress(packed, _CHUNK_BYTES)
            if not (piece or stream.eof):
                raise damaged("TIFF with an unfinished strip")
            packed, total = stream.unconsumed_tail, total + len(piece)
            if total > max_bytes:
                raise damaged("TIFF that inflates to more than a picture may")
    except zlib.error as error:
        raise damaged(f"TIFF: {error}") from None
    return total


def is_raw_camera_file(data: bytes) -> bool:
    """A DNG is a TIFF whose first picture is only a thumbnail."""
    tiff = TiffFile(data, 0, len(data))
    return any(page.find(DNG_VERSION) for page in tiff.directories())


def _require_whole(tiff: TiffFile, page: Directory) -> None:
    if any(not tiff.fits(entry) for entry in page.entries):
        raise ValueError("value outside of the file")
    for offsets_tag, counts_tag in _DATA:
        offsets, counts = tiff.integers(page.find(offsets_tag)), tiff.integers(page.find(counts_tag))
        if any(offset + count > tiff.end for offset, count in zip(offsets, counts, strict=False)):
            raise ValueError("picture outside of the file")
