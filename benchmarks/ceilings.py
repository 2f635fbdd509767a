"""The raw parts of taking a photo in, each alone and as fast as its library goes: what ingest is held against."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import aiokafka
import obstore
from obstore.store import S3Store

from annostream_imaging import decode, hash_bytes, read_metadata, sniff
from annostream_imaging.structure import read_layout
from annostream_imaging.thumbnail import encode_thumbnail, make_thumbnail, perceptual_hash
from annostream_ingest.domain.asset import Asset, AssetIngested, Image, State
from annostream_ingest.domain.blob import Blob, BlobState, thumbnail_key
from annostream_ingest.outbound.documents import blob_to_document, document_id, new_document
from annostream_ingest.outbound.schema import INDEXES
from annostream_ingest.settings import Settings as IngestSettings
from annostream_kit.events import Event, to_headers
from annostream_kit.ids import derive_id
from annostream_kit.kafka import connection
from annostream_kit.mongo import Document, connect, ensure_indexes
from annostream_sdk.kafka import open_cluster
from annostream_sdk.topics import DEFAULT_PARTITIONS
from benchmarks import transport
from benchmarks.bench import Bench
from benchmarks.events import asset, asset_ingested
from benchmarks.figures import Run
from benchmarks.photos import SIZE

# As many puts at once as one stream has assets in work.
IN_FLIGHT: int = IngestSettings.model_fields["max_assets_in_flight"].default
DECODE_WORKERS = os.cpu_count() or 1
PUT_PHOTO, PUT_THUMBNAIL = "S3 PUT of the photo", "S3 PUT of the thumbnail"
DECODE, INSERT, PRODUCE = "decode + thumbnail + hashes", "insert_many of the same documents", "produce of like records"
TRANSPORT = "gRPC stream to a server that keeps nothing"
# What the target names; the way in is measured beside them.
PARTS = (PUT_PHOTO, PUT_THUMBNAIL, DECODE, INSERT, PRODUCE)
_DATABASE = "benchmark"
# Ingest's account may write to what begins with its own topic's name.
_TOPIC = "annostream.ingest.benchmark"
_INSERTED_AT_ONCE = 500
# A thousand of these are too soon over to be measured.
_TIMES_AS_MANY = 8
_WARM_RECORDS = 200


@dataclass
class Ceilings:
    """Runs of each part, by its name."""

    runs: dict[str, list[Run]] = field(default_factory=lambda: {part: [] for part in (*PARTS, TRANSPORT)})

    async def measure(self, bench: Bench, photos: Sequence[Path], run: str) -> None:
        """One round of every part, over the same photos."""
        thumbnails, decoded = await _decode_all(photos)
        self.runs[DECODE].append(decoded)
        read = await asyncio.to_thread(lambda: [photo.read_bytes() for photo in photos])
        self.runs[PUT_PHOTO].append(await _put_all(bench, f"benchmark/{run}/photos", read))
        self.runs[PUT_THUMBNAIL].append(await _put_all(bench, f"benchmark/{run}/thumbnails", thumbnails))
        events = [asset_ingested(asset(f"projects/{run}", number)) for number in range(_TIMES_AS_MANY * len(photos))]
        self.runs[INSERT].append(await _insert_all(bench, run, len(events)))
        self.runs[PRODUCE].append(await _produce_all(bench, events))
        self.runs[TRANSPORT].append(await transport.measure(photos))


def inspect(photo: Path) -> tuple[bytes, float]:
    """All that is found out about a photo; answers the thumbnail and the CPU seconds that it took."""
    start = time.process_time()
    data = photo.read_bytes()
    hash_bytes(data)
    image_format = sniff(data)
    layout = read_layout(data, image_format)
    picture = decode(data, image_format, layout=layout)
    orientation = read_metadata(data, image_format, layout).orientation
    thumbnail = make_thumbnail(picture.preview, orientation, picture.icc_profile)
    perceptual_hash(thumbnail)
    return encode_thumbnail(thumbnail), time.process_time() - start


async def _decode_all(photos: Sequence[Path]) -> tuple[list[bytes], Run]:
    """In as many processes as ingest has decode workers; their start is not measured."""
    with ProcessPoolExecutor(DECODE_WORKERS, mp_context=get_context("spawn")) as pool:
        await asyncio.to_thread(lambda: [one.result() for one in _submitted(pool, [photos[0]] * 4 * DECODE_WORKERS)])
        start = time.perf_counter()
        results = await asyncio.to_thread(lambda: [one.result() for one in _submitted(pool, photos)])
        seconds = time.perf_counter() - start
    used = sum(cpu for _, cpu in results)
    return [thumbnail for thumbnail, _ in results], Run(len(photos), seconds, {"decoders": used})


def _submitted(pool: ProcessPoolExecutor, photos: Iterable[Path]) -> list[Future[tuple[bytes, float]]]:
    return [pool.submit(inspect, photo) for photo in photos]


async def _put_all(bench: Bench, prefix: str, objects: Sequence[bytes]) -> Run:
    store = _store(bench)
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def put(number: int, data: bytes) -> None:
        async with slots:
            await obstore.put_async(store, f"{prefix}/{number}", data, mode="create", use_multipart=False)

    with bench.measured(len(objects)) as watch:
        await asyncio.gather(*(put(number, data) for number, data in enumerate(objects)))
    return watch.run()


def _store(bench: Bench) -> S3Store:
    s3 = bench.stack.endpoints["s3"]
    return S3Store(
        s3["bucket"],
        endpoint=s3["endpoint_url"],
        region=s3["region"],
        access_key_id=s3["access_key"],
        secret_access_key=s3["secret_key"],
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )


async def _insert_all(bench: Bench, run: str, count: int) -> Run:
    """Both documents of a photo as ingest writes them, with its indexes; w: majority, j: true for each 500."""
    database = connect(bench.settings("ingest", _DATABASE))
    await ensure_indexes(database, INDEXES)
    pairs = [_documents(run, number) for number in range(count)]
    with bench.measured(count) as watch:
        for start in range(0, count, _INSERTED_AT_ONCE):
            blobs, assets = zip(*pairs[start : start + _INSERTED_AT_ONCE], strict=True)
            await database["blobs"].insert_many(blobs, ordered=False)
            await database["assets"].insert_many(assets, ordered=False)
    database.client.close()
    return watch.run()


def _documents(project: str, number: int) -> tuple[Document, Document]:
    """The blob's, and the asset's with its event."""
    now = datetime.now(UTC)
    sha256 = hashlib.sha256(f"{project} {number}".encode()).hexdigest()
    thumbnail = thumbnail_key(project, sha256, "image/jpeg")
    image = Image("jpeg", *SIZE, orientation=1, frames=1, colour_mode="RGB", phash=number)
    blob = Blob(project, sha256, BlobState.WRITING, 86_000, "image/jpeg", thumbnail, image, now)
    taken = Asset(
        project=project,
        id=derive_id("asset", project, sha256),
        state=State.ACTIVE,
        revision=1,
        created_at=now,
        updated_at=now,
        dedupe_key=sha256,
        path=f"photos/{number:06}.jpg",
        sha256=sha256,
        md5=sha256[:32],
        size_bytes=86_000,
        media_type="image/jpeg",
        thumbnail_key=thumbnail,
        image=image,
    )
    claim = {"state": blob.state.value, "touched_at": now, "check_at": now}
    return {"_id": document_id((project, sha256)), **blob_to_document(blob), **claim}, new_document(
        AssetIngested(taken)
    )


async def _produce_all(bench: Bench, events: Sequence[Event]) -> Run:
    """Idempotent and acknowledged by all, as the relay does."""
    async with open_cluster(bench.kafka("admin")) as cluster:
        await cluster.create(_TOPIC, DEFAULT_PARTITIONS, 1, {})
    async with _producer(bench) as send:
        await asyncio.gather(*[await send(event) for event in events[:_WARM_RECORDS]])
        with bench.measured(len(events)) as watch:
            await asyncio.gather(*[await send(event) for event in events])
    return watch.run()


@asynccontextmanager
async def _producer(bench: Bench) -> AsyncIterator[Callable[[Event], Awaitable[Awaitable[object]]]]:
    arguments = connection(bench.settings("ingest"), "benchmark")
    producer = aiokafka.AIOKafkaProducer(**arguments, enable_idempotence=True, acks="all", linger_ms=2)
    await producer.start()

    async def send(event: Event) -> Awaitable[object]:
        headers = list(to_headers(event))
        sent: Awaitable[object] = await producer.send(
            _TOPIC, value=event.data, key=event.subject.encode(), headers=headers
        )
        return sent

    try:
        yield send
    finally:
        await producer.stop()
