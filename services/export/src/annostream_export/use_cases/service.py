"""What ExportService answers: load, decide, save; the jobs themselves are made by runners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from annostream_export.domain import export as exports
from annostream_export.domain import snapshot as snapshots
from annostream_export.domain.export import Export, Format, Images, Packaging
from annostream_export.domain.job import Made, State, StoredFile
from annostream_export.domain.snapshot import Snapshot
from annostream_export.ports import Bucket, Clock, Cursor, ExportFiles, Jobs, ReadModel, Upstream
from annostream_kit.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from annostream_kit.ids import derive_id, parse_name, random_id
from annostream_kit.paging import decode_token, encode_token, page_size

# A watcher hears of a short job soon, and asks little about a long one: a pause is a twentieth of the time gone by.
_FIRST_WATCH_SECONDS, _LONGEST_WATCH_SECONDS = 0.01, 0.3
_WATCH_GROWTH = 1.05
_MAX_URLS = 1_000
Resource = TypeVar("Resource", bound=Made)


@dataclass(frozen=True, slots=True)
class FileLinks:
    """Files with presigned links.  first: the number of the first one.  until: when the links end.  more: follow."""

    files: Sequence[tuple[StoredFile, str]]
    first: int
    until: datetime
    more: bool

    def token_after(self, count: int) -> str:
        """Of the page that begins after its first `count`; empty where none follows."""
        return encode_token([self.first + count]) if self.more or count < len(self.files) else ""


class ExportUseCases:
    """wake_*: tell this replica's runners that there is something to do."""

    def __init__(  # noqa: PLR0917  # wiring
        self,
        snapshot_jobs: Jobs[Snapshot],
        export_jobs: Jobs[Export],
        files: ExportFiles,
        model: ReadModel,
        upstream: Upstream,
        bucket: Bucket,
        clock: Clock,
        *,
        train_fraction: float,
        url_lifetime: timedelta,
        wake_snapshots: Callable[[], None],
        wake_exports: Callable[[], None],
    ) -> None:
        self._snapshots = snapshot_jobs
        self._exports = export_jobs
        self._files = files
        self._model = model
        self._upstream = upstream
        self._bucket = bucket
        self._clock = clock
        self._train_fraction = train_fraction
        self._url_lifetime = url_lifetime
        self._wake_snapshots = wake_snapshots
        self._wake_exports = wake_exports

    async def create_snapshot(self, parent: str, *, request_id: str) -> Snapshot:
        """Holds everything that was acknowledged before this call. Raises NotFound PROJECT_NOT_FOUND."""
        (project,) = parse_name("projects/*", parent)
        key = _request_key("snapshot", project, request_id)
        if (earlier := await self._snapshots.by_request(key)) is not None:
            return earlier
        await self.check_project(project)
        wanted = await self._upstream.positions(project)
        snapshot = await self._snapshots.create(
            project, key, lambda number: snapshots.request(project, number, wanted, now=self._clock())
        )
        self._wake_snapshots()
        return snapshot

    async def check_project(self, project: str) -> None:
        """Raises NotFound PROJECT_NOT_FOUND."""
        # Its event may not have reached us yet: then annotate is asked once.
        if not await self._model.has_project(project) and not await self._upstream.project_exists(project):
            message = f"There is no project projects/{project}: `annostream projects list` shows those that are."
            raise NotFound("PROJECT_NOT_FOUND", message, project=project)

    async def create_export(
        self, snapshot: str, chosen: tuple[Format, Images, Packaging], *, request_id: str
    ) -> Export:
        """Raises NotFound SNAPSHOT_NOT_FOUND, FailedPrecondition SNAPSHOT_FAILED, AlreadyExists EXPORT_EXISTS."""
        found = await self.snapshot(snapshot)
        if found.state is State.FAILED:
            reason = found.failure.message if found.failure else ""
            raise FailedPrecondition("SNAPSHOT_FAILED", f"{snapshot} was not made: {reason}", snapshot=snapshot)
        key = _request_key("export", snapshot, request_id)
        name = f"projects/{found.project}/exports/{derive_id(key)}"
        export = await self._exports.create(
            found.project,
            key,
            lambda _: exports.request(
                name, found.project, snapshot, chosen, train_fraction=self._train_fraction, now=self._clock()
            ),
        )
        if (export.format, export.images, export.packaging) != chosen:
            message = f"This request_id has made {name} already, with other choices: use a new one."
            raise AlreadyExists("EXPORT_EXISTS", message, export=name)
        self._wake_exports()
        return export

    async def snapshot(self, name: str) -> Snapshot:
        """Raises NotFound SNAPSHOT_NOT_FOUND."""
        parse_name("projects/*/snapshots/*", name)
        found = await self._snapshots.get(name)
        if found is None:
            message = f"There is no snapshot {name}: ListSnapshots names those that are."
            raise NotFound("SNAPSHOT_NOT_FOUND", message, snapshot=name)
        return found

    async def export(self, name: str) -> Export:
        """Raises NotFound EXPORT_NOT_FOUND."""
        parse_name("projects/*/exports/*", name)
        found = await self._exports.get(name)
        if found is None:
            message = f"There is no export {name}: ListExports names those that are."
            raise NotFound("EXPORT_NOT_FOUND", message, export=name)
        return found

    def list_snapshots(self, parent: str, limit: int, token: str) -> AsyncGenerator[Snapshot, None]:
        """Newest first, from where the page before ended."""
        (project,) = parse_name("projects/*", parent)
        return self._snapshots.listed(project, _cursor(token), limit)

    def list_exports(self, parent: str, limit: int, token: str) -> AsyncGenerator[Export, None]:
        """Newest first, from where the page before ended."""
        (project,) = parse_name("projects/*", parent)
        return self._exports.listed(project, _cursor(token), limit)

    def watch_snapshot(self, name: str) -> AsyncIterator[Snapshot]:
        """At once, at each change, and last when it is finished."""
        return _watch(lambda: self.snapshot(name))

    def watch_export(self, name: str) -> AsyncIterator[Export]:
        """At once, at each change, and last when it is finished."""
        return _watch(lambda: self.export(name))

    async def export_urls(self, name: str, size: int, token: str) -> FileLinks:
        """Files with presigned links: a page of them."""
        export = await self.export(name)
        if export.state is not State.DONE:
            raise _not_completed(export)
        limit = page_size(size, default=_MAX_URLS, most=_MAX_URLS)
        first, until = _first(token), self._clock() + self._url_lifetime
        found = await self._files.page(name, export.job.run, first, limit + 1)
        files = found[:limit]
        urls = await self._bucket.presigned_gets([file.key for file in files])
        return FileLinks(list(zip(files, urls, strict=True)), first, until, more=len(found) > limit)


