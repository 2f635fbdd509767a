"""What a snapshot needs of the read model, copied at one moment: MongoDB keeps a moment for minutes only.

So nothing slow (large results in S3, uploads) happens while the moment is read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from annostream.annotate.v1 import task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.path import ExportPaths
from annostream_export.ports import ModelView, Spool
from annostream_export.use_cases.settle_paths import settled_paths

_FIELDS = 4


class UnknownAssetError(Exception):
    """A completed task is of an asset that the read model does not have yet."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A completed task, whose large results are references still, and what belongs to it."""

    task: task_pb2.Task
    asset: asset_pb2.Asset
    paths: ExportPaths


async def copy_completed(view: ModelView, project: str, spool: Spool, report: Callable[[int], None]) -> int:
    """Copies the completed tasks whose assets are there, in the order of their names; answers how many.

    Raises UnknownAssetError. `report` hears how many there are so far.
    """
    count = 0
    async for tasks in view.completed_tasks(project):
        assets = await view.assets({asset.name for task in tasks for asset in task.assets})
        kept = [(task, assets[task.assets[0].name]) for task in tasks if _shown(task, assets)]
        paths = await settled_paths(view, project, [asset for _, asset in kept])
        if kept:
            await spool.add([field for task, asset in kept for field in _encode(task, asset, paths[asset.name])])
        count += len(kept)
        report(count)
    return count


async def read_copied(spool: Spool) -> AsyncIterator[list[Copied]]:
    """What copy_completed wrote, in blocks of bounded size."""
    async for block in spool.blocks():
        yield [_decode(*block[at : at + _FIELDS]) for at in range(0, len(block), _FIELDS)]


def _encode(task: task_pb2.Task, asset: asset_pb2.Asset, paths: ExportPaths) -> tuple[bytes, bytes, bytes, bytes]:
    return task.SerializeToString(), asset.SerializeToString(), paths.file.encode(), paths.yolo.encode()


def _decode(task: bytes, asset: bytes, file: bytes, yolo: bytes) -> Copied:
    paths = ExportPaths(file.decode(), yolo.decode())
    return Copied(task_pb2.Task.FromString(task), asset_pb2.Asset.FromString(asset), paths)


def _shown(task: task_pb2.Task, assets: Mapping[str, asset_pb2.Asset]) -> bool:
    """Whether nothing of the task is deleted; raises UnknownAssetError."""
    try:
        return all(assets[asset.name].state == asset_pb2.Asset.STATE_ACTIVE for asset in task.assets)
    except KeyError as error:
        raise UnknownAssetError(f"{task.name}: {error.args[0]}") from error
