"""Assets: sent in by the thousand, listed, linked to, deleted."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream.ingest.v1.asset_pb2 import Asset
from annostream.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub
from annostream_sdk.aio.asset_stream import AssetStream, Outcomes, StreamSettings
from annostream_sdk.aio.connection import Service
from annostream_sdk.aio.file_source import FileSource
from annostream_sdk.aio.pages import pages
from annostream_sdk.aio.projects import Projects
from annostream_sdk.files import SourceFile, source_files
from annostream_sdk.ingestion import IngestSummary, OnOutcome, Outcome

AssetUrls = api.GetAssetUrlsResponse.AssetUrls


class Assets:
    """client.assets"""

    def __init__(self, service: Service, projects: Projects) -> None:
        self._service = service
        self._stub = IngestServiceStub(service.channel)
        self._projects = projects

    async def ingest(
        self,
        paths: Iterable[str | Path],
        project: str,
        *,
        metadata: Mapping[str, Any] | None = None,  # Any: JSON
        on_outcome: OnOutcome | None = None,
        max_in_flight: int = 32,
    ) -> IngestSummary:
        """Sends files and folders (all below them); returns when each has its outcome.

        Safe to repeat and to interrupt: what is there already counts as duplicate. What is not acknowledged when the
        server goes away is sent again. on_outcome hears of each file; max_in_flight: files a stream sends ahead.
        Raises AnnostreamError: FILE_NOT_FOUND, PROJECT_NOT_FOUND, AMBIGUOUS_NAME, SERVER_NOT_THERE.
        """
        summary = IngestSummary()
        outcomes = self.stream(source_files(paths), project, metadata=metadata, max_in_flight=max_in_flight)
        async with aclosing(outcomes):
            async for outcome in outcomes:
                summary.add(outcome)
                if on_outcome is not None:
                    on_outcome(outcome)
        return summary

    async def stream(
        self,
        files: Iterable[SourceFile],
        project: str,
        *,
        metadata: Mapping[str, Any] | None = None,  # Any: JSON
        max_in_flight: int = 32,
    ) -> AsyncGenerator[Outcome]:
        """As `ingest`, from any iterator of files, which is read no faster than the server takes them."""
        settings = StreamSettings(await self._projects.resolve(project), _struct(metadata), max_in_flight)
        source, outcomes = FileSource(iter(files)), Outcomes()
        streams = [AssetStream(self._service, source, settings, outcomes) for _ in range(self._service.replicas)]
        answered = outcomes.of(streams)
        async with aclosing(answered):
            async for outcome in answered:
                yield outcome

    async def get(self, name: str) -> Asset:
        """Raises ASSET_NOT_FOUND."""
        return (await self._service.call(self._stub.GetAsset, api.GetAssetRequest(name=name))).asset

    async def list(
        self,
        project: str,
        *,
        state: "Asset.State.ValueType" = Asset.STATE_UNSPECIFIED,
        path_prefix: str = "",
        metadata: Mapping[str, str] | None = None,
        created_from: datetime | None = None,
        created_until: datetime | None = None,
    ) -> AsyncIterator[Asset]:
        """Newest first; active ones unless another state is named. Times with zone."""
        request = api.ListAssetsRequest(
            parent=await self._projects.resolve(project),
            page_size=500,
            state=state,
            path_prefix=path_prefix,
            metadata=metadata,
            create_time_from=_timestamp(created_from),
            create_time_until=_timestamp(created_until),
        )
        async for asset in pages(lambda token: self._page(request, token), lambda page: page.assets):
            yield asset

    async def urls(self, project: str, names: Sequence[str]) -> Sequence[AssetUrls]:
        """Short-lived links to images and thumbnails of up to 500 assets. Raises TOO_MANY_NAMES, ASSET_NOT_FOUND."""
        request = api.GetAssetUrlsRequest(parent=await self._projects.resolve(project), names=names)
        return (await self._service.call(self._stub.GetAssetUrls, request)).urls

    async def delete(self, project: str, names: Sequence[str]) -> Sequence[Asset]:
        """Hides up to 500 assets. Raises TOO_MANY_NAMES, ASSET_NOT_FOUND."""
        request = api.DeleteAssetsRequest(parent=await self._projects.resolve(project), names=names)
        return (await self._service.call(self._stub.DeleteAssets, request)).assets

    async def purge(self, project: str, names: Sequence[str], *, reason: str) -> Sequence[Asset]:
        """Removes up to 500 assets for good. Raises TOO_MANY_NAMES, ASSET_NOT_FOUND, REASON_REQUIRED."""
        request = api.PurgeAssetsRequest(parent=await self._projects.resolve(project), names=names, reason=reason)
        return (await self._service.call(self._stub.PurgeAssets, request)).assets

    async def _page(self, request: api.ListAssetsRequest, token: str) -> api.ListAssetsResponse:
        request.page_token = token
        return await self._service.call(self._stub.ListAssets, request)


def _struct(metadata: Mapping[str, Any] | None) -> Struct | None:
    if metadata is None:
        return None
    struct = Struct()
    struct.update(metadata)
    return struct


def _timestamp(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