def _not_completed(export: Export) -> FailedPrecondition:
    if export.failure is not None:
        message = f"{export.name} has no files: {export.failure.message}"
    else:
        message = f"{export.name} is {export.state.name.lower()}: WatchExport tells when its files are there."
    return FailedPrecondition("EXPORT_NOT_COMPLETED", message, export=export.name)


def _request_key(kind: str, scope: str, request_id: str) -> str:
    return derive_id(kind, scope, request_id) if request_id else random_id()


def _first(token: str) -> int:
    key = decode_token(token)
    if key is None:
        return 0
    if len(key) != 1 or not isinstance(key[0], int) or key[0] < 0:
        raise _invalid_token(token)
    return key[0]


def token_after(last: Made | None) -> str:
    """Of the page that begins after this one; empty for None: there is none."""
    return encode_token([round(last.create_time.timestamp() * 1_000_000), last.name]) if last else ""


def _cursor(token: str) -> Cursor | None:
    key = decode_token(token)
    if key is None:
        return None
    if len(key) != 2 or not isinstance(key[0], int) or not isinstance(key[1], str):
        raise _invalid_token(token)
    return key[0], key[1]


def _invalid_token(token: str) -> InvalidArgument:
    message = "This page_token is of another list: start again without one."
    return InvalidArgument("INVALID_PAGE_TOKEN", message, page_token=token[:100])


async def _watch(look: Callable[[], Awaitable[Resource]]) -> AsyncIterator[Resource]:
    told: tuple[object, object] | None = None
    for seconds in watch_pauses():
        made = await look()
        seen = (made.revision, made.progress)
        if seen != told:
            yield made
            told = seen
        if made.state.final:
            return
        await asyncio.sleep(seconds)


def watch_pauses() -> Iterator[float]:
    """Seconds between a watcher's looks, without end."""
    seconds = _FIRST_WATCH_SECONDS
    while True:
        yield seconds
        seconds = min(seconds * _WATCH_GROWTH, _LONGEST_WATCH_SECONDS)
