"""Answers with assets are bounded in bytes: metadata of 64 KiB is half a megabyte on the wire."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import orjson
import pytest

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream_ingest.inbound.asset_stream import AssetStream, Door
from annostream_ingest.inbound.grpc_api import IngestApi
from annostream_ingest.ports import Announcer
from annostream_ingest.use_cases.catalogue import Catalogue
from annostream_ingest.use_cases.projects import Projects
from annostream_ingest.use_cases.uploads import Uploads
from tests.unit.ingest.making import Made

MAX_PAGE_BYTES = 1_400_000
LARGE = orjson.dumps({"scores": [1] * 30_000}).decode()


@pytest.fixture
async def made() -> Made:
    """Seven assets of large metadata, oldest first."""
    made = Made()
    for number in range(7):
        made.clock.now = made.clock.now.replace(second=number)
        asset = (await made.taken(dedupe_key=f"k{number}")).asset
        made.assets.rows[asset.project, asset.id] = replace(asset, metadata=LARGE)
    return made


@pytest.fixture
def ingest(made: Made) -> IngestApi:
    return IngestApi(
        cast(Door, None),
        cast(AssetStream, None),
        uploads=cast(Uploads, None),
        projects=cast(Projects, None),
        catalogue=Catalogue(made.assets, made.objects),
        removal=made.removal,
        announcer=cast(Announcer, None),
        topic="t",
        link_seconds=60,
        max_page_bytes=MAX_PAGE_BYTES,
        max_idle_seconds=60,
        clock=made.clock,
    )


async def test_a_page_of_assets_ends_at_the_budget_and_the_next_goes_on_from_there(
    made: Made, ingest: IngestApi
) -> None:
    pages: list[list[str]] = []
    request = api.ListAssetsRequest(parent="projects/cats", page_size=6)
    while not pages or request.page_token:
        page = await ingest.ListAssets(request, None)
        assert page.ByteSize() < MAX_PAGE_BYTES + 100
        pages.append([asset.name for asset in page.assets])
        request.page_token = page.next_page_token
    assert [len(page) for page in pages] == [4, 3]
    newest = sorted(made.assets.rows.values(), key=lambda asset: asset.created_at, reverse=True)
    assert [name for page in pages for name in page] == [asset.name for asset in newest]


async def test_hidden_assets_come_without_metadata_that_is_too_much(made: Made, ingest: IngestApi) -> None:
    names = [asset.name for asset in made.assets.rows.values()]
    answer = await ingest.DeleteAssets(api.DeleteAssetsRequest(parent="projects/cats", names=names), None)
    assert [asset.name for asset in answer.assets] == names
    assert [asset.HasField("metadata") for asset in answer.assets] == [True] * 4 + [False] * 3
    assert list(answer.metadata_left_out) == names[4:]
    assert answer.ByteSize() < MAX_PAGE_BYTES + 2_000
