"""A zip archive as a stream of bytes: deterministic, zip64 where needed, its directory spooled to disk.

The standard library's writer keeps about a kilobyte in memory for each entry; this one keeps none. Times are all
1980-01-01, so that equal content gives equal bytes. Whole entries are stored, streamed ones deflated:
by ISA-L, which takes a third of zlib's time for the same size.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

from isal import isal_zlib

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_DESCRIPTOR64 = struct.Struct("<4sLQQ")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_UTF8, _DESCRIBED_LATER = 0x800, 0x8
_STORED, _DEFLATED = 0, 8
_DATE = (1 << 5) | 1  # 1980-01-01 in MS-DOS form
_MADE_BY_UNIX = (3 << 8) | 45
_REGULAR_FILE = 0o100644 << 16
_MOST = 0xFFFFFFFF
_LEVEL = 1
_DIRECTORY_IN_MEMORY = 8 << 20


class ZipStream:
    """Each method answers the bytes that come next in the archive."""

    def __init__(self) -> None:
        self._directory: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115  # closed by close()
            _DIRECTORY_IN_MEMORY
        )
        self._offset = 0
        self._count = 0
        self._entry: _Streamed | None = None

    def whole(self, files: Sequence[tuple[str, bytes]]) -> bytes:
        """Small files, stored one after another."""
        out: list[bytes] = []
        for path, data in files:
            name, crc, size = path.encode(), isal_zlib.crc32(data), len(data)
            if size > _MOST:
                raise ValueError(f"{path} is larger than 4 GiB: stream it.")
            header = _LOCAL.pack(b"PK\3\4", 20, _UTF8, _STORED, 0, _DATE, crc, size, size, len(name), 0)
            self._list(name, _UTF8, _STORED, crc=crc, packed=size, size=size)
            self._offset += len(header) + len(name) + size
            out += (header, name, data)
        return b"".join(out)

    def begin(self, path: str) -> bytes:
        """A file whose size is not known yet; deflated."""
        name = path.encode()
        flags = _UTF8 | _DESCRIBED_LATER
        extra = struct.pack("<2H2Q", 1, 16, 0, 0)
        header = _LOCAL.pack(b"PK\3\4", 45, flags, _DEFLATED, 0, _DATE, 0, _MOST, _MOST, len(name), len(extra))
        self._entry = _Streamed(name, flags)
        self._entry.head = len(header) + len(name) + len(extra)
        return header + name + extra

    def more(self, data: bytes) -> bytes:
        """The next bytes of the file begun last."""
        return self._begun().compress(data)

    def end(self) -> bytes:
        """The end of the file begun last."""
        entry = self._begun()
        tail = entry.flush()
        descriptor = _DESCRIPTOR64.pack(b"PK\7\10", entry.crc, entry.packed, entry.size)
        self._list(entry.name, entry.flags, _DEFLATED, crc=entry.crc, packed=entry.packed, size=entry.size)
        self._offset += entry.head + entry.packed + len(descriptor)
        self._entry = None
        return tail + descriptor

    def close(self) -> Iterator[bytes]:
        """The directory, in pieces."""
        size, start = self._directory.tell(), self._offset
        self._directory.seek(0)
        while piece := self._directory.read(1 << 20):
            yield piece
        self._directory.close()
        end64 = _END64.pack(b"PK\6\6", 44, _MADE_BY_UNIX, 45, 0, 0, self._count, self._count, size, start)
        locator = _LOCATOR64.pack(b"PK\6\7", 0, start + size, 1)
        short = min(self._count, 0xFFFF)
        end = _END.pack(b"PK\5\6", 0, 0, short, short, min(size, _MOST), min(start, _MOST), 0)
        large = self._count >= 0xFFFF or size >= _MOST or start >= _MOST
        yield end64 + locator + end if large else end

    def _begun(self) -> _Streamed:
        if self._entry is None:
            raise RuntimeError("No entry of this archive is begun.")
        return self._entry

    def _list(self, name: bytes, flags: int, method: int, *, crc: int, packed: int, size: int) -> None:
        large = [number for number in (size, packed, self._offset) if number >= _MOST]
        extra = struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
        self._directory.write(
            _CENTRAL.pack(
                b"PK\1\2",
                _MADE_BY_UNIX,
                45 if large or flags & _DESCRIBED_LATER else 20,
                flags,
                method,
                0,
                _DATE,
                crc,
                min(packed, _MOST),
                min(size, _MOST),
                len(name),
                len(extra),
                0,
                0,
                0,
                _REGULAR_FILE,
                min(self._offset, _MOST),
            )
            + name
            + extra
        )
        self._count += 1


class _Streamed:
    def __init__(self, name: bytes, flags: int) -> None:
        self.name, self.flags, self.head = name, flags, 0
        self.crc = self.size = self.packed = 0
        self._deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)

    def compress(self, data: bytes) -> bytes:
        self.crc = isal_zlib.crc32(data, self.crc)
        self.size += len(data)
        return self._count(self._deflate.compress(data))

    def flush(self) -> bytes:
        return self._count(self._deflate.flush())

    def _count(self, packed: bytes) -> bytes:
        self.packed += len(packed)
        return packed
