"""Wiring: the only module of annotate that knows all others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import annotate_service_pb2_grpc as api_grpc
from annostream_annotate.inbound.grpc_api import ROLES, AnnotateApi, UseCases
from annostream_annotate.inbound.kafka_events import ASSET_TYPES, AssetEvents, TaskEvents
from annostream_annotate.messages import COUNTED_TYPES, INGEST_TOPIC, TOPIC, labels_by_region
from annostream_annotate.outbound.announcements import OpenedOutbox, OutboxAnnouncements
from annostream_annotate.outbound.projects import MongoProjects
from annostream_annotate.outbound.schema import INDEXES, MIGRATIONS
from annostream_annotate.outbound.side_stores import MongoCursors, MongoDrafts, MongoHistory, S3Results
from annostream_annotate.outbound.task_counts import MongoTaskCounts
from annostream_annotate.outbound.task_lists import MongoTaskLists
from annostream_annotate.outbound.tasks import MongoTasks
from annostream_annotate.ports import Announcements
from annostream_annotate.settings import Settings
from annostream_annotate.use_cases.at_work import People
from annostream_annotate.use_cases.drafting import Drafting
from annostream_annotate.use_cases.known_projects import KnownProjects
from annostream_annotate.use_cases.leased_tasks import LeasedTasks
from annostream_annotate.use_cases.leasing import Leasing
from annostream_annotate.use_cases.opening import Opening
from annostream_annotate.use_cases.projects import Projects
from annostream_annotate.use_cases.queue import Queue
from annostream_annotate.use_cases.reading import Reading
from annostream_annotate.use_cases.results import Results
from annostream_annotate.use_cases.skipping import Skipping
from annostream_annotate.use_cases.submitting import Submitting
from annostream_kit.clock import now
from annostream_kit.consumer import Consumer, EventHandler, Source
from annostream_kit.events import Event
from annostream_kit.failures import is_dependency_away
from annostream_kit.grpc_server import Mounted
from annostream_kit.kafka import Producer, Subscription, TopicReader
from annostream_kit.mongo import Database, connect, ensure_indexes, migrate, wait_until_up
from annostream_kit.mongo_outbox import MongoOutbox
from annostream_kit.objects import Objects
from annostream_kit.outbox import Relay
from annostream_kit.positions import MongoPositions
from annostream_kit.service import Shell, run_service

log = structlog.get_logger()

GROUP = "annostream-annotate"
COUNTERS_GROUP = "annostream-annotate-counters"
_COUNTED_AT_ONCE = 2_000


def use_cases(
    settings: Settings, database: Database, objects: Objects, events: Announcements
) -> tuple[UseCases, Opening]:
    """Everything between the edges."""
    projects, tasks = MongoProjects(database), MongoTasks(database)
    lists = MongoTaskLists(database, max_searched=settings.max_searched_tasks)
    known = KnownProjects(projects, now, cache_seconds=settings.project_cache_seconds)
    queue = Queue(
        tasks,
        MongoCursors(database),
        People(settings.people_window_seconds),
        random.random,
        front_cache_seconds=settings.queue_front_cache_seconds,
        empty_cache_seconds=settings.queue_empty_cache_seconds,
    )
    leased = LeasedTasks()
    results = Results(
        S3Results(objects), max_inline_bytes=settings.max_inline_result_bytes, max_bytes=settings.max_result_bytes
    )
    drafting = Drafting(tasks, MongoDrafts(database), results, leased, now)
    leasing = Leasing(
        tasks, drafting, known, queue, leased, now,
        lease_seconds=settings.lease_seconds, max_leases=settings.max_leases_per_annotator,
    )  # fmt: skip
    submitting = Submitting(
        tasks, drafting, MongoHistory(database), results, known, leased, events, now, labels_by_region
    )
    uses = UseCases(
        projects=Projects(projects, known, events, now),
        leasing=leasing,
        submitting=submitting,
        drafting=drafting,
        skipping=Skipping(tasks, queue, events, now),
        reading=Reading(tasks, lists, known, events),
        results=results,
    )
    return uses, Opening(tasks, known, events, now)


async def assemble(settings: Settings, shell: Shell) -> None:
    """Fills the shell: server, relay, consumers, sweeper."""
    database = connect(settings)
    await wait_until_up(database)
    await migrate(database, MIGRATIONS)
    await ensure_indexes(database, INDEXES)
    await shell.need_topics([TOPIC, f"{TOPIC}.dlq", INGEST_TOPIC, f"{INGEST_TOPIC}.dlq"])
    objects, producer, reader = Objects(settings), Producer(settings), TopicReader(settings)
    shell.on_close(producer.stop)
    shell.on_close(reader.stop)
    outbox = OpenedOutbox(database)
    relay = _relay(settings, shell, outbox, producer, objects)
    events = OutboxAnnouncements(outbox, reader, relay.wake, wait_seconds=settings.position_wait_seconds)
    uses, opening = use_cases(settings, database, objects, events)
    _consumers(settings, shell, database, objects, producer, opening)
    shell.background("relay", relay.run)
    shell.background("sweeper", _sweeper(settings, shell, uses.leasing))
    service = AnnotateApi(uses, now, max_page_bytes=settings.max_page_bytes)
    shell.mount(
        Mounted(
            api.DESCRIPTOR.services_by_name["AnnotateService"],
            ROLES,
            lambda server: api_grpc.add_AnnotateServiceServicer_to_server(service, server),
        )
    )


def _relay(settings: Settings, shell: Shell, outbox: MongoOutbox, producer: Producer, objects: Objects) -> Relay:
    async def offload(event: Event) -> str:
        key = f"{event.subject}/events/{event.id}"
        await objects.put_new(key, event.data, media_type="application/protobuf")
        return objects.uri(key)

    return Relay(
        outbox,
        producer.publish,
        offload,
        topic=TOPIC,
        holder=shell.holder,
        readiness=shell.readiness,
        batch_documents=settings.relay_batch_documents,
        lease_seconds=settings.relay_lease_seconds,
        max_event_bytes=settings.max_event_bytes,
        linger_seconds=settings.relay_linger_seconds,
    )


def _consumers(  # noqa: PLR0917  # wiring
    settings: Settings, shell: Shell, database: Database, objects: Objects, producer: Producer, opening: Opening
) -> None:
    async def fetch(uri: str) -> bytes:
        return await objects.get(objects.key_of(uri))

    def consumer(
        source: Source, handler: EventHandler, group: str, types: frozenset[str], *, records: int, linger_seconds: float
    ) -> Consumer:
        return Consumer(
            source, handler, group=group, types=types, publish=producer.publish, fetch=fetch, readiness=shell.readiness,
            batch_records=records, linger_seconds=linger_seconds, max_attempts=settings.consumer_max_attempts,
        )  # fmt: skip

    assets = consumer(
        Subscription(settings, group=GROUP, topics=[INGEST_TOPIC]),
        AssetEvents(opening, MongoPositions(database, GROUP)),
        GROUP,
        ASSET_TYPES,
        records=settings.consumer_batch_records,
        linger_seconds=settings.consumer_linger_seconds,
    )
    counters = consumer(
        Subscription(settings, group=COUNTERS_GROUP, topics=[TOPIC]),
        TaskEvents(MongoTaskCounts(database, COUNTERS_GROUP)),
        COUNTERS_GROUP,
        COUNTED_TYPES,
        records=_COUNTED_AT_ONCE,
        linger_seconds=settings.counter_linger_seconds,
    )
    shell.background("assets", assets.run)
    shell.background("counters", counters.run)


def _sweeper(settings: Settings, shell: Shell, leasing: Leasing) -> Callable[[], Coroutine[None, None, None]]:
    async def run() -> None:
        while True:
            swept = await _patiently(shell, lambda: leasing.sweep(settings.sweep_batch_tasks))
            if swept < settings.sweep_batch_tasks:
                await asyncio.sleep(settings.sweep_interval_seconds)

    return run


async def _patiently(shell: Shell, work: Callable[[], Awaitable[int]]) -> int:
    try:
        done = await work()
    except Exception as error:
        if not is_dependency_away(error):
            raise
        shell.readiness.waiting("sweeper", str(error)[:200])
        return 0
    shell.readiness.fine("sweeper")
    if done:
        log.info("leases_ended", tasks=done)
    return done


def main() -> None:
    run_service(Settings, assemble)
