"""A rebuild does what the consumer does with events at fault, and waits for what is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest_asyncio

from annostream.annotate.v1 import events_pb2 as annotate_events
from annostream.annotate.v1 import project_pb2
from annostream.export.v1 import export_service_pb2 as api
from annostream_export.outbound.mongo_model import MongoReadModel
from annostream_export.outbound.schema import INDEXES, MIGRATIONS
from annostream_export.settings import Settings
from annostream_export.use_cases.rebuild import Rebuild
from annostream_kit import mongo
from annostream_kit.errors import DependencyAwayError
from annostream_kit.kafka import TopicReader
from annostream_kit.objects import Objects
from tests.component.export.pictures import photo
from tests.component.export.service import Service
from tests.component.export.story import Story, box
from tests.component.export.upstreams import ANNOTATE_TOPIC, Upstreams
from tests.conftest import SettingsFactory


async def _rebuilt(export: Service) -> api.RebuildReadModelResponse:
    answers = [a async for a in export.stub.RebuildReadModel(api.RebuildReadModelRequest(), metadata=export.as_user())]
    return answers[-1]


def _project(name: str) -> tuple[annotate_events.ProjectCreated, str, int]:
    return annotate_events.ProjectCreated(project=project_pb2.Project(name=name, revision=1)), name, 1


async def test_a_rebuild_goes_on_past_an_event_whose_bytes_are_gone(
    export: Service, story: Story, upstreams: Upstreams
) -> None:
    before = await _rebuilt(export)
    await upstreams.say_by_reference(ANNOTATE_TOPIC, "events/gone", _project(f"{story.name}-gone"))
    await story.project("cat")
    await story.submit(await story.image("a.jpg", photo(1)), box("l0", 1, 2, 3, 4))
    await export.snapshot(story.name)
    after = await _rebuilt(export)
    assert after.records_skipped == before.records_skipped + 1
    assert after.records_read == after.records_total
    assert after.digest_before == after.digest_after != ""
    assert (await export.snapshot(story.name)).item_count == 1


@pytest_asyncio.fixture
async def settings(service_settings: SettingsFactory) -> AsyncIterator[Settings]:
    found = service_settings("export", Settings)
    assert isinstance(found, Settings)
    database = mongo.connect(found)
    await mongo.migrate(database, MIGRATIONS)
    await mongo.ensure_indexes(database, INDEXES)
    yield found
    await database.client.drop_database(database.name)


class _AwayTwice:
    """S3 is away for two calls, for one key."""

    def __init__(self, objects: Objects, key: str) -> None:
        self._objects, self._key, self.left = objects, key, 2

    async def fetch(self, dataref: str) -> bytes:
        if dataref.endswith(self._key) and self.left:
            self.left -= 1
            raise DependencyAwayError("S3 is away")
        return await self._objects.get(self._objects.key_of(dataref))


async def test_a_rebuild_waits_while_s3_is_away(settings: Settings, story: Story, upstreams: Upstreams) -> None:
    fact = _project(story.name)
    key = f"events/{story.id}"
    await upstreams.objects.put_new(key, fact[0].SerializeToString())
    await upstreams.say_by_reference(ANNOTATE_TOPIC, key, fact)
    model, topics, away = (
        MongoReadModel(mongo.connect(settings)),
        TopicReader(settings),
        _AwayTwice(Objects(settings), key),
    )
    rebuild = Rebuild(model, topics, away.fetch, lambda: datetime.now(UTC), lease_seconds=30, wait_seconds=0)
    last = [progress async for progress in rebuild.run()][-1]
    await topics.stop()
    assert (away.left, last.read) == (0, last.total)
    assert await model.has_project(story.id)
