"""Files of an export as the store holds them."""

from collections.abc import Callable
from dataclasses import dataclass

OnBytes = Callable[[int], None]


@dataclass(frozen=True)
class RemoteFile:
    """path: relative to the export. url: a presigned GET that lives for a short while."""

    path: str
    url: str
    size_bytes: int
    sha256: str
