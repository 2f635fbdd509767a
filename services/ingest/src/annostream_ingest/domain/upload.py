"""An upload: what a browser sends to S3 itself, before it is looked at.

    open_upload --> (bytes arrive at its key) --> complete --> settled: Taken | Rejection
        |                                                        |
        +------------ sweep_at: object, parts and record go -----+

Pure: no I/O, no clock. An upload is a claim; what becomes an asset is decided by the bytes that arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from annostream_ingest.domain.arrival import Arrival, Received, check_received, too_large
from annostream_ingest.domain.refusal import Refusal, Rejection

_ANY_BYTES = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Taken:
    """id: of the asset.  duplicate: the project had it already."""

    asset: str
    duplicate: bool


Outcome = Taken | Rejection


@dataclass(frozen=True, slots=True)
class Upload:
    """part_bytes: of each part but the last; 0: sent whole.  multipart: S3's id of the upload in parts, once begun.

    expires_at: when its links end.  sweep_at: when nothing that began in time can still arrive.
    """

    id: str
    arrival: Arrival
    part_bytes: int
    expires_at: datetime
    sweep_at: datetime
    multipart: str = ""
    outcome: Outcome | None = None

    @property
    def project(self) -> str:
        return self.arrival.project

    @property
    def key(self) -> str:
        return upload_key(self.project, self.id)

    @property
    def part_sizes(self) -> list[int]:
        """Bytes of each part; of one that is sent whole, its own."""
        size = self.arrival.size_bytes
        if not self.part_bytes:
            return [size]
        return [min(self.part_bytes, size - start) for start in range(0, size, self.part_bytes)]

    def begun(self, multipart: str) -> Upload:
        return replace(self, multipart=multipart)


def upload_key(project: str, upload: str) -> str:
    """Its name, and its key in S3: projects/{project}/uploads/{id}"""
    return f"projects/{project}/uploads/{upload}"


def check_claim(arrival: Arrival, media_type: str) -> Refusal | None:
    """What a browser's own words give away, so that it need not send the bytes; "" is no word."""
    if arrival.size_bytes <= 0:
        return Refusal("EMPTY_FILE", "The file is empty. Check that it was copied whole, and send it again.")
    kind = media_type.partition(";")[0].strip().lower()
    if kind and kind != _ANY_BYTES and not kind.startswith("image/"):
        message = (
            f"The file is said to be {kind[:80]}, and only images are taken. Leave it out, or leave the type empty."
        )
        return Refusal("UNSUPPORTED_TYPE", message)
    return None


def open_upload(upload: str, arrival: Arrival, *, part_bytes: int, lifetime: timedelta, now: datetime) -> Upload:
    """part_bytes: above it, the file is sent in parts of so many."""
    return Upload(
        id=upload,
        arrival=arrival,
        part_bytes=part_bytes if arrival.size_bytes > part_bytes else 0,
        expires_at=now + lifetime,
        # What began to arrive on a link's last second gets as long again.
        sweep_at=now + 2 * lifetime,
    )


def check_arrived(upload: Upload, size_bytes: int, *, max_upload_bytes: int) -> Refusal | None:
    """By its size alone, before it is read: for S3 servers that do not hold a link to its size."""
    if size_bytes > max_upload_bytes:
        return too_large(size_bytes, max_upload_bytes)
    return check_received(upload.arrival, Received("", "", size_bytes))
