"""What the stores of rejections and projects, and the bucket, promise."""

from __future__ import annotations

import asyncio
import urllib.request
from datetime import timedelta
from pathlib import Path

from annostream_ingest.domain.project import Project
from annostream_ingest.domain.refusal import AssetRejected, Refusal, reject
from annostream_ingest.outbound.documents import current_rejection_event
from annostream_ingest.outbound.mongo_rejections import MongoRejections
from annostream_ingest.ports import ObjectStore, ProjectStore, RejectionStore
from annostream_kit.ids import random_id
from annostream_kit.mongo import Database
from annostream_kit.mongo_outbox import MongoOutbox
from tests.fakes.ingest import START, FakeObjects


def rejected(path: str = "a.jpg", *, project: str = "cats") -> AssetRejected:
    return reject(
        Refusal("EMPTY_FILE", "m"), project=project, path=path, dedupe_key="", sha256="", size_bytes=0, now=START
    )


async def test_old_rejections_are_dropped_and_counted(rejections: RejectionStore) -> None:
    await rejections.save([rejected()])
    await rejections.save([rejected()])
    assert await rejections.drop_before(START) == 0


async def test_mongodb_keeps_a_rejection_until_its_event_is_sent(database: Database) -> None:
    store = MongoRejections(database)
    await store.save([rejected(), rejected("b.jpg")])
    later = START + timedelta(seconds=1)
    assert await store.drop_before(later) == 0
    outbox = MongoOutbox(database, {"rejections": current_rejection_event})
    unsent = await outbox.unsent(10)
    assert len(unsent) == 2
    await outbox.mark_sent(unsent)
    assert await store.drop_before(later) == 2


async def test_mongodb_announces_a_rejection_again_as_it_was(database: Database) -> None:
    await MongoRejections(database).save([rejected()])
    outbox = MongoOutbox(database, {"rejections": current_rejection_event})
    first = await outbox.unsent(10)
    await outbox.mark_sent(first)
    assert await outbox.announce_project_again("cats") == 1
    again = await outbox.unsent(10)
    assert again[0].events[0].data == first[0].events[0].data


async def test_mongodb_looks_at_one_project_alone_to_announce_it_again(database: Database) -> None:
    await MongoRejections(database).save([rejected(), *(rejected(project=f"dogs{n}") for n in range(50))])
    outbox = MongoOutbox(database, {"rejections": current_rejection_event})
    await outbox.mark_sent(await outbox.unsent(100))
    await database.command("profile", 2)
    assert await outbox.announce_project_again("cats") == 1
    await database.command("profile", 0)
    (row,) = await database["system.profile"].find({"ns": f"{database.name}.rejections", "op": "query"}).to_list(None)
    assert (row["docsExamined"], row["keysExamined"]) == (1, 1)


async def test_a_project_is_kept_only_when_it_is_newer(projects: ProjectStore) -> None:
    new, old = Project("cats", True, True, 5), Project("cats", False, False, 4)
    dogs = Project("dogs", True, False, 1)
    await projects.save([new])
    await projects.save([old, dogs])
    assert await projects.find("cats") == new
    assert await projects.find("dogs") == dogs
    assert await projects.find("birds") is None


async def test_an_object_is_written_once_and_deleted_twice_without_harm(objects: ObjectStore, tmp_path: Path) -> None:
    key = f"projects/{random_id()}/blobs/one"
    file = tmp_path / "two"
    file.write_bytes(b"two")
    await objects.put_new(key, b"one", media_type="image/jpeg")
    await objects.put_new(key, file, media_type="image/jpeg")
    await objects.put_new(f"{key}-file", file, media_type="image/png")
    links = await objects.links([key, f"{key}-file"])
    if isinstance(objects, FakeObjects):
        assert [objects.rows[link.removeprefix("memory://")] for link in links] == [b"one", b"two"]
    else:
        got = [await asyncio.to_thread(_get, link) for link in links]
        assert got == [(b"one", "image/jpeg"), (b"two", "image/png")]
    await objects.delete([key, f"{key}-file"])
    await objects.delete([key])


def _get(link: str) -> tuple[bytes, str]:
    with urllib.request.urlopen(link, timeout=10) as answer:  # noqa: S310  # a link that we made
        return answer.read(), answer.headers["content-type"]
