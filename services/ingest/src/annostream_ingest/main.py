"""Wires ingest: the only module that knows all others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream.ingest.v1.ingest_service_pb2_grpc import add_IngestServiceServicer_to_server
from annostream_ingest.allocator import give_back_early
from annostream_ingest.inbound.asset_stream import AssetStream, Door
from annostream_ingest.inbound.grpc_api import ROLES, IngestApi
from annostream_ingest.inbound.kafka_events import TYPES, ProjectEvents
from annostream_ingest.inbound.spool import SpoolSpace
from annostream_ingest.inspection import DecodePool, DecodeSettings, Limits
from annostream_ingest.outbound.annotate import AnnotateOverGrpc
from annostream_ingest.outbound.announcer import KafkaAnnouncer
from annostream_ingest.outbound.documents import current_event, current_rejection_event
from annostream_ingest.outbound.inspector import PoolInspector
from annostream_ingest.outbound.mongo_assets import MongoAssets
from annostream_ingest.outbound.mongo_blobs import MongoBlobs
from annostream_ingest.outbound.mongo_projects import MongoProjects
from annostream_ingest.outbound.mongo_rejections import MongoRejections
from annostream_ingest.outbound.mongo_uploads import MongoUploads
from annostream_ingest.outbound.s3 import S3Objects, S3Uploads
from annostream_ingest.outbound.schema import INDEXES, MIGRATIONS
from annostream_ingest.settings import Settings
from annostream_ingest.use_cases.catalogue import Catalogue
from annostream_ingest.use_cases.intake import Intake, IntakeLimits
from annostream_ingest.use_cases.projects import Projects
from annostream_ingest.use_cases.removal import TAKE_OVER_SECONDS, Eraser, Removal, Sweeper
from annostream_ingest.use_cases.upload_sweep import UploadSweep
from annostream_ingest.use_cases.uploads import UploadLimits, Uploads
from annostream_kit.auth import ServiceToken
from annostream_kit.clock import now
from annostream_kit.consumer import Consumer
from annostream_kit.direct_uploads import DirectUploads
from annostream_kit.grpc_server import Mounted
from annostream_kit.ids import random_id
from annostream_kit.kafka import Producer, Subscription, TopicReader
from annostream_kit.mongo import Database, connect, ensure_indexes, migrate, wait_until_up
from annostream_kit.mongo_outbox import MongoOutbox
from annostream_kit.objects import Objects
from annostream_kit.outbox import Relay
from annostream_kit.positions import MongoPositions
from annostream_kit.service import Shell, run_service

TOPIC = "annostream.ingest.v1"
ANNOTATE_TOPIC = "annostream.annotate.v1"
GROUP = "annostream-ingest"


@dataclass(frozen=True)
class Stores:
    assets: MongoAssets
    blobs: MongoBlobs
    rejections: MongoRejections
    projects: MongoProjects
    uploads: MongoUploads


async def assemble(settings: Settings, shell: Shell) -> None:
    database = connect(settings)
    await wait_until_up(database)
    await migrate(database, MIGRATIONS)
    await ensure_indexes(database, INDEXES)
    await shell.need_topics([TOPIC, ANNOTATE_TOPIC, f"{ANNOTATE_TOPIC}.dlq"])
    wiring = Wiring(settings, shell, database)
    wiring.run_relay()
    wiring.run_consumer()
    wiring.run_sweeper()
    # The workers before the channel: gRPC's threads and a fork do not like each other.
    inspector = await wiring.inspector()
    projects = wiring.projects()
    wiring.serve(wiring.intake(inspector, projects), projects)


class Wiring:
    """What is made once and used by several."""

    def __init__(self, settings: Settings, shell: Shell, database: Database) -> None:
        self._settings = settings
        self._shell = shell
        self._database = database
        self._stores = _stores(settings, database)
        objects, direct = Objects(settings), DirectUploads(settings)
        shell.on_close(direct.close)
        self._objects = S3Objects(
            objects, link_seconds=settings.url_lifetime_seconds // 2, max_file_writes=settings.max_file_writes
        )
        self._bucket = S3Uploads(objects, direct)
        self._outbox = MongoOutbox(database, {"assets": current_event, "rejections": current_rejection_event})
        self._producer = Producer(settings)
        shell.on_close(self._producer.stop)
        self._relay = Relay(
            self._outbox,
            self._producer.publish,
            self._objects.offload,
            topic=TOPIC,
            holder=shell.holder,
            readiness=shell.readiness,
            batch_documents=settings.relay_batch_documents,
            lease_seconds=settings.relay_lease_seconds,
            max_event_bytes=settings.max_event_bytes,
            linger_seconds=settings.relay_linger_seconds,
        )
        self._eraser = Eraser(self._stores.assets, self._stores.blobs, self._objects, now, time.monotonic)

    def run_relay(self) -> None:
        self._shell.background("relay", self._relay.run)

    def run_consumer(self) -> None:
        settings = self._settings

        async def run() -> None:
            consumer = Consumer(
                Subscription(settings, group=GROUP, topics=[ANNOTATE_TOPIC]),
                ProjectEvents(self._stores.projects, MongoPositions(self._database, GROUP)),
                group=GROUP,
                types=TYPES,
                publish=self._producer.publish,
                fetch=self._objects.fetch,
                readiness=self._shell.readiness,
                batch_records=settings.consumer_batch_records,
                linger_seconds=settings.consumer_linger_seconds,
                max_attempts=settings.consumer_max_attempts,
            )
            await consumer.run()

        self._shell.background("consumer", run)

    def run_sweeper(self) -> None:
        sweeper = Sweeper(
            self._stores.assets,
            self._stores.blobs,
            self._stores.rejections,
            self._eraser,
            UploadSweep(self._stores.uploads, self._bucket, now),
            clock=now,
            rejection_retention=timedelta(days=self._settings.rejection_retention_days),
            interval_seconds=self._settings.sweeper_interval_seconds,
        )
        self._shell.background("sweeper", sweeper.run)

    async def inspector(self) -> PoolInspector:
        pool = DecodePool(decode_settings(self._settings))
        await pool.start()
        self._shell.on_close(pool.stop)
        return PoolInspector(pool)

    def projects(self) -> Projects:
        settings = self._settings
        annotate = AnnotateOverGrpc(settings.annotate_address, ServiceToken(settings.service_token_file))
        self._shell.on_close(annotate.close)
        return Projects(
            self._stores.projects, annotate, time.monotonic, remember_seconds=settings.project_memory_seconds
        )

    def intake(self, inspector: PoolInspector, projects: Projects) -> Intake:
        settings, stores = self._settings, self._stores
        return Intake(
            projects=projects,
            assets=stores.assets,
            blobs=stores.blobs,
            rejections=stores.rejections,
            objects=self._objects,
            inspector=inspector,
            clock=now,
            wake=self._relay.wake,
            limits=IntakeLimits(settings.max_upload_bytes, settings.max_metadata_bytes),
            linger_seconds=settings.intake_linger_seconds,
        )

    def serve(self, intake: Intake, projects: Projects) -> None:
        settings, stores = self._settings, self._stores
        reader = TopicReader(settings)
        self._shell.on_close(reader.stop)
        space = self._space()
        door = Door(intake, space)
        idle = settings.stream_idle_seconds
        servicer = IngestApi(
            door,
            AssetStream(door, max_assets_in_flight=settings.max_assets_in_flight, max_idle_seconds=idle),
            uploads=self._uploads(intake, space),
            projects=projects,
            catalogue=Catalogue(stores.assets, self._objects),
            removal=Removal(stores.assets, self._eraser, clock=now, wake=self._relay.wake),
            announcer=KafkaAnnouncer(self._outbox, reader, topic=TOPIC, wait_seconds=settings.position_wait_seconds),
            topic=TOPIC,
            # One that is given again has half of its life left.
            link_seconds=settings.url_lifetime_seconds // 2,
            max_page_bytes=settings.max_page_bytes,
            max_idle_seconds=idle,
            clock=now,
        )
        descriptor = api.DESCRIPTOR.services_by_name["IngestService"]
        self._shell.mount(
            Mounted(descriptor, ROLES, lambda server: add_IngestServiceServicer_to_server(servicer, server))
        )

    def _uploads(self, intake: Intake, space: SpoolSpace) -> Uploads:
        settings = self._settings
        return Uploads(
            intake=intake,
            uploads=self._stores.uploads,
            assets=self._stores.assets,
            bucket=self._bucket,
            room=space,
            clock=now,
            new_id=random_id,
            limits=UploadLimits(
                lifetime_seconds=settings.upload_lifetime_seconds,
                part_bytes=settings.upload_part_bytes,
                max_per_call=settings.max_uploads_per_call,
                max_completions_in_flight=settings.max_completions_in_flight,
            ),
        )

    def _space(self) -> SpoolSpace:
        space = SpoolSpace(
            self._settings.spool_directory,
            max_bytes=self._settings.max_spooled_bytes,
            max_memory_bytes=self._settings.max_spooled_memory_bytes,
        )
        space.open()

        async def close() -> None:
            space.close()

        self._shell.on_close(close)
        return space


def _stores(settings: Settings, database: Database) -> Stores:
    grace, take_over = timedelta(seconds=settings.blob_grace_seconds), timedelta(seconds=TAKE_OVER_SECONDS)
    return Stores(
        assets=MongoAssets(database, most_examined=settings.max_examined_per_page),
        blobs=MongoBlobs(database, grace=grace, take_over=take_over),
        rejections=MongoRejections(database),
        projects=MongoProjects(database),
        uploads=MongoUploads(database),
    )


def decode_settings(settings: Settings) -> DecodeSettings:
    return DecodeSettings(
        decode_workers=settings.decode_workers,
        decode_timeout_seconds=settings.decode_timeout_seconds,
        decode_memory_bytes=settings.decode_memory_bytes,
        max_images_per_worker=settings.max_images_per_worker,
        limits=Limits(
            max_image_bytes=settings.max_upload_bytes,
            max_image_pixels=settings.max_image_pixels,
            max_frames=settings.max_image_frames,
        ),
    )


def main() -> None:
    give_back_early()
    run_service(Settings, assemble)
