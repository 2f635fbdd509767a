"""Ingest's stores, in memory and in the real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from annostream_ingest.outbound.mongo_assets import MongoAssets
from annostream_ingest.outbound.mongo_blobs import MongoBlobs
from annostream_ingest.outbound.mongo_projects import MongoProjects
from annostream_ingest.outbound.mongo_rejections import MongoRejections
from annostream_ingest.outbound.mongo_uploads import MongoUploads
from annostream_ingest.outbound.s3 import S3Objects, S3Uploads
from annostream_ingest.outbound.schema import INDEXES, MIGRATIONS
from annostream_ingest.ports import (
    AssetStore,
    BlobStore,
    ObjectStore,
    ProjectStore,
    RejectionStore,
    UploadBucket,
    UploadStore,
)
from annostream_kit.direct_uploads import DirectUploads
from annostream_kit.mongo import Database, connect, ensure_indexes, migrate
from annostream_kit.objects import Objects
from annostream_kit.settings import ServiceSettings
from tests.conftest import SettingsFactory
from tests.fakes.ingest import FakeAssets, FakeBlobs, FakeObjects, FakeProjects, FakeRejections
from tests.fakes.ingest_uploads import FakeUploadBucket, FakeUploads

GRACE, TAKE_OVER = timedelta(hours=24), timedelta(minutes=15)


@pytest.fixture
async def database(service_settings: SettingsFactory) -> AsyncIterator[Database]:
    settings = service_settings("ingest")
    database = connect(settings)
    await migrate(database, MIGRATIONS)
    await ensure_indexes(database, INDEXES)
    yield database
    await database.client.drop_database(database.name)
    database.client.close()


@pytest.fixture(params=["fake", "mongodb"])
def assets(request: pytest.FixtureRequest) -> AssetStore:
    if request.param == "fake":
        return FakeAssets()
    return MongoAssets(request.getfixturevalue("database"), most_examined=100)


@pytest.fixture(params=["fake", "mongodb"])
def blobs(request: pytest.FixtureRequest) -> BlobStore:
    if request.param == "fake":
        return FakeBlobs(grace=GRACE, take_over=TAKE_OVER)
    return MongoBlobs(request.getfixturevalue("database"), grace=GRACE, take_over=TAKE_OVER)


@pytest.fixture(params=["fake", "mongodb"])
def projects(request: pytest.FixtureRequest) -> ProjectStore:
    return FakeProjects() if request.param == "fake" else MongoProjects(request.getfixturevalue("database"))


@pytest.fixture(params=["fake", "mongodb"])
def rejections(request: pytest.FixtureRequest) -> RejectionStore:
    return FakeRejections() if request.param == "fake" else MongoRejections(request.getfixturevalue("database"))


@pytest.fixture(params=["fake", "s3"])
def objects(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "fake":
        return FakeObjects()
    settings: ServiceSettings = request.getfixturevalue("service_settings")("ingest")
    return S3Objects(Objects(settings), link_seconds=60)


@pytest.fixture(params=["fake", "mongodb"])
def uploads(request: pytest.FixtureRequest) -> UploadStore:
    return FakeUploads() if request.param == "fake" else MongoUploads(request.getfixturevalue("database"))


@pytest.fixture(params=["fake", "s3"])
def bucket(request: pytest.FixtureRequest) -> UploadBucket:
    if request.param == "fake":
        return FakeUploadBucket(FakeObjects())
    settings: ServiceSettings = request.getfixturevalue("service_settings")("ingest")
    return S3Uploads(Objects(settings), DirectUploads(settings))
