"""Tasks follow their assets: one opens as its asset comes in, is withdrawn as it goes, and is back as it returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from annostream_annotate.domain.task import Slot, SlotState, Task, TaskAsset, TaskState, task_id_for


@dataclass(frozen=True, slots=True)
class TaskOpened:
    task: Task


@dataclass(frozen=True, slots=True)
class TaskReopened:
    task: Task


@dataclass(frozen=True, slots=True)
class TaskCompleted:
    """Again: its asset came back after all annotations were in."""

    task: Task


@dataclass(frozen=True, slots=True)
class TaskWithdrawn:
    task: Task


@dataclass(frozen=True, slots=True)
class AssetNoted:
    """The asset's newer revision changes nothing that is announced."""

    task: Task


AssetFact = TaskOpened | TaskReopened | TaskCompleted | TaskWithdrawn | AssetNoted


def asset_ingested(
    task: Task | None, asset: TaskAsset, asset_revision: int, *, project: str, slots: int, now: datetime
) -> AssetFact | None:
    """Opens the asset's task, or brings it back; None where this was applied already. The rank comes with the batch."""
    if task is None or task.create_time is None:
        if task is not None and asset_revision <= task.asset_revision:
            return None
        fresh = _fresh(project, asset, asset_revision, slots, now)
        return TaskOpened(
            replace(fresh, version=task.version if task else 0, revision=(task.revision if task else 0) + 1)
        )
    if asset_revision <= task.asset_revision:
        return None
    if task.state is not TaskState.WITHDRAWN:
        return AssetNoted(replace(task, asset_revision=asset_revision))
    back = replace(
        task, assets=(asset,), asset_revision=asset_revision, revision=task.revision + 1, update_time=now,
        slots=tuple(s if s.state is SlotState.SUBMITTED else s.requeued(now) for s in task.slots),
    )  # fmt: skip
    if all(slot.state is SlotState.SUBMITTED for slot in back.slots):
        return TaskCompleted(replace(back, state=TaskState.COMPLETED))
    return TaskReopened(replace(back, state=TaskState.OPEN))


def asset_gone(
    task: Task | None, asset_name: str, asset_revision: int, *, project: str, purged: bool, now: datetime
) -> AssetFact | None:
    """Withdraws the asset's task. Where none is open yet, a mark stays, so that an older event opens none later."""
    if task is None:
        mark = _fresh(project, TaskAsset(asset_name), asset_revision, 0, now)
        return AssetNoted(replace(mark, state=TaskState.WITHDRAWN, create_time=None))
    if asset_revision <= task.asset_revision:
        return None
    if task.create_time is None or (task.state is TaskState.WITHDRAWN and not purged):
        return AssetNoted(replace(task, asset_revision=asset_revision))
    return TaskWithdrawn(
        replace(
            task,
            state=TaskState.WITHDRAWN,
            # A purge leaves no fact of the asset but its name.
            assets=(TaskAsset(asset_name),) if purged else task.assets,
            slots=tuple(s if s.state is SlotState.SUBMITTED else Slot(token=s.token) for s in task.slots),
            asset_revision=asset_revision,
            revision=task.revision + 1,
            update_time=now,
        )
    )


def _fresh(project: str, asset: TaskAsset, asset_revision: int, slots: int, now: datetime) -> Task:
    return Task(
        id=task_id_for(project, (asset.name,)),
        project=project,
        state=TaskState.OPEN,
        assets=(asset,),
        slots=(Slot(),) * slots,
        rank=0,
        asset_revision=asset_revision,
        create_time=now,
        update_time=now,
    )
