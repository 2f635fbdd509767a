"""What tests of redactions share: a labelled project, and the redactions as another program reads them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import boto3
import orjson
from botocore.config import Config

from annostream.ingest.v1 import asset_pb2
from annostream_kit import mongo
from annostream_kit.mongo import Database
from tests.component.export.pictures import photo
from tests.component.export.story import Story, box
from tests.component.export.upstreams import settings_of
from tests.servers import Servers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


async def labelled(story: Story, count: int) -> list[asset_pb2.Asset]:
    """Photos of which number n has n boxes."""
    await story.project("cat")
    assets = [await story.image(f"{number:03}.jpg", photo(number)) for number in range(count)]
    drawn = [(asset, [box("l0", 1, 2, 3, 4, region=f"r{n}") for n in range(i)]) for i, asset in enumerate(assets)]
    await story.submit_all(drawn)
    return assets


def _outside(servers: Servers) -> S3Client:
    """Another program's S3 client."""
    settings = settings_of(servers, "export")
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def redacted(servers: Servers, snapshot: str) -> list[str]:
    """As docs/reference/snapshots.md tells outside readers."""
    client, bucket = _outside(servers), settings_of(servers, "export").s3_bucket
    found = client.list_objects_v2(Bucket=bucket, Prefix=f"{snapshot}/redactions/").get("Contents", [])
    rows = [orjson.loads(client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()) for entry in found]
    assert all(row["format"] == "annostream.snapshot.redaction.v1" for row in rows)
    assert all(row["snapshot"] == snapshot for row in rows)
    return [row["asset"] for row in rows]


async def until_redacted(servers: Servers, snapshot: str, *assets: asset_pb2.Asset) -> None:
    async with asyncio.timeout(30):
        while sorted(await asyncio.to_thread(redacted, servers, snapshot)) != sorted(a.name for a in assets):
            await asyncio.sleep(0.1)


def database_of(servers: Servers, name: str) -> Database:
    """An export's own database."""
    return mongo.connect(settings_of(servers, "export").model_copy(update={"mongodb_database": name}))
