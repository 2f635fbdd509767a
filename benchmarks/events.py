"""Events straight into Kafka, as ingest and annotate announce them: many tasks without any image bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import islice

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream.annotate.v1 import events_pb2 as annotate_events
from annostream.ingest.v1 import asset_pb2
from annostream.ingest.v1 import events_pb2 as ingest_events
from annostream_kit.events import Event, event_of, to_headers
from annostream_kit.ids import derive_id
from annostream_kit.kafka import Producer
from annostream_kit.records import Record
from annostream_sdk.events import event_of as event_in
from annostream_sdk.kafka import TopicReader, open_reader
from benchmarks.bench import Bench
from benchmarks.photos import SIZE
from tests.end_to_end.world import box

_BATCH = 2_000
BOXES_PER_TASK = 3
ANNOTATOR = "users/yumi"


def asset(project: str, number: int) -> asset_pb2.Asset:
    """The record of a photo of ours as ingest would announce it; its bytes are nowhere."""
    sha256 = hashlib.sha256(f"{project} {number}".encode()).hexdigest()
    own = derive_id("asset", project, sha256)
    image = asset_pb2.Image(
        width=SIZE[0], height=SIZE[1], orientation=1, frames=1, colour_mode="RGB", format="jpeg", phash=number
    )
    return asset_pb2.Asset(
        name=f"{project}/assets/{own}",
        state=asset_pb2.Asset.STATE_ACTIVE,
        storage=asset_pb2.Asset.STORAGE_COPIED,
        dedupe_key=sha256,
        path=f"photos/{number:06}.jpg",
        sha256=sha256,
        md5=sha256[:32],
        size_bytes=86_000,
        media_type="image/jpeg",
        blob_key=f"{project}/blobs/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}",
        thumbnail_key=f"{project}/thumbnails/{sha256[:2]}/{sha256[2:4]}/{sha256}",
        image=image,
        revision=1,
        create_time=_now(),
        update_time=_now(),
    )


def asset_ingested(one: asset_pb2.Asset) -> Event:
    return _event(ingest_events.AssetIngested(asset=one), one.name, one.revision)


def task_completed(task: task_pb2.Task, label_id: str) -> Event:
    """The task as it would be with three boxes in it."""
    done = task_pb2.Task()
    done.CopyFrom(task)
    done.state = task_pb2.Task.STATE_COMPLETED
    done.revision += 1
    done.complete_time.CopyFrom(_now())
    done.annotations.append(
        annotation_pb2.Annotation(
            name=f"{task.name}/annotations/{derive_id(task.name, ANNOTATOR)}",
            annotator=ANNOTATOR,
            result=annotation_pb2.Result(regions=boxes(label_id, len(task.name))),
            schema_version=1,
            version=1,
            submit_time=_now(),
            update_time=_now(),
        )
    )
    return _event(annotate_events.TaskCompleted(task=done), done.name, done.revision)


def boxes(label_id: str, seed: int) -> list[annotation_pb2.Region]:
    """Three within the photo."""
    return [
        box(label_id, 10.5 + seed % 100 + 50 * number, 20.25, 120.125, 80.5, number=number)
        for number in range(BOXES_PER_TASK)
    ]


def records_of(topic: str, events: Iterable[Event]) -> Iterator[Record]:
    for event in events:
        yield Record(topic, event.subject.encode(), event.data, to_headers(event))


async def publish(bench: Bench, service: str, events: Iterable[Event]) -> int:
    """To the service's own topic, by its own account; answers how many."""
    producer, sent = Producer(bench.settings(service)), 0
    records = records_of(f"annostream.{service}.v1", events)
    try:
        while batch := list(islice(records, _BATCH)):
            await producer.publish(batch)
            sent += len(batch)
    finally:
        await producer.stop()
    return sent


async def open_tasks(bench: Bench, project: str, count: int) -> list[task_pb2.Task]:
    """Announces `count` assets of the project, and waits until annotate has announced a task for each."""
    found: dict[str, task_pb2.Task] = {}
    async with open_reader(bench.kafka()) as reader, asyncio.timeout(bench.sizes.patience_seconds):
        await reader.start_at(["annostream.annotate.v1"])
        await publish(bench, "ingest", (asset_ingested(asset(project, number)) for number in range(count)))
        async with aclosing(opened(reader)) as tasks:
            async for task in tasks:
                if task.name.startswith(f"{project}/"):
                    found[task.name] = task
                if len(found) >= count:
                    break
    return list(found.values())


async def opened(reader: TopicReader) -> AsyncGenerator[task_pb2.Task]:
    """Tasks as annotate announces them open."""
    async with aclosing(reader.for_ever()) as batches:
        async for batch in batches:
            for record in batch:
                message = event_in(record).message
                if isinstance(message, annotate_events.TaskOpened):
                    yield message.task


def _event(message: Message, subject: str, revision: int) -> Event:
    source = "annostream." + message.DESCRIPTOR.full_name.split(".")[1]
    return event_of(message, source=source, subject=subject, revision=revision, time=datetime.now(UTC))


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now
