"""A blob: the bytes of one content in one project, and where they lie.

    (claim) --> WRITING --settle--> PRESENT --begin_deletion--> DELETING --> (gone)
                 MENDING                                            ^
                   |                                                |
                   +---------- swept, or purged --------------------+

WRITING is set before the first byte goes to S3, so that no object is without a record; MENDING too, but where an asset
refers to it already, so that the reference does not say that the bytes are there. An eraser sets DELETING and then
looks for records of assets; a writer saves its record and then looks for DELETING: one of them sees the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from annostream_ingest.domain.asset import Image


class BlobState(StrEnum):
    WRITING = "WRITING"
    MENDING = "MENDING"
    PRESENT = "PRESENT"
    DELETING = "DELETING"


@dataclass(frozen=True, slots=True)
class Blob:
    """touched_at: when somebody last began to write it."""

    project: str
    sha256: str
    state: BlobState
    size_bytes: int
    media_type: str
    thumbnail_key: str
    image: Image
    touched_at: datetime

    @property
    def key(self) -> str:
        return blob_key(self.project, self.sha256)


def blob_key(project: str, sha256: str) -> str:
    """projects/{project}/blobs/sha256/ab/cd/<hash>"""
    return f"projects/{project}/blobs/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def thumbnail_key(project: str, sha256: str, media_type: str) -> str:
    """projects/{project}/thumbnails/ab/cd/<hash of the image>.<webp or jpg>"""
    ending = {"image/jpeg": "jpg", "image/webp": "webp"}[media_type]
    return f"projects/{project}/thumbnails/{sha256[:2]}/{sha256[2:4]}/{sha256}.{ending}"
