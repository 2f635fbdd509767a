"""Wiring: the only module that knows all others."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from annostream.export.v1 import export_service_pb2, export_service_pb2_grpc
from annostream_export.domain.export import Export
from annostream_export.domain.snapshot import Snapshot
from annostream_export.inbound.grpc_api import ROLES, ExportServicer
from annostream_export.inbound.kafka_events import ModelConsumer
from annostream_export.messages import export_announcement, snapshot_announcement
from annostream_export.outbound.documents import (
    Codec,
    decode_export,
    decode_snapshot,
    encode_export,
    encode_snapshot,
)
from annostream_export.outbound.mongo_jobs import FinishedOutbox, MongoExportFiles, MongoJobs
from annostream_export.outbound.mongo_model import MongoReadModel
from annostream_export.outbound.mongo_redactions import MongoRedactions
from annostream_export.outbound.schema import INDEXES, MIGRATIONS
from annostream_export.outbound.sinks import OpenSinks
from annostream_export.outbound.spool import file_spool
from annostream_export.outbound.upstream import GrpcUpstream
from annostream_export.ports import Clock
from annostream_export.settings import Settings
from annostream_export.use_cases.large_results import LargeResults
from annostream_export.use_cases.leave_out import LeaveOut
from annostream_export.use_cases.leftovers import Leftovers
from annostream_export.use_cases.make_export import MakeExport
from annostream_export.use_cases.make_snapshot import MakeSnapshot
from annostream_export.use_cases.projection import ANNOTATE_TOPIC, INGEST_TOPIC, TYPES
from annostream_export.use_cases.rebuild import Rebuild
from annostream_export.use_cases.redact import Redactor
from annostream_export.use_cases.runner import Runner
from annostream_export.use_cases.service import ExportUseCases
from annostream_kit import mongo
from annostream_kit.auth import ServiceToken
from annostream_kit.clock import now
from annostream_kit.consumer import Consumer
from annostream_kit.events import Event
from annostream_kit.failures import is_dependency_away
from annostream_kit.grpc_server import Mounted
from annostream_kit.kafka import Producer, Subscription, TopicReader
from annostream_kit.mongo import Database
from annostream_kit.objects import Objects
from annostream_kit.outbox import Relay
from annostream_kit.service import Shell, run_service

TOPIC = "annostream.export.v1"
GROUP = "annostream-export"


async def assemble(settings: Settings, shell: Shell) -> None:
    """Wires export and fills the shell."""
    database = mongo.connect(settings)
    await mongo.wait_until_up(database)
    await mongo.migrate(database, MIGRATIONS)
    await mongo.ensure_indexes(database, INDEXES)
    await shell.need_topics(
        [TOPIC, *(name for topic in (INGEST_TOPIC, ANNOTATE_TOPIC) for name in (topic, f"{topic}.dlq"))]
    )
    Assembly(settings, shell, database).fill()


class Assembly:
    """The parts of one process."""

    def __init__(self, settings: Settings, shell: Shell, database: Database) -> None:
        self._settings = settings
        self._shell = shell
        self._bucket = Objects(settings)
        self._producer = Producer(settings)
        self._topics = TopicReader(settings)
        self._model = MongoReadModel(database)
        self._files = MongoExportFiles(database)
        self._redactions = MongoRedactions(database)
        snapshots: Codec[Snapshot] = Codec(
            "snapshots", encode_snapshot, decode_snapshot, lambda f: snapshot_announcement(f, self._bucket.uri)
        )
        exports: Codec[Export] = Codec(
            "exports", encode_export, decode_export, lambda f: export_announcement(f, self._bucket.uri)
        )
        self._outbox = FinishedOutbox(database, snapshots, exports)
        self._relay = Relay(
            self._outbox,
            self._producer.publish,
            self._offload,
            topic=TOPIC,
            holder=shell.holder,
            readiness=shell.readiness,
            batch_documents=settings.relay_batch_documents,
            lease_seconds=settings.relay_lease_seconds,
            max_event_bytes=settings.max_event_bytes,
            linger_seconds=settings.relay_linger_seconds,
        )
        self._snapshots = MongoJobs(database, snapshots, saved=self._relay.wake)
        self._exports = MongoJobs(database, exports, saved=self._relay.wake)
        self._upstream = GrpcUpstream(
            settings.ingest_address,
            settings.annotate_address,
            ServiceToken(settings.service_token_file),
            timeout_seconds=settings.position_wait_seconds,
        )

    def fill(self) -> None:
        """Background work, what is closed at the end, and the service itself."""
        shell, settings = self._shell, self._settings
        shell.background("relay", self._relay.run)
        shell.background("model", self._consumer().run)
        snapshots, exports = self._snapshot_runner(now), self._export_runner(now)
        for number in range(settings.job_workers):
            shell.background(f"snapshots-{number}", snapshots.run)
            shell.background(f"exports-{number}", exports.run)
        shell.background("redactor", self._redactor().run)
        shell.background("sweeper", self._sweep)
        shell.on_close(self._producer.stop)
        shell.on_close(self._topics.stop)
        shell.on_close(self._upstream.close)
        servicer = ExportServicer(
            self._use_cases(snapshots, exports),
            self._rebuild(),
            self._outbox.announce_project_again,
            self._bucket.uri,
            max_page_bytes=settings.max_page_bytes,
        )
        shell.mount(
            Mounted(
                export_service_pb2.DESCRIPTOR.services_by_name["ExportService"],
                ROLES,
                lambda server: export_service_pb2_grpc.add_ExportServiceServicer_to_server(servicer, server),
            )
        )

    def _use_cases(self, snapshots: Runner[Snapshot], exports: Runner[Export]) -> ExportUseCases:
        return ExportUseCases(
            self._snapshots,
            self._exports,
            self._files,
            self._model,
            self._upstream,
            self._bucket,
            now,
            train_fraction=self._settings.export_train_fraction,
            url_lifetime=timedelta(seconds=self._settings.url_lifetime_seconds),
            wake_snapshots=snapshots.wake,
            wake_exports=exports.wake,
        )

    def _consumer(self) -> Consumer:
        settings = self._settings
        source = Subscription(settings, group=GROUP, topics=[INGEST_TOPIC, ANNOTATE_TOPIC])
        model = ModelConsumer(source, self._model)
        return Consumer(
            model,
            model,
            group=GROUP,
            types=TYPES,
            publish=self._producer.publish,
            fetch=self._fetch,
            readiness=self._shell.readiness,
            batch_records=settings.consumer_batch_records,
            linger_seconds=settings.consumer_linger_seconds,
            max_attempts=settings.consumer_max_attempts,
        )

    def _snapshot_runner(self, clock: Clock) -> Runner[Snapshot]:
        settings = self._settings
        make = MakeSnapshot(
            self._model,
            self._bucket,
            LargeResults(
                self._bucket,
                at_once=settings.snapshot_prefetch_results,
                bytes_at_once=settings.snapshot_prefetch_bytes,
            ),
            lambda: file_spool(settings.snapshot_spool_directory, settings.snapshot_spool_bytes),
            clock,
            wait_seconds=settings.snapshot_wait_seconds,
            part_tasks=settings.snapshot_part_tasks,
            part_bytes=settings.snapshot_part_bytes,
        )
        return Runner(
            self._snapshots,
            make,
            clock,
            holder=self._shell.holder,
            lease_seconds=settings.job_lease_seconds,
            max_attempts=settings.job_max_attempts,
            poll_seconds=settings.job_poll_seconds,
        )

    def _export_runner(self, clock: Clock) -> Runner[Export]:
        settings = self._settings
        make = MakeExport(
            self._snapshots,
            self._files,
            self._bucket,
            LeaveOut(
                self._redactions,
                self._model,
                self._upstream,
                self._bucket,
                wait_seconds=settings.snapshot_wait_seconds,
            ),
            OpenSinks(self._bucket, self._files, listed=settings.export_listed_files),
            clock,
            prefetch=settings.export_prefetch_images,
            prefetch_bytes=settings.export_prefetch_bytes,
        )
        return Runner(
            self._exports,
            make,
            clock,
            holder=self._shell.holder,
            lease_seconds=settings.job_lease_seconds,
            max_attempts=settings.job_max_attempts,
            poll_seconds=settings.job_poll_seconds,
        )

    def _redactor(self) -> Redactor:
        return Redactor(
            self._redactions,
            self._snapshots,
            self._exports,
            self._files,
            self._bucket,
            now,
            lease_seconds=self._settings.job_lease_seconds,
            poll_seconds=self._settings.redactor_poll_seconds,
        )

    def _rebuild(self) -> Rebuild:
        return Rebuild(
            self._model,
            self._topics,
            self._fetch,
            now,
            lease_seconds=self._settings.rebuild_lease_seconds,
            wait_seconds=self._settings.position_wait_seconds,
        )

    async def _sweep(self) -> None:
        """Drops generations of the read model that nobody reads any more, and what failed jobs have left in S3."""
        leftovers = Leftovers(
            self._snapshots, self._exports, self._files, self._bucket, now,
            keep_seconds=self._settings.failed_keep_seconds,
        )  # fmt: skip
        while True:
            await asyncio.sleep(self._settings.sweep_seconds)
            try:
                await self._model.drop_unused(now=now(), keep_seconds=self._settings.generation_keep_seconds)
                await leftovers.sweep()
            except Exception as error:
                if not is_dependency_away(error):
                    raise

    async def _fetch(self, dataref: str) -> bytes:
        return await self._bucket.get(self._bucket.key_of(dataref))

    async def _offload(self, event: Event) -> str:
        key = f"events/{TOPIC}/{event.id}"
        await self._bucket.put_new(key, event.data)
        return self._bucket.uri(key)


def main() -> None:
    """The console script annostream-export."""
    run_service(Settings, assemble)
