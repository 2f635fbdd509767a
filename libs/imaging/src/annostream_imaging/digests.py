"""SHA-256 and MD5 of the same bytes, in one pass."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Digests:
    """Both in lower-case hex, and the length in bytes. MD5 names content for stores that ask for it, no more."""

    sha256: str
    md5: str
    size_bytes: int


class DigestStream:
    """Takes bytes as they arrive."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size_bytes = 0

    def update(self, chunk: bytes | memoryview) -> None:
        self._sha256.update(chunk)
        self._md5.update(chunk)
        self._size_bytes += len(chunk)

    def digests(self) -> Digests:
        return Digests(self._sha256.hexdigest(), self._md5.hexdigest(), self._size_bytes)


def hash_bytes(data: bytes | memoryview) -> Digests:
    """The digests of bytes in memory."""
    stream = DigestStream()
    stream.update(data)
    return stream.digests()


def hash_file(path: Path) -> Digests:
    """The digests of a file, read in chunks of 1 MiB."""
    stream = DigestStream()
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(_CHUNK_BYTES)
        while count := file.readinto(buffer):
            stream.update(memoryview(buffer)[:count])
    return stream.digests()
