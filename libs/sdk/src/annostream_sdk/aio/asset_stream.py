"""StreamAssets from the client's side: many files in flight, each read in chunks, resent when the stream breaks."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

import grpc
from google.protobuf.struct_pb2 import Struct

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub
from annostream_sdk.aio.connection import Patience, Service
from annostream_sdk.aio.file_source import CHUNK_BYTES, FileSource, open_file, unreadable
from annostream_sdk.errors import reason_of
from annostream_sdk.files import SourceFile
from annostream_sdk.ingestion import Became, Outcome

_WRITE_MET_THE_END = "Internal error from Core"
# So long the next stream listens after its first header for the refusal that a write may have hidden.
_LISTEN_SECONDS = 0.2

StreamCall: TypeAlias = "grpc.aio.StreamStreamCall[api.StreamAssetsRequest, api.StreamAssetsResponse]"


@dataclass(frozen=True)
class StreamSettings:
    """parent: projects/{project}. metadata goes with each asset. max_in_flight: files sent and not answered yet."""

    parent: str
    metadata: Struct | None = None
    max_in_flight: int = 32


class AssetStream:
    """Takes files from a source until it is empty; `run` ends when each has its outcome."""

    def __init__(self, service: Service, source: FileSource, settings: StreamSettings, outcomes: "Outcomes") -> None:
        self._service = service
        self._stub = IngestServiceStub(service.channel)
        self._source = source
        self._settings = settings
        self._outcomes = outcomes
        self._unanswered: dict[str, SourceFile] = {}
        self._sizes: dict[str, int] = {}
        self._unreadable: dict[str, Outcome] = {}
        self._slots = asyncio.Semaphore(settings.max_in_flight)
        self._numbers = itertools.count(1)
        self._exhausted = False
        self._listens = False
        self._patience: Patience = service.patience()
        self._moved_at = 0.0
        self._handing_over = False

    async def run(self) -> None:
        """Raises AnnostreamError when the server stays away or refuses the stream."""
        self._patience = self._service.patience()
        while self._unanswered or not self._exhausted:
            try:
                await self._connection()
            except grpc.aio.AioRpcError as error:
                self._listens = _is_masked(error)
                await self._service.wait_or_raise(_passing(error), self._patience)

    async def _connection(self) -> None:
        """One call: what has no outcome yet is sent again, then new files follow."""
        call = self._stub.StreamAssets(None, metadata=self._service.metadata())
        reader = asyncio.ensure_future(self._read(call))
        writer = asyncio.ensure_future(self._write(call, list(self._unanswered.items())))
        try:
            await self._first_end(reader, writer)
        finally:
            reader.cancel()
            writer.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            call.cancel()

    async def _first_end(self, reader: "asyncio.Future[None]", writer: "asyncio.Future[None]") -> None:
        """The reader knows how the call ended; the writer's end matters only when a file broke it."""
        waiting = {reader, writer}
        limits = self._service.limits
        failing = self._patience.failing_seconds() > 0
        longest = min(limits.stall_seconds, self._patience.left_seconds()) if failing else limits.stall_seconds
        self._moved()
        while not reader.done():
            look_again = min(longest, limits.silence_notice_seconds) / 4
            done, _ = await asyncio.wait(waiting, timeout=look_again, return_when=asyncio.FIRST_COMPLETED)
            if writer in done:
                writer.result()
                waiting.discard(writer)
            if not done:
                self._check_silence(longest)
        reader.result()
        if self._unanswered:
            raise _ended("The server ended the stream before it had answered.")

    def _moved(self) -> None:
        self._moved_at = asyncio.get_running_loop().time()

    def _check_silence(self, longest: float) -> None:
        """Raises when the server has neither answered nor taken anything for so long."""
        if not self._unanswered or self._handing_over:
            self._moved()
        silent = asyncio.get_running_loop().time() - self._moved_at
        if silent >= longest:
            raise _ended("The server has not answered for too long.")
        self._service.tell_silence(silent)

    async def _read(self, call: StreamCall) -> None:
        async for response in call:
            self._service.answered()
            self._patience.succeeded()
            self._handing_over = True  # Whoever takes the outcome may take their time: that is no silence.
            try:
                await self._settle(response.correlation_id, self._outcome(response))
            finally:
                self._handing_over = False
                self._moved()

    async def _settle(self, key: str, outcome: Outcome | None) -> None:
        """Told first, forgotten then: an interruption between the two sends a file again, and loses none."""
        if key in self._unanswered and outcome is not None:
            await self._outcomes.put(outcome)
            del self._unanswered[key]
            self._sizes.pop(key, None)
            self._unreadable.pop(key, None)
            self._slots.release()

    def _outcome(self, response: api.StreamAssetsResponse) -> Outcome | None:
        file = self._unanswered.get(response.correlation_id)
        if file is None or response.correlation_id in self._unreadable:
            return self._unreadable.get(response.correlation_id)
        size = self._sizes.get(response.correlation_id, 0)
        if response.WhichOneof("outcome") == "rejection":
            rejection = response.rejection
            return Outcome(
                file.name, Became.REJECTED, size_bytes=size, reason=rejection.reason, message=rejection.message
            )
        kept = response.acknowledgement
        became = Became.DUPLICATE if kept.duplicate else Became.INGESTED
        return Outcome(file.name, became, asset=kept.asset, sha256=kept.sha256, size_bytes=size)

    async def _write(self, call: StreamCall, again: list[tuple[str, SourceFile]]) -> None:
        try:
            for key, file in again:
                await self._send(call, key, file)
            while (new := await self._begin()) is not None:
                await self._send(call, *new)
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # The call is over: the reader says how.

    async def _begin(self) -> tuple[str, SourceFile] | None:
        await self._slots.acquire()
        try:
            file = None if self._exhausted else await self._source.next()
        except BaseException:
            self._slots.release()
            raise
        if file is None:
            self._exhausted = True
            self._slots.release()
            return None
        key = str(next(self._numbers))
        self._unanswered[key] = file
        return key, file

    async def _send(self, call: StreamCall, key: str, file: SourceFile) -> None:
        try:
            file.name.encode()
            opened, size, chunk = await asyncio.to_thread(open_file, file)
        except (OSError, UnicodeEncodeError) as error:
            await self._settle(key, unreadable(file, error))
            return
        with opened:
            await call.write(api.StreamAssetsRequest(header=self._header(key, file, size)))
            self._sizes[key] = size
            if self._listens:
                self._listens = False
                await asyncio.sleep(_LISTEN_SECONDS)
            await self._send_chunks(call, key, file, opened, chunk)
        await call.write(api.StreamAssetsRequest(end=True))

    async def _send_chunks(self, call: StreamCall, key: str, file: SourceFile, opened: BinaryIO, chunk: bytes) -> None:
        while chunk and key in self._unanswered:  # An early rejection spares the rest.
            await call.write(api.StreamAssetsRequest(chunk=chunk))
            self._moved()
            if len(chunk) < CHUNK_BYTES:
                return
            try:
                chunk = await asyncio.to_thread(opened.read, CHUNK_BYTES)
            except OSError as error:
                # The server misses the rest and refuses what it has; the user hears the cause.
                self._unreadable[key] = unreadable(file, error)
                return

    def _header(self, key: str, file: SourceFile, size: int) -> api.AssetHeader:
        return api.AssetHeader(
            parent=self._settings.parent,
            path=file.name,
            metadata=self._settings.metadata,
            correlation_id=key,
            size_bytes=size,
        )


