"""IngestService: wire in, use case, wire out. No decisions here."""
# ruff: noqa: ARG002 -- gRPC hands every call a context

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream.ingest.v1.ingest_service_pb2_grpc import IngestServiceServicer
from annostream_ingest.domain.refusal import Rejection
from annostream_ingest.inbound.asset_stream import AssetStream, Door, Outcome, single
from annostream_ingest.inbound.upload_wire import answer_to_wire, arrived_of, opened_to_wire, wanted_of
from annostream_ingest.messages import asset_ids, asset_to_wire, listing_of, project_id, rejection_to_wire, timestamp
from annostream_ingest.ports import Announcer
from annostream_ingest.use_cases.catalogue import Catalogue
from annostream_ingest.use_cases.intake import Acknowledged
from annostream_ingest.use_cases.projects import Projects
from annostream_ingest.use_cases.removal import Removal
from annostream_ingest.use_cases.uploads import Uploads
from annostream_kit.auth import Role, current_caller
from annostream_kit.errors import AlreadyExists, FailedPrecondition, InvalidArgument, Refused
from annostream_kit.ids import parse_name
from annostream_kit.paging import decode_time_token, encode_time_token, first_that_fit, page_size

ROLES = {
    "UploadAsset": Role.ANNOTATOR,
    "StreamAssets": Role.ANNOTATOR,
    "CreateUploads": Role.ANNOTATOR,
    "CompleteUploads": Role.ANNOTATOR,
    "GetAsset": Role.VIEWER,
    "ListAssets": Role.VIEWER,
    "GetAssetUrls": Role.VIEWER,
    "DeleteAssets": Role.MANAGER,
    "PurgeAssets": Role.OWNER,
    "GetPosition": Role.VIEWER,
    "RepublishEvents": Role.OWNER,
}
_KINDS: dict[str, type[Refused]] = {"DEDUPE_KEY_CONFLICT": AlreadyExists, "ASSET_PURGED": FailedPrecondition}


class IngestApi(IngestServiceServicer):
    """topic: where our events lie.  link_seconds: how long a link of GetAssetUrls works.

    max_page_bytes: about so much an answer with assets holds.
    """

    def __init__(
        self,
        door: Door,
        stream: AssetStream,
        *,
        uploads: Uploads,
        projects: Projects,
        catalogue: Catalogue,
        removal: Removal,
        announcer: Announcer,
        topic: str,
        link_seconds: int,
        max_page_bytes: int,
        max_idle_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._door = door
        self._stream = stream
        self._uploads = uploads
        self._projects = projects
        self._catalogue = catalogue
        self._removal = removal
        self._announcer = announcer
        self._topic = topic
        self._link_seconds = link_seconds
        self._max_page_bytes = max_page_bytes
        self._max_idle_seconds = max_idle_seconds
        self._clock = clock

    async def UploadAsset(
        self, request_iterator: AsyncIterator[api.UploadAssetRequest], context: object
    ) -> api.UploadAssetResponse:
        outcome = await single(self._door, request_iterator, max_idle_seconds=self._max_idle_seconds)
        result = outcome.result
        if isinstance(result, Rejection):
            kind = _KINDS.get(result.reason, InvalidArgument)
            raise kind(result.reason, result.message, rejection=result.name, path=result.path)
        return api.UploadAssetResponse(asset=asset_to_wire(result.asset), duplicate=result.duplicate)

    async def StreamAssets(
        self, request_iterator: AsyncIterator[api.StreamAssetsRequest], context: object
    ) -> AsyncIterator[api.StreamAssetsResponse]:
        async for outcome in self._stream.outcomes(request_iterator):
            yield _outcome_to_wire(outcome)

    async def CreateUploads(self, request: api.CreateUploadsRequest, context: object) -> api.CreateUploadsResponse:
        opened = await self._uploads.create(wanted_of(request))
        return api.CreateUploadsResponse(results=map(opened_to_wire, opened))

    async def CompleteUploads(
        self, request: api.CompleteUploadsRequest, context: object
    ) -> api.CompleteUploadsResponse:
        answers = await self._uploads.complete(*arrived_of(request))
        return api.CompleteUploadsResponse(results=map(answer_to_wire, answers))

    async def GetAsset(self, request: api.GetAssetRequest, context: object) -> api.GetAssetResponse:
        project, asset = parse_name("projects/*/assets/*", request.name)
        return api.GetAssetResponse(asset=asset_to_wire(await self._catalogue.get((project, asset))))

    async def ListAssets(self, request: api.ListAssetsRequest, context: object) -> api.ListAssetsResponse:
        page = await self._catalogue.page(
            listing_of(request), size=page_size(request.page_size), after=decode_time_token(request.page_token)
        )
        assets = first_that_fit(map(asset_to_wire, page.assets), max_bytes=self._max_page_bytes)
        page = page.first(len(assets))
        return api.ListAssetsResponse(
            assets=assets, next_page_token=encode_time_token(*page.next_key) if page.next_key else ""
        )

    async def GetAssetUrls(self, request: api.GetAssetUrlsRequest, context: object) -> api.GetAssetUrlsResponse:
        expires = self._clock() + timedelta(seconds=self._link_seconds)
        links = await self._catalogue.links(*asset_ids(request.parent, list(request.names)))
        urls = [
            api.GetAssetUrlsResponse.AssetUrls(name=link.asset.name, image_url=link.image, thumbnail_url=link.thumbnail)
            for link in links
        ]
        return api.GetAssetUrlsResponse(urls=urls, expire_time=timestamp(expires))

    async def DeleteAssets(self, request: api.DeleteAssetsRequest, context: object) -> api.DeleteAssetsResponse:
        deleted = await self._removal.delete(*asset_ids(request.parent, list(request.names)))
        whole = first_that_fit(map(asset_to_wire, deleted), max_bytes=self._max_page_bytes)
        rest = deleted[len(whole) :]
        return api.DeleteAssetsResponse(
            assets=[*whole, *(asset_to_wire(replace(asset, metadata="")) for asset in rest)],
            metadata_left_out=[asset.name for asset in rest if asset.metadata],
        )

    async def PurgeAssets(self, request: api.PurgeAssetsRequest, context: object) -> api.PurgeAssetsResponse:
        project, ids = asset_ids(request.parent, list(request.names))
        purged = await self._removal.purge(project, ids, reason=request.reason, by=current_caller().subject)
        return api.PurgeAssetsResponse(assets=map(asset_to_wire, purged))

    async def GetPosition(self, request: api.GetPositionRequest, context: object) -> api.GetPositionResponse:
        ends = await self._announcer.end_offsets(project_id(request.project))
        return api.GetPositionResponse(topic=self._topic, end_offsets=ends)

    async def RepublishEvents(
        self, request: api.RepublishEventsRequest, context: object
    ) -> api.RepublishEventsResponse:
        project = project_id(request.project) if request.project else ""
        if project:
            await self._projects.check(project)
        return api.RepublishEventsResponse(announced=await self._announcer.announce_again(project))


def _outcome_to_wire(outcome: Outcome) -> api.StreamAssetsResponse:
    result = outcome.result
    if isinstance(result, Acknowledged):
        taken = api.StreamAssetsResponse.Acknowledgement(
            asset=result.asset.name, sha256=result.asset.sha256, duplicate=result.duplicate
        )
        return api.StreamAssetsResponse(correlation_id=outcome.correlation_id, acknowledgement=taken)
    return api.StreamAssetsResponse(correlation_id=outcome.correlation_id, rejection=rejection_to_wire(result))
