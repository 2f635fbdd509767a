"""One client's stream of assets: read on while earlier ones are taken, answered as they are durable.

    header --> announce --refused--> answer, and pass over its bytes
                  | reserve room
    chunks -----> spool
    end --------> take, beside up to max_assets_in_flight others --> answer

Nothing is read from the client while there is no place: HTTP/2 then makes the client wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TypeVar

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream_ingest.domain.arrival import Arrival, too_large
from annostream_ingest.domain.refusal import Refusal, Rejection
from annostream_ingest.inbound.spool import Spool, SpoolSpace
from annostream_ingest.messages import arrival_of
from annostream_ingest.use_cases.intake import Acknowledged, Intake
from annostream_kit.errors import InvalidArgument, Unavailable

MAX_CHUNK_BYTES = 1 << 20
Part = TypeVar("Part", api.StreamAssetsRequest, api.UploadAssetRequest)


@dataclass(slots=True)
class Incoming:
    """An asset of which not all has come. refusal: why the rest of it is passed over."""

    correlation_id: str
    arrival: Arrival
    spool: Spool | None = None
    refusal: Refusal | None = None

    def drop(self) -> None:
        if self.spool is not None:
            self.spool.drop()


@dataclass(frozen=True, slots=True)
class Outcome:
    correlation_id: str
    result: Acknowledged | Rejection


class Door:
    """Takes assets off the wire; the same for one as for many."""

    def __init__(self, intake: Intake, space: SpoolSpace) -> None:
        self._intake = intake
        self._space = space

    async def begin(self, header: api.AssetHeader) -> Incoming:
        """Raises what ends a stream: INVALID_NAME, PROJECT_NOT_FOUND, PROJECT_ARCHIVED."""
        arrival, refusal = arrival_of(header)
        refusal = await self._intake.announce(arrival) or refusal
        incoming = Incoming(header.correlation_id, arrival, refusal=refusal)
        if refusal is None:
            incoming.spool = await self._space.reserve(arrival.size_bytes or self._intake.limits.max_upload_bytes)
        return incoming

    async def add(self, incoming: Incoming, chunk: bytes) -> None:
        """Raises InvalidArgument CHUNK_TOO_LARGE."""
        if len(chunk) > MAX_CHUNK_BYTES:
            message = f"A chunk has {len(chunk):,} bytes; the most is {MAX_CHUNK_BYTES:,}: send smaller ones."
            raise InvalidArgument("CHUNK_TOO_LARGE", message, most=MAX_CHUNK_BYTES)
        spool = incoming.spool
        if spool is None:
            return
        limits = self._intake.limits
        most = incoming.arrival.size_bytes or limits.max_upload_bytes
        if spool.size_bytes + len(chunk) <= most:
            await spool.write(chunk)
            return
        incoming.refusal = _too_many(incoming.arrival, spool.size_bytes + len(chunk), limits.max_upload_bytes)
        incoming.drop()
        incoming.spool = None

    async def finish(self, incoming: Incoming) -> Outcome:
        """Everything has come; returns when the answer is durable, and holds nothing any more."""
        try:
            if incoming.spool is None:
                refusal = incoming.refusal or Refusal("EMPTY_FILE", "Nothing came.")
                result: Acknowledged | Rejection = await self._intake.refuse(incoming.arrival, refusal)
            else:
                await incoming.spool.finish()
                result = await self._intake.take(incoming.arrival, incoming.spool)
        finally:
            incoming.drop()
        return Outcome(incoming.correlation_id, result)


def _too_many(arrival: Arrival, size_bytes: int, max_upload_bytes: int) -> Refusal:
    if size_bytes > max_upload_bytes:
        return too_large(size_bytes, max_upload_bytes)
    message = f"{arrival.size_bytes:,} bytes were announced and more arrived. Send it again."
    return Refusal("CHECKSUM_MISMATCH", message)


@dataclass(slots=True)
class _Run:
    """The state of one stream. failure: what ends it, once those in flight are answered."""

    places: asyncio.Semaphore
    outcomes: asyncio.Queue[Outcome | None] = field(default_factory=asyncio.Queue)
    taking: set[asyncio.Task[None]] = field(default_factory=set)
    reading: asyncio.Task[None] | None = None
    current: Incoming | None = None
    failure: BaseException | None = None


class AssetStream:
    """max_idle_seconds: how long a client may be silent in the middle of an asset, for it holds room."""

    def __init__(self, door: Door, *, max_assets_in_flight: int, max_idle_seconds: float) -> None:
        self._door = door
        self._most = max_assets_in_flight
        self._idle_seconds = max_idle_seconds

    async def outcomes(self, requests: AsyncIterator[api.StreamAssetsRequest]) -> AsyncIterator[Outcome]:
        """One for each asset, as they are done; then raises what ended the stream, if anything did."""
        run = _Run(asyncio.Semaphore(self._most))
        run.reading = asyncio.create_task(self._read(requests, run))
        ending = asyncio.create_task(_end(run.reading, run))
        try:
            while (outcome := await run.outcomes.get()) is not None:
                yield outcome
                run.places.release()
            if run.failure is not None:
                raise run.failure
        finally:
            tasks = (ending, run.reading, *run.taking)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if run.current is not None:
                run.current.drop()

    async def _read(self, requests: AsyncIterator[api.StreamAssetsRequest], run: _Run) -> None:
        parts = aiter(requests)
        while run.failure is None:
            # Between two assets a client may take its time: it holds no room.
            idle = self._idle_seconds if run.current is not None else None
            part = await _next(parts, idle)
            if part is None:
                return
            await self._handle(part, run)

    async def _handle(self, part: api.StreamAssetsRequest, run: _Run) -> None:
        kind = part.WhichOneof("part")
        if kind == "header" and run.current is None:
            await run.places.acquire()
            if run.failure is None:
                run.current = await self._door.begin(part.header)
        elif kind == "chunk" and run.current is not None:
            await self._door.add(run.current, part.chunk)
        elif kind == "end" and run.current is not None:
            incoming, run.current = run.current, None
            task = asyncio.create_task(self._finish(incoming, run))
            run.taking.add(task)
            task.add_done_callback(run.taking.discard)
        else:
            raise _out_of_order(kind, run.current)

    async def _finish(self, incoming: Incoming, run: _Run) -> None:
        try:
            run.outcomes.put_nowait(await self._door.finish(incoming))
        except Exception as error:  # noqa: BLE001  # the reader of the outcomes raises it
            run.failure = run.failure or error
            if run.reading is not None:
                # The client may wait for this answer before it says more.
                run.reading.cancel()


async def _end(reading: asyncio.Task[None], run: _Run) -> None:
    """Waits until nothing more is read and all that was sent whole is answered."""
    await asyncio.wait({reading})
    if not reading.cancelled():
        run.failure = run.failure or reading.exception()
    while run.taking:
        await asyncio.wait(run.taking)
    run.outcomes.put_nowait(None)


async def _next(parts: AsyncIterator[Part], max_idle_seconds: float | None) -> Part | None:
    """None at the end; raises Unavailable STREAM_IDLE."""
    try:
        async with asyncio.timeout(max_idle_seconds):
            return await anext(parts, None)
    except TimeoutError as error:
        message = f"Nothing came for {max_idle_seconds:g} s in the middle of an asset: send it again."
        raise Unavailable("STREAM_IDLE", message) from error


def _out_of_order(kind: str | None, current: Incoming | None) -> InvalidArgument:
    if current is not None:
        message = f"'{kind}' came in the middle of an asset: send its chunks, then `end: true`, then the next header."
    else:
        message = f"'{kind}' came before a header: begin each asset with its header."
    return InvalidArgument("STREAM_OUT_OF_ORDER", message)


async def single(door: Door, requests: AsyncIterator[api.UploadAssetRequest], *, max_idle_seconds: float) -> Outcome:
    """The one asset of UploadAsset, whose end is the stream's end."""
    incoming: Incoming | None = None
    parts = aiter(requests)
    try:
        while (part := await _next(parts, max_idle_seconds)) is not None:
            kind = part.WhichOneof("part")
            if kind == "header" and incoming is None:
                incoming = await door.begin(part.header)
            elif kind == "chunk" and incoming is not None:
                await door.add(incoming, part.chunk)
            else:
                raise _out_of_order(kind, incoming)
        if incoming is None:
            raise _out_of_order("end", None)
        return await door.finish(incoming)
    finally:
        if incoming is not None:
            incoming.drop()