class Outcomes:
    """A bounded queue of outcomes from several streams: who does not take them slows the streams down."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Outcome | None] = asyncio.Queue(maxsize=256)

    async def put(self, outcome: Outcome) -> None:
        await self._queue.put(outcome)

    async def of(self, streams: list[AssetStream]) -> AsyncGenerator[Outcome]:
        """Runs the streams and yields as they answer; the first that fails ends all, after what was answered."""
        running = asyncio.ensure_future(_run_all(streams))
        running.add_done_callback(lambda _: self._wake())
        try:
            while not (running.done() and self._queue.empty()):
                if (outcome := await self._queue.get()) is not None:
                    yield outcome
            running.result()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def _wake(self) -> None:
        if not self._queue.full():
            self._queue.put_nowait(None)


async def _run_all(streams: list[AssetStream]) -> None:
    tasks = [asyncio.ensure_future(stream.run()) for stream in streams]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _passing(error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
    """A server that stops cancels its streams, a bored one ends them: for us that is the same as one that went away."""
    if error.code() is grpc.StatusCode.CANCELLED or reason_of(error) == "STREAM_IDLE" or _is_masked(error):
        return _ended(error.details() or "The server ended the stream.")
    return error


def _is_masked(error: grpc.aio.AioRpcError) -> bool:
    """grpc.aio's own answer to a write that met the end of the call: the server's status did not get through."""
    return error.code() is grpc.StatusCode.INTERNAL and error.details() == _WRITE_MET_THE_END


def _ended(details: str) -> grpc.aio.AioRpcError:
    empty = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, empty, empty, details, None)
