"""What export needs from outside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from annostream.annotate.v1 import project_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.job import Fact, Made, Progress, Requested, StoredFile
from annostream_export.domain.path import Claim, StemAndId
from annostream_export.domain.snapshot import Positions

Resource = TypeVar("Resource", bound=Made)
Clock = Callable[[], datetime]
# (newest first) the create time in microseconds and the name of the last one seen.
Cursor = tuple[int, str]


class RevisionConflictError(Exception):
    """Somebody else saved it in the meantime."""


class Jobs(Protocol[Resource]):
    """Snapshots, or exports: each is a job until it is finished."""

    async def create(self, project: str, request_key: str, make: Callable[[int], Requested[Resource]]) -> Resource:
        """Makes one with the project's next number, or answers the one that this request_key made before."""

    async def by_request(self, request_key: str) -> Resource | None: ...

    async def get(self, name: str) -> Resource | None: ...

    def listed(self, project: str, after: Cursor | None, limit: int) -> AsyncGenerator[Resource, None]:
        """Newest first, read as they are asked for."""

    async def due(self, now: datetime, limit: int) -> list[Resource]:
        """Not finished and held by nobody, those waiting longest first."""

    async def save(self, fact: Fact[Resource]) -> None:
        """State and event in one write; raises RevisionConflictError unless it follows what is stored."""

    async def renew(self, made: Resource, until: datetime, progress: Progress) -> bool:
        """Keeps the lease of this run; False where it is lost."""

    async def with_leftovers(self, before: datetime, limit: int) -> list[Resource]:
        """Failed until then, whose objects may lie in the bucket still; those that failed first come first."""

    async def forget_leftovers(self, made: Resource) -> None:
        """They are removed."""


class ExportFiles(Protocol):
    """The files of an export, which may be too many for its document."""

    async def add(self, export: str, run: int, first: int, files: Sequence[StoredFile]) -> None:
        """Numbers them from `first`."""

    def all(self, export: str, run: int) -> AsyncIterator[StoredFile]: ...

    async def page(self, export: str, run: int, first: int, limit: int) -> list[StoredFile]: ...

    async def drop_before(self, export: str, run: int) -> None:
        """Drops what earlier runs have listed; a run that lost its job long ago takes nothing of a later one."""


class Bucket(Protocol):
    """Objects by key (annostream_kit.objects.Objects)."""

    def uri(self, key: str) -> str:
        """Of an object: what is the same for all keys, and the key."""

    async def get(self, key: str) -> bytes: ...
    async def put(self, key: str, data: bytes | Path, *, media_type: str = "") -> None: ...
    async def put_new(self, key: str, data: bytes | Path, *, media_type: str = "") -> bool: ...
    async def size_of(self, key: str) -> int | None: ...
    async def delete(self, keys: Sequence[str]) -> None: ...
    def list(self, prefix: str) -> AsyncIterator[Listed]: ...
    def writer(self, key: str, *, media_type: str = "") -> BucketWriter: ...
    async def presigned_gets(self, keys: Sequence[str]) -> Sequence[str]: ...


class Listed(Protocol):
    """An object in a listing."""

    @property
    def key(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


class BucketWriter(Protocol):
    """One object as a stream; nothing is visible before close."""

    async def write(self, data: bytes) -> None: ...
    async def close(self) -> None: ...


class Spool(Protocol):
    """Rows put aside in blocks; only one block of them is in memory."""

    async def add(self, rows: Sequence[bytes]) -> None:
        """A block of one row or more. Raises FailedPrecondition SNAPSHOT_SPOOL_FULL."""

    def blocks(self) -> AsyncIterator[list[bytes]]:
        """Block by block as they were added; nothing is added any more. Raises SNAPSHOT_SPOOL_FULL."""


OpenSpool = Callable[[], AbstractAsyncContextManager[Spool]]


class PathClaims(Protocol):
    """Who wants which path."""

    async def path_claims(self, project: str, stems: Iterable[str]) -> Mapping[str, list[Claim]]:
        """Folded stem -> of each suffix, the first asset of the project that wants it."""

    async def claims_by_id(self, project: str, wanted: Iterable[StemAndId]) -> Mapping[StemAndId, list[Claim]]:
        """(folded stem, how an id begins) -> the assets of the project that want the stem and have such an id."""


class ModelView(PathClaims, Protocol):
    """The read model at one moment."""

    @property
    def read_time(self) -> datetime: ...

    async def project(self, project: str) -> project_pb2.Project | None: ...

    def completed_tasks(self, project: str) -> AsyncIterator[list[task_pb2.Task]]:
        """Batches in the order of the tasks' names."""

    async def assets(self, names: Iterable[str]) -> Mapping[str, asset_pb2.Asset]: ...


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A subject's state as its newest event told it."""

    subject: str
    revision: int
    resource: project_pb2.Project | task_pb2.Task | asset_pb2.Asset


class ReadModel(Protocol):
    """Projects, tasks and assets as their events tell; in generations, one of which is in use."""

    async def generation(self) -> int: ...

    async def has_project(self, project: str) -> bool:
        """Whether its event has reached us."""

    async def positions(self, generation: int, partitions: Iterable[tuple[str, int]]) -> Positions: ...

    async def write(self, generation: int, rows: Sequence[ModelRow], positions: Positions) -> None:
        """Each row only where its revision is greater; then redactions of what is purged; then the positions.

        Positions only grow. Whoever sees a redaction sees the purge in the model, too.
        """

    def at_one_moment(self) -> AbstractAsyncContextManager[ModelView]:
        """Raises FailedPrecondition SNAPSHOT_TOO_OLD where it is read for longer than the store keeps a moment."""

    async def digests(self, generations: Sequence[int]) -> list[str]:
        """SHA-256 over the canonical rows of each, all at one moment."""

    async def begin_rebuild(self, holder: str, *, now: datetime, lease_seconds: float) -> int | None:
        """An empty generation to fill, None while another rebuild runs."""

    async def renew_rebuild(self, holder: str, *, now: datetime, lease_seconds: float) -> bool: ...

    async def switch(self, holder: str, generation: int, *, now: datetime) -> bool:
        """Takes the generation into use; False where the rebuild's lease is lost."""

    async def end_rebuild(self, holder: str) -> None: ...

    async def drop_unused(self, *, now: datetime, keep_seconds: float) -> None:
        """Drops generations that have been out of use for so long."""


class Redactions(Protocol):
    """Assets that were purged for good. Nothing leaves this list; a purge is settled once all copies are dealt with."""

    async def add(self, assets: Sequence[str]) -> None:
        """They wait to be settled; one that is known stays as it is."""

    async def of(self, project: str, limit: int) -> Mapping[str, bool]:
        """At most so many of the project's -> whether that is settled."""

    async def among(self, assets: Sequence[str]) -> Mapping[str, bool]:
        """Those of the assets that were purged -> whether that is settled."""

    async def waiting(self, limit: int) -> list[str]:
        """Not settled, those waiting longest first."""

    async def put_off(self, assets: Sequence[str]) -> None:
        """They wait behind the others."""

    async def settle(self, assets: Sequence[str]) -> None: ...


class Upstream(Protocol):
    """Ingest and annotate, asked where an answer is needed now."""

    async def positions(self, project: str) -> Positions:
        """The end of the project's events in both: everything acknowledged before this call lies before it."""

    async def project_exists(self, project: str) -> bool: ...
