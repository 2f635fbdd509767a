"""The client for code without an event loop: the asynchronous one, run in a thread of its own."""

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from annostream_sdk import aio
from annostream_sdk.aio.annotations import Annotations
from annostream_sdk.aio.assets import Assets
from annostream_sdk.aio.connection import Limits, OnWaiting
from annostream_sdk.aio.exports import Exports
from annostream_sdk.aio.operations import Operations
from annostream_sdk.aio.projects import Projects
from annostream_sdk.aio.snapshots import Snapshots
from annostream_sdk.aio.tasks import Tasks
from annostream_sdk.endpoints import Endpoints, find_endpoints

P = ParamSpec("P")
R = TypeVar("R")
Group = TypeVar("Group")

_END = object()


class EventLoop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="annostream-client", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Ctrl-C in the waiting thread cancels what runs in the loop."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[R]) -> Iterator[R]:
        try:
            while (item := self.run(_next(items))) is not _END:
                yield item  # type: ignore[misc]  # mypy does not narrow by identity with a sentinel
        finally:
            if isinstance(items, AsyncGenerator):
                self.run(_close(items))

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Face(Generic[Group]):
    """A group of methods of the asynchronous client, seen from without its loop."""

    def __init__(self, loop: EventLoop, group: Group) -> None:
        self.loop = loop
        self.group = group


def blocking(
    method: Callable[Concatenate[Group, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Face[Group], P], R]:
    """The same method, which returns when it is done."""

    def call(face: Face[Group], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return face.loop.run(method(face.group, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def iterating(
    method: Callable[Concatenate[Group, P], AsyncIterator[R]],
) -> Callable[Concatenate[Face[Group], P], Iterator[R]]:
    """The same method, as a plain iterator."""

    def call(face: Face[Group], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return face.loop.iterate(method(face.group, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


class SyncProjects(Face[Projects]):
    """client.projects"""

    create = blocking(Projects.create)
    get = blocking(Projects.get)
    task_counts = blocking(Projects.task_counts)
    list = iterating(Projects.list)
    update = blocking(Projects.update)
    resolve = blocking(Projects.resolve)


class SyncAssets(Face[Assets]):
    """client.assets. Callbacks are called in the client's thread."""

    ingest = blocking(Assets.ingest)
    stream = iterating(Assets.stream)
    get = blocking(Assets.get)
    list = iterating(Assets.list)
    urls = blocking(Assets.urls)
    delete = blocking(Assets.delete)
    purge = blocking(Assets.purge)


class SyncTasks(Face[Tasks]):
    """client.tasks"""

    get = blocking(Tasks.get)
    list = iterating(Tasks.list)
    lease = blocking(Tasks.lease)
    lease_one = blocking(Tasks.lease_one)
    renew = blocking(Tasks.renew)
    release = blocking(Tasks.release)
    skip = blocking(Tasks.skip)


class SyncAnnotations(Face[Annotations]):
    """client.annotations"""

    submit = blocking(Annotations.submit)
    submit_described = blocking(Annotations.submit_described)
    revise = blocking(Annotations.revise)
    draft = blocking(Annotations.draft)
    save_draft = blocking(Annotations.save_draft)


class SyncSnapshots(Face[Snapshots]):
    """client.snapshots. Callbacks are called in the client's thread."""

    begin = blocking(Snapshots.begin)
    create = blocking(Snapshots.create)
    get = blocking(Snapshots.get)
    list = iterating(Snapshots.list)
    watch = iterating(Snapshots.watch)
    wait = blocking(Snapshots.wait)


class SyncExports(Face[Exports]):
    """client.exports. Callbacks are called in the client's thread."""

    begin = blocking(Exports.begin)
    create = blocking(Exports.create)
    get = blocking(Exports.get)
    list = iterating(Exports.list)
    watch = iterating(Exports.watch)
    wait = blocking(Exports.wait)
    files = iterating(Exports.files)
    download = blocking(Exports.download)


class SyncOperations(Face[Operations]):
    """client.operations"""

    republish = blocking(Operations.republish)
    rebuild_read_model = iterating(Operations.rebuild_read_model)


class Client:
    """One Annostream. `with Client.from_endpoints() as client: client.projects.create("우리집 고양이", ["순이"])`

    Methods raise annostream_sdk.AnnostreamError; answers are the contract's messages. Threads may share it.
    on_waiting, called in the client's thread, hears a sentence when a server that answered before is waited for, and
    one when it answers again.
    """

    def __init__(self, endpoints: Endpoints, limits: Limits | None = None, on_waiting: OnWaiting | None = None) -> None:
        self._loop = EventLoop()
        self._client = self._loop.run(_made(endpoints, limits, on_waiting))
        self.projects = SyncProjects(self._loop, self._client.projects)
        self.assets = SyncAssets(self._loop, self._client.assets)
        self.tasks = SyncTasks(self._loop, self._client.tasks)
        self.annotations = SyncAnnotations(self._loop, self._client.annotations)
        self.snapshots = SyncSnapshots(self._loop, self._client.snapshots)
        self.exports = SyncExports(self._loop, self._client.exports)
        self.operations = SyncOperations(self._loop, self._client.operations)

    @classmethod
    def from_endpoints(cls, path: str | Path | None = None, limits: Limits | None = None) -> Self:
        """The endpoints.json given; else what annostream_sdk.endpoints.find_endpoints finds.

        Raises AnnostreamError: ENDPOINTS_NOT_FOUND, INVALID_ENDPOINTS.
        """
        return cls(find_endpoints(path), limits)

    def close(self) -> None:
        self._loop.run(self._client.close())
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


async def _made(endpoints: Endpoints, limits: Limits | None, on_waiting: OnWaiting | None) -> aio.Client:
    return aio.Client(endpoints, limits, on_waiting)  # Within the loop that its channels belong to.


async def _next(items: AsyncIterator[R]) -> R | object:
    return await anext(items, _END)


async def _close(items: AsyncGenerator[Any, Any]) -> None:
    await items.aclose()
