"""Export's ports in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.job import Fact, Made, Progress, Requested, State, StoredFile
from annostream_export.domain.path import Claim, StemAndId, path_key
from annostream_export.ports import Cursor, RevisionConflictError
from annostream_kit.objects import ObjectMissingError

Resource = TypeVar("Resource", bound=Made)


class MemoryJobs(Generic[Resource]):
    """annostream_export.ports.Jobs; `facts` are those saved."""

    def __init__(self) -> None:
        self.facts: list[Fact[Resource]] = []
        self._made: dict[str, Resource] = {}
        self._requests: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._swept: set[str] = set()

    async def create(self, project: str, request_key: str, make: Callable[[int], Requested[Resource]]) -> Resource:
        self._numbers[project] = self._numbers.get(project, 0) + 1
        if request_key in self._requests:
            return self._made[self._requests[request_key]]
        made = make(self._numbers[project]).after
        self._made[made.name] = made
        self._requests[request_key] = made.name
        return made

    async def by_request(self, request_key: str) -> Resource | None:
        return self._made.get(self._requests.get(request_key, ""))

    async def get(self, name: str) -> Resource | None:
        return self._made.get(name)

    async def listed(self, project: str, after: Cursor | None, limit: int) -> AsyncGenerator[Resource, None]:
        rows = sorted((_cursor(made), made.name) for made in self._made.values() if made.project == project)
        for name in [name for cursor, name in reversed(rows) if after is None or cursor < after][:limit]:
            yield self._made[name]

    async def due(self, now: datetime, limit: int) -> list[Resource]:
        waiting = [made for made in self._made.values() if not made.state.final and made.job.until <= now]
        return sorted(waiting, key=lambda made: made.job.until)[:limit]

    async def save(self, fact: Fact[Resource]) -> None:
        stored = self._made.get(fact.after.name)
        if stored is not None and (stored.revision, stored.job) == (fact.after.revision, fact.after.job):
            return
        if stored is None or stored.revision != fact.after.revision - 1:
            raise RevisionConflictError(fact.after.name)
        self._made[fact.after.name] = fact.after
        self.facts.append(fact)

    async def renew(self, made: Resource, until: datetime, progress: Progress) -> bool:
        stored = self._made.get(made.name)
        if stored is None or stored.revision != made.revision:
            return False
        self._made[made.name] = replace(stored, job=replace(stored.job, until=until), progress=progress)
        return True

    async def with_leftovers(self, before: datetime, limit: int) -> list[Resource]:
        ended = [
            (made.end_time, name)
            for name, made in self._made.items()
            if made.state is State.FAILED and name not in self._swept and made.end_time and made.end_time <= before
        ]
        return [self._made[name] for _, name in sorted(ended)[:limit]]

    async def forget_leftovers(self, made: Resource) -> None:
        self._swept.add(made.name)


class MemoryClaims:
    """annostream_export.ports.PathClaims over a list of assets."""

    def __init__(self, assets: Sequence[asset_pb2.Asset]) -> None:
        self._claims: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        for asset in assets:
            key = path_key(asset.path, asset.media_type)
            claim = Claim(asset.create_time.ToMicroseconds(), asset.name, key.suffix)
            self._claims[asset.name.split("/")[1], key.stem].append(claim)

    async def path_claims(self, project: str, stems: Iterable[str]) -> Mapping[str, list[Claim]]:
        found: dict[str, list[Claim]] = {}
        for stem in stems:
            claims = self._claims.get((project, stem), [])
            suffixes = {claim.suffix for claim in claims}
            found[stem] = [min(claim for claim in claims if claim.suffix == suffix) for suffix in suffixes]
        return found

    async def claims_by_id(self, project: str, wanted: Iterable[StemAndId]) -> Mapping[StemAndId, list[Claim]]:
        return {
            (stem, beginning): [
                claim
                for claim in self._claims.get((project, stem), [])
                if claim.asset.rsplit("/", 1)[-1].startswith(beginning)
            ]
            for stem, beginning in wanted
        }


def _cursor(made: Made) -> Cursor:
    return round(made.create_time.timestamp() * 1_000_000), made.name


class MemoryFiles:
    """annostream_export.ports.ExportFiles."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int, int], StoredFile] = {}

    async def add(self, export: str, run: int, first: int, files: Sequence[StoredFile]) -> None:
        self._rows |= {(export, run, first + place): file for place, file in enumerate(files)}

    async def all(self, export: str, run: int) -> AsyncIterator[StoredFile]:
        for file in await self.page(export, run, 0, len(self._rows)):
            yield file

    async def page(self, export: str, run: int, first: int, limit: int) -> list[StoredFile]:
        keys = sorted(key for key in self._rows if key[:2] == (export, run) and key[2] >= first)
        return [self._rows[key] for key in keys[:limit]]

    async def drop_before(self, export: str, run: int) -> None:
        self._rows = {key: file for key, file in self._rows.items() if key[0] != export or key[1] >= run}


@dataclass(frozen=True, slots=True)
class MemoryListed:
    key: str
    size_bytes: int


class MemoryWriter:
    """Nothing is visible before close."""

    def __init__(self, objects: dict[str, bytes], key: str) -> None:
        self._objects, self._key = objects, key
        self._data = bytearray()

    async def write(self, data: bytes) -> None:
        self._data += data

    async def close(self) -> None:
        self._objects[self._key] = bytes(self._data)


class MemoryBucket:
    """annostream_export.ports.Bucket."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def uri(self, key: str) -> str:
        return f"s3://memory/{key}"

    async def get(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError as error:
            raise ObjectMissingError(key) from error

    async def put(self, key: str, data: bytes | Path, *, media_type: str = "") -> None:  # noqa: ARG002
        self.objects[key] = data if isinstance(data, bytes) else data.read_bytes()

    async def put_new(self, key: str, data: bytes | Path, *, media_type: str = "") -> bool:
        if key in self.objects:
            return False
        await self.put(key, data, media_type=media_type)
        return True

    async def size_of(self, key: str) -> int | None:
        return len(self.objects[key]) if key in self.objects else None

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    async def list(self, prefix: str) -> AsyncIterator[MemoryListed]:
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield MemoryListed(key, len(self.objects[key]))

    def writer(self, key: str, *, media_type: str = "") -> MemoryWriter:  # noqa: ARG002
        return MemoryWriter(self.objects, key)

    async def presigned_gets(self, keys: Sequence[str]) -> Sequence[str]:
        return [f"https://memory/{key}" for key in keys]


class MemoryRedactions:
    """annostream_export.ports.Redactions."""

    def __init__(self) -> None:
        # True where it is settled; those that wait stand in the order of their waiting.
        self._settled: dict[str, bool] = {}

    async def add(self, assets: Sequence[str]) -> None:
        for asset in assets:
            self._settled.setdefault(asset, False)

    async def of(self, project: str, limit: int) -> Mapping[str, bool]:
        found = [asset for asset in self._settled if asset.startswith(f"projects/{project}/")]
        return {asset: self._settled[asset] for asset in found[:limit]}

    async def among(self, assets: Sequence[str]) -> Mapping[str, bool]:
        return {asset: self._settled[asset] for asset in assets if asset in self._settled}

    async def waiting(self, limit: int) -> list[str]:
        return [asset for asset, settled in self._settled.items() if not settled][:limit]

    async def put_off(self, assets: Sequence[str]) -> None:
        for asset in assets:
            if not self._settled.get(asset, True):
                self._settled[asset] = self._settled.pop(asset)

    async def settle(self, assets: Sequence[str]) -> None:
        self._settled |= {asset: True for asset in assets if asset in self._settled}
