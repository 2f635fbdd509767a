"""Making an export: reads a snapshot's parts without what was purged since, and writes files to a sink."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from annostream_export.dataset.manifest import from_json
from annostream_export.dataset.reader import Rows, SnapshotReader
from annostream_export.domain.export import Export, ExportContent, Format, Images, complete
from annostream_export.domain.job import Finished, State
from annostream_export.domain.snapshot import Snapshot
from annostream_export.formats.coco import write_coco
from annostream_export.formats.images import ImageCopier, ImageItem, ImageMissingError
from annostream_export.formats.jsonl import write_jsonl
from annostream_export.formats.sink import Sink
from annostream_export.formats.yolo import Split, image_path, write_yolo
from annostream_export.ports import Bucket, Clock, ExportFiles, Jobs
from annostream_export.use_cases.leave_out import LeaveOut
from annostream_export.use_cases.leftovers import remove_below
from annostream_export.use_cases.runner import NotYetError, Report
from annostream_kit.errors import FailedPrecondition

_IMAGE_COLUMNS = ["file_path", "yolo_path", "split_point", "blob_key", "size_bytes", "orientation", "asset"]
_FILES_AT_ONCE = 16
_BYTES_AT_ONCE = 8 * 2**20


class ClosingSink(Sink, Protocol):
    """A sink that makes an export whole."""

    async def close(self) -> ExportContent:
        """Everything is written and visible; counts of items and regions are left at 0."""


class OpenSink(Protocol):
    """Opens the sink that an export asks for."""

    def __call__(self, export: Export) -> ClosingSink: ...


class MakeExport:
    """prefetch and prefetch_bytes: images that are on their way at once."""

    def __init__(  # noqa: PLR0917  # wiring
        self,
        snapshots: Jobs[Snapshot],
        files: ExportFiles,
        bucket: Bucket,
        leave_out: LeaveOut,
        open_sink: OpenSink,
        clock: Clock,
        *,
        prefetch: int,
        prefetch_bytes: int,
    ) -> None:
        self._snapshots = snapshots
        self._files = files
        self._bucket = bucket
        self._leave_out = leave_out
        self._open_sink = open_sink
        self._clock = clock
        self._prefetch = prefetch
        self._prefetch_bytes = prefetch_bytes

    async def __call__(self, export: Export, report: Report) -> Finished[Export]:
        """Raises NotYetError while the snapshot is in the making, or where an image was purged under our hands.

        Raises Refused SNAPSHOT_FAILED where the snapshot failed.
        """
        reader = await self._leave_out.of(await self._reader(export), export.project)
        if export.job.run > 1:
            # What an abandoned run has written may not all be written again.
            await remove_below(self._bucket, export.prefix)
        sink = self._open_sink(export)
        await self._write(export, reader, sink, report)
        content = await sink.close()
        await self._files.drop_before(export.name, export.job.run)
        manifest = reader.manifest
        counted = ExportContent(
            key=content.key,
            files=content.files,
            file_count=content.file_count,
            item_count=manifest.item_count,
            region_count=manifest.region_count,
            size_bytes=content.size_bytes,
        )
        return complete(export, counted, now=self._clock())

    async def _reader(self, export: Export) -> SnapshotReader:
        snapshot = await self._snapshots.get(export.snapshot)
        if snapshot is None or snapshot.state is State.FAILED:
            reason = snapshot.failure.message if snapshot and snapshot.failure else "it is gone"
            raise FailedPrecondition("SNAPSHOT_FAILED", f"{export.snapshot} was not made: {reason}")
        if snapshot.content is None:
            raise NotYetError(snapshot.name)
        return SnapshotReader(self._bucket, from_json(await self._bucket.get(snapshot.content.manifest_key)))

    async def _write(self, export: Export, reader: SnapshotReader, sink: Sink, report: Report) -> None:
        total = reader.manifest.item_count
        copies = export.images is Images.COPIES
        split = Split(reader.manifest, export.train_fraction)
        # A URI is this and a key.
        bucket = self._bucket.uri("")
        uri = None if copies else bucket

        def progress(done: int) -> None:
            report("labels", done, total)

        match export.format:
            case Format.COCO:
                await write_coco(reader, sink, uri, progress)
            case Format.YOLO:
                await write_yolo(reader, sink, split, uri, progress)
            case Format.JSONL:
                await write_jsonl(reader, sink, bucket, copies, progress)
        if copies:
            await self._copy_images(reader, sink, split if export.format is Format.YOLO else None, report)

    async def _copy_images(self, reader: SnapshotReader, sink: Sink, split: Split | None, report: Report) -> None:
        copier = ImageCopier(
            self._bucket,
            keep_location=reader.manifest.keep_location,
            prefetch=self._prefetch,
            prefetch_bytes=self._prefetch_bytes,
        )
        done, held, files = 0, 0, []
        async for file in self._present(copier.copies(_images(reader, split))):
            files.append(file)
            held += len(file[1])
            if len(files) >= _FILES_AT_ONCE or held >= _BYTES_AT_ONCE:
                await sink.add_whole(files)
                done, held, files = done + len(files), 0, []
                report("images", done, reader.manifest.item_count)
        await sink.add_whole(files)

    async def _present(self, copies: AsyncIterator[tuple[str, bytes]]) -> AsyncIterator[tuple[str, bytes]]:
        try:
            async for file in copies:
                yield file
        except ImageMissingError as error:
            if await self._leave_out.was_purged(error.asset):
                # The next run leaves it out.
                raise NotYetError(f"an export without {error.asset}") from error
            raise


async def _images(reader: SnapshotReader, split: Split | None) -> AsyncIterator[ImageItem]:
    async for items in reader.items(_IMAGE_COLUMNS):
        for file, yolo, point, key, size, orientation, asset in zip(*Rows(items).columns.values(), strict=True):
            path = f"images/{file}" if split is None else image_path(split, yolo, point)
            yield ImageItem(path, key, size, orientation, asset)
