"""What the read model keeps of an event."""

from __future__ import annotations

from datetime import UTC, datetime

from annostream.annotate.v1 import events_pb2, task_pb2
from annostream_export.use_cases.projection import TYPES, project_event
from annostream_kit.events import event_of


def test_every_event_of_a_task_brings_the_task_as_it_is_since() -> None:
    messages = [
        message for message in events_pb2.DESCRIPTOR.message_types_by_name.values() if "task" in message.fields_by_name
    ]
    assert len(messages) >= 7
    assert {message.full_name for message in messages} <= TYPES


def test_a_skipped_task_is_kept_whole_with_its_revision() -> None:
    task = task_pb2.Task(name="projects/p/tasks/t", skips=[task_pb2.Skip(annotator="users/yumi", comment="흐려요")])
    fact = events_pb2.TaskSkipped(task=task, annotator="users/yumi")
    event = event_of(fact, source="annotate", subject=task.name, revision=7, time=datetime(2026, 1, 2, tzinfo=UTC))
    row = project_event(event)
    assert (row.subject, row.revision, row.resource) == (task.name, 7, task)
