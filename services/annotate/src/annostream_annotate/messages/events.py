"""Events: what facts announce, and what is read from the events of others and our own."""

from __future__ import annotations

from google.protobuf.message import DecodeError, Message

from annostream.annotate.v1 import events_pb2
from annostream.ingest.v1 import asset_pb2
from annostream.ingest.v1 import events_pb2 as ingest_events
from annostream_annotate.domain.annotation import AnnotationRevised, AnnotationSubmitted, before_completion
from annostream_annotate.domain.lease import LeasesChanged, TaskLeased
from annostream_annotate.domain.opening import (
    AssetFact,
    AssetNoted,
    TaskCompleted,
    TaskOpened,
    TaskReopened,
    TaskWithdrawn,
)
from annostream_annotate.domain.project import Project, ProjectChanged, ProjectCreated
from annostream_annotate.domain.skip import TaskSkipped
from annostream_annotate.domain.task import Skip, SlotState, Task, TaskAsset, TaskState
from annostream_annotate.messages.projects import project_to_wire
from annostream_annotate.messages.tasks import STATE_OF_NUMBER, annotation_name, task_to_wire
from annostream_kit.errors import InvalidArgument
from annostream_kit.events import Event, event_of

SOURCE = "annostream/annotate"
TOPIC = "annostream.annotate.v1"
INGEST_TOPIC = "annostream.ingest.v1"

INGESTED = ingest_events.AssetIngested.DESCRIPTOR.full_name
DELETED = ingest_events.AssetDeleted.DESCRIPTOR.full_name
PURGED = ingest_events.AssetPurged.DESCRIPTOR.full_name

# What each event says about the state of its task: for these, counters need no payload.
_STATE_BY_EVENT = {
    events_pb2.TaskOpened.DESCRIPTOR.full_name: TaskState.OPEN,
    events_pb2.TaskReopened.DESCRIPTOR.full_name: TaskState.OPEN,
    events_pb2.AnnotationSubmitted.DESCRIPTOR.full_name: TaskState.OPEN,
    events_pb2.TaskSkipped.DESCRIPTOR.full_name: TaskState.OPEN,
    events_pb2.TaskCompleted.DESCRIPTOR.full_name: TaskState.COMPLETED,
    events_pb2.TaskWithdrawn.DESCRIPTOR.full_name: TaskState.WITHDRAWN,
}

_REVISED = events_pb2.AnnotationRevised.DESCRIPTOR.full_name
# A revision leaves the state as it is, but after compaction it may be all that is left of a task.
COUNTED_TYPES = frozenset({*_STATE_BY_EVENT, _REVISED})


Fact = (
    ProjectCreated
    | ProjectChanged
    | AssetFact
    | TaskLeased
    | LeasesChanged
    | AnnotationSubmitted
    | AnnotationRevised
    | TaskSkipped
)


def events_of(fact: Fact) -> list[Event]:  # noqa: C901, PLR0911  # one case a fact
    """What a fact announces, in order; leases announce nothing, for they end by themselves."""
    match fact:
        case ProjectCreated(project):
            return [_project_event(events_pb2.ProjectCreated(project=project_to_wire(project)), project)]
        case ProjectChanged(project):
            return [_project_event(events_pb2.ProjectChanged(project=project_to_wire(project)), project)]
        case TaskLeased() | LeasesChanged() | AssetNoted():
            return []
        case AnnotationSubmitted():
            return _submitted(fact)
        case AnnotationRevised(task, annotation):
            revised = events_pb2.AnnotationRevised(
                task=task_to_wire(task), annotation=annotation_name(task, annotation.id)
            )
            return [_task_event(revised, task)]
        case TaskSkipped(task, skip):
            return [_skipped(task, skip)]
        case TaskOpened(task):
            return [_task_event(events_pb2.TaskOpened(task=task_to_wire(task)), task)]
        case TaskReopened(task):
            return [_task_event(events_pb2.TaskReopened(task=task_to_wire(task)), task)]
        case TaskCompleted(task):
            return [_task_event(events_pb2.TaskCompleted(task=task_to_wire(task)), task)]
        case TaskWithdrawn(task):
            return [_task_event(events_pb2.TaskWithdrawn(task=task_to_wire(task)), task)]


def _submitted(fact: AnnotationSubmitted) -> list[Event]:
    completes = fact.task.state is TaskState.COMPLETED
    task = before_completion(fact) if completes else fact.task
    name = annotation_name(task, fact.annotation.id)
    submitted = _task_event(events_pb2.AnnotationSubmitted(task=task_to_wire(task), annotation=name), task)
    if not completes:
        return [submitted]
    return [submitted, _task_event(events_pb2.TaskCompleted(task=task_to_wire(fact.task)), fact.task)]


def _skipped(task: Task, skip: Skip) -> Event:
    return _task_event(events_pb2.TaskSkipped(task=task_to_wire(task), annotator=skip.annotator), task)


def current_project_event(project: Project) -> Event:
    """Announces what a project is now."""
    return _project_event(events_pb2.ProjectChanged(project=project_to_wire(project)), project)


def current_task_event(task: Task) -> Event:
    """Announces what a task is now."""
    wire = task_to_wire(task)
    if task.state is TaskState.COMPLETED:
        return _task_event(events_pb2.TaskCompleted(task=wire), task)
    if task.state is TaskState.WITHDRAWN:
        return _task_event(events_pb2.TaskWithdrawn(task=wire), task)
    if task.skips and task.skips[-1].skip_time == task.update_time:
        return _skipped(task, task.skips[-1])
    if any(slot.state is SlotState.SUBMITTED for slot in task.slots) and task.annotations:
        name = annotation_name(task, task.annotations[-1].id)
        return _task_event(events_pb2.AnnotationSubmitted(task=wire, annotation=name), task)
    return _task_event(events_pb2.TaskOpened(task=wire), task)


def _project_event(message: Message, project: Project) -> Event:
    return event_of(message, source=SOURCE, subject=project.name, revision=project.revision, time=project.update_time)


def _task_event(message: Message, task: Task) -> Event:
    return event_of(message, source=SOURCE, subject=task.name, revision=task.revision, time=task.update_time)


def state_after(event: Event) -> TaskState:
    """The state of the task after one of COUNTED_TYPES; raises InvalidArgument MALFORMED_EVENT."""
    if event.type != _REVISED:
        return _STATE_BY_EVENT[event.type]
    try:
        return STATE_OF_NUMBER[events_pb2.AnnotationRevised.FromString(event.data).task.state]
    except (DecodeError, KeyError) as error:
        raise InvalidArgument("MALFORMED_EVENT", f"The data of {event.subject} is no {event.type}.") from error


def asset_of(event: Event) -> asset_pb2.Asset:
    """Raises InvalidArgument MALFORMED_EVENT where the event's data is not what its type says."""
    try:
        if event.type == INGESTED:
            return ingest_events.AssetIngested.FromString(event.data).asset
        if event.type == DELETED:
            return ingest_events.AssetDeleted.FromString(event.data).asset
        return ingest_events.AssetPurged.FromString(event.data).asset
    except DecodeError as error:
        raise InvalidArgument("MALFORMED_EVENT", f"The data of {event.subject} is no {event.type}.") from error


def task_asset_from_wire(asset: asset_pb2.Asset, *, name: str) -> TaskAsset:
    return TaskAsset(name, asset.path, asset.image.width, asset.image.height)
