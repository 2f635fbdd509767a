"""What the read model keeps of each event: the subject's state, whole, with its revision."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from annostream.annotate.v1 import events_pb2 as annotate
from annostream.ingest.v1 import events_pb2 as ingest
from annostream_export.ports import ModelRow
from annostream_kit.errors import Refused
from annostream_kit.events import Event

INGEST_TOPIC = "annostream.ingest.v1"
ANNOTATE_TOPIC = "annostream.annotate.v1"
_MESSAGES = {
    message.DESCRIPTOR.full_name: (message, field)
    for field, messages in {
        "asset": (ingest.AssetIngested, ingest.AssetDeleted, ingest.AssetPurged),
        "project": (annotate.ProjectCreated, annotate.ProjectChanged),
        "task": (
            annotate.TaskOpened,
            annotate.AnnotationSubmitted,
            annotate.AnnotationRevised,
            annotate.TaskCompleted,
            annotate.TaskReopened,
            annotate.TaskSkipped,
            annotate.TaskWithdrawn,
        ),
    }.items()
    for message in messages
}
TYPES = frozenset(_MESSAGES)


class UnreadableEventError(Refused):
    """An event whose bytes are not its message; it goes to the dead letters."""


def project_events(events: Iterable[Event]) -> list[ModelRow]:
    """A row for each; raises UnreadableEventError."""
    return [project_event(event) for event in events]


def project_event(event: Event) -> ModelRow:
    message, field = _MESSAGES[event.type]
    try:
        resource = getattr(message.FromString(event.data), field)
    except DecodeError as error:
        raise UnreadableEventError("UNREADABLE_EVENT", f"This is no {event.type}: {error}.") from error
    if resource.name != event.subject:
        text = f"This {event.type} is of {resource.name!r}, its subject is {event.subject!r}."
        raise UnreadableEventError("UNREADABLE_EVENT", text)
    return ModelRow(event.subject, event.revision, resource)
