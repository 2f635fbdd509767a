"""What a snapshot needs of the read model, copied at one moment: MongoDB keeps a moment for minutes only.

So nothing slow (large results in S3, uploads) happens while the moment is read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from annostream.annotate.v1 import task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.path import Claim, ExportPaths, path_key, settle, suffixed
from annostream_export.ports import ModelView, Spool

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
        paths = await _paths(view, project, [asset for _, asset in kept])
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


async def _paths(view: ModelView, project: str, assets: Sequence[asset_pb2.Asset]) -> dict[str, ExportPaths]:
    """The path of each asset in exports, settled among all assets that the project has."""
    keys = {asset.name: path_key(asset.path, asset.media_type) for asset in assets}
    claims = await view.path_claims(project, [key.stem for key in keys.values()])
    mine = {a.name: Claim(a.create_time.ToMicroseconds(), a.name, keys[a.name].suffix) for a in assets}
    settled = {a.name: settle(a.path, a.media_type, mine[a.name], claims.get(keys[a.name].stem, ())) for a in assets}
    renamed = [a for a in assets if settled[a.name].renamed]
    if renamed:
        taken = await view.path_claims(project, [_renamed_stem(a) for a in renamed])
        for a in renamed:
            if taken.get(_renamed_stem(a)):
                rivals = claims[keys[a.name].stem]
                settled[a.name] = settle(a.path, a.media_type, mine[a.name], rivals, whole=True)
    return settled


def _renamed_stem(asset: asset_pb2.Asset) -> str:
    return path_key(suffixed(asset.path, asset.name.rsplit("/", 1)[-1]), asset.media_type).stem
