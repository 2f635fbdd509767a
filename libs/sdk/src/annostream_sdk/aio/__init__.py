"""The asynchronous client, the primitive: `async with Client.from_endpoints() as client: …`"""

from pathlib import Path
from types import TracebackType
from typing import Self

from annostream_sdk.aio.annotations import Annotations
from annostream_sdk.aio.assets import Assets
from annostream_sdk.aio.connection import Limits, OnWaiting, Service
from annostream_sdk.aio.exports import Exports
from annostream_sdk.aio.operations import Operations
from annostream_sdk.aio.projects import Projects
from annostream_sdk.aio.snapshots import Snapshots
from annostream_sdk.aio.tasks import Tasks
from annostream_sdk.endpoints import SERVICES, Endpoints, find_endpoints
from annostream_sdk.tokens import Token

__all__ = ["Client", "Limits"]


class Client:
    """One Annostream. Methods raise annostream_sdk.errors.AnnostreamError; answers are the contract's messages.

    Make it within a running event loop, and close it there. on_waiting hears a sentence when a server that answered
    before is waited for, and one when it answers again.
    """

    def __init__(self, endpoints: Endpoints, limits: Limits | None = None, on_waiting: OnWaiting | None = None) -> None:
        token = Token(endpoints.token, endpoints.path, login=endpoints.login)
        ingest, annotate, export = (
            Service(name, endpoints.grpc.get(name, ()), token, limits or Limits(), on_waiting) for name in SERVICES
        )
        self._services = (ingest, annotate, export)
        self.projects = Projects(annotate)
        self.assets = Assets(ingest, self.projects)
        self.tasks = Tasks(annotate, self.projects)
        self.annotations = Annotations(annotate, self.projects, self.tasks)
        self.snapshots = Snapshots(export, self.projects)
        self.exports = Exports(export, self.projects)
        self.operations = Operations(ingest, annotate, export, self.projects)

    @classmethod
    def from_endpoints(cls, path: str | Path | None = None, limits: Limits | None = None) -> Self:
        """The endpoints.json given; else ANNOSTREAM_ENDPOINTS, endpoints.json in ANNOSTREAM_DATA_DIR or ./.annostream,
        ANNOSTREAM_*_ADDRESS, the log-in that `annostream login` has kept.

        Raises AnnostreamError: ENDPOINTS_NOT_FOUND, INVALID_ENDPOINTS.
        """
        return cls(find_endpoints(path), limits)

    async def close(self) -> None:
        for service in self._services:
            await service.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
