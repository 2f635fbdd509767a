"""Domain <-> MongoDB documents."""

from __future__ import annotations

from datetime import datetime

from bson import Binary

from annostream_annotate.domain.label_schema import Control, Label, LabelSchema, Shape
from annostream_annotate.domain.path import path_key, words
from annostream_annotate.domain.project import Project, ProjectState
from annostream_annotate.domain.task import (
    Annotation,
    Answer,
    Content,
    InlineResult,
    ResultReference,
    Skip,
    SkipReason,
    Slot,
    SlotState,
    Task,
    TaskAsset,
    TaskState,
)
from annostream_kit.mongo import Document

# The queue's keys: scalars, for an index over an array cannot serve a bounded sort.
QUEUE_KEYS = ("ready_rank", "requeued_at", "lease_expires_at", "holders")
SKIP_KEYS = ("skips", "skipped_by")


def project_document(project: Project) -> Document:
    """Without its events."""
    return {
        "_id": project.id,
        "project": project.id,
        "display_name": project.display_name,
        "state": project.state.value,
        "schema_version": project.schema.version,
        "controls": [_control_document(control) for control in project.schema.controls],
        "annotations_per_task": project.annotations_per_task,
        "keep_location": project.keep_location,
        "revision": project.revision,
        "created_at": project.create_time,
        "updated_at": project.update_time,
        "created_by": project.created_by,
    }


def _control_document(control: Control) -> Document:
    labels = [
        {"id": la.id, "name": la.name, "colour": la.colour, "hotkey": la.hotkey, "class_index": la.class_index,
         "retired": la.retired}
        for la in control.labels
    ]  # fmt: skip
    return {"id": control.id, "shape": control.shape.value, "labels": labels}


def project_of(row: Document) -> Project:
    controls = tuple(
        Control(c["id"], Shape(c["shape"]), tuple(Label(**label) for label in c["labels"])) for c in row["controls"]
    )
    return Project(
        id=row["_id"],
        display_name=row["display_name"],
        state=ProjectState(row["state"]),
        schema=LabelSchema(row["schema_version"], controls),
        annotations_per_task=row["annotations_per_task"],
        keep_location=row["keep_location"],
        revision=row["revision"],
        create_time=row["created_at"],
        update_time=row["updated_at"],
        requests=tuple(row.get("requests", ())),
        created_by=row["created_by"],
    )


def content_document(content: Content) -> Document:
    match content:
        case InlineResult(data, region_count):
            return {"data": Binary(data), "regions": region_count}
        case ResultReference(key, sha256, size_bytes, region_count):
            return {"key": key, "sha256": sha256, "bytes": size_bytes, "regions": region_count}


def content_of(row: Document) -> Content:
    if "key" in row:
        return ResultReference(row["key"], row["sha256"], row["bytes"], row["regions"])
    # A list without results leaves the bytes in the database.
    return InlineResult(bytes(row.get("data", b"")), row["regions"])


def annotation_document(annotation: Annotation) -> Document:
    return {
        "id": annotation.id,
        "annotator": annotation.annotator,
        "content": content_document(annotation.content),
        "schema_version": annotation.schema_version,
        "version": annotation.version,
        "submitted_at": annotation.submit_time,
        "updated_at": annotation.update_time,
        "working_ms": annotation.working_milliseconds,
    }


def annotation_of(row: Document) -> Annotation:
    return Annotation(
        id=row["id"],
        annotator=row["annotator"],
        content=content_of(row["content"]),
        schema_version=row["schema_version"],
        version=row["version"],
        submit_time=row["submitted_at"],
        update_time=row["updated_at"],
        working_milliseconds=row["working_ms"],
    )


def answer_document(answer: Answer) -> Document:
    return {
        "id": answer.request_id,
        "annotator": answer.annotator,
        "annotation": answer.annotation,
        "version": answer.version,
        "state": answer.state.value,
    }


def _answer_of(row: Document) -> Answer:
    return Answer(row["id"], row["annotator"], row["annotation"], row["version"], TaskState(row["state"]))


_SLOT_FIELDS = ("annotator", "token", "request_id", "expires_at", "requeued_at", "left_by")


def _slot_document(slot: Slot) -> Document:
    values = {name: getattr(slot, name) for name in _SLOT_FIELDS}
    return {"state": slot.state.value, **{name: value for name, value in values.items() if value}}


def _slot_of(row: Document) -> Slot:
    return Slot(SlotState(row["state"]), **{name: row[name] for name in _SLOT_FIELDS if name in row})


def queue_fields(task: Task) -> Document:
    """The slots and the keys that are derived from them; an absent key is to be taken away."""
    fields: Document = {"slots": [_slot_document(slot) for slot in task.slots], "token": task.token}
    if task.state is not TaskState.OPEN:
        return fields
    ready = [slot for slot in task.slots if slot.state is SlotState.READY]
    leased = [slot for slot in task.slots if slot.state is SlotState.LEASED]
    back: list[datetime] = [slot.requeued_at for slot in ready if slot.requeued_at]
    if len(back) < len(ready):
        fields["ready_rank"] = task.rank
    if back:
        fields["requeued_at"] = min(back)
    if leased:
        fields["lease_expires_at"] = min(slot.expires_at for slot in leased if slot.expires_at)
        fields["holders"] = [slot.annotator for slot in leased]
    return fields


def annotation_fields(task: Task) -> Document:
    """The annotations and skips, and what lists find them by; an absent key is to be taken away."""
    fields: Document = {
        "annotations": [annotation_document(annotation) for annotation in task.annotations],
        "region_count": task.region_count,
    }
    if task.annotations:
        fields["annotators"] = [annotation.annotator for annotation in task.annotations]
    return fields | skip_fields(task)


def skip_fields(task: Task) -> Document:
    if not task.skips:
        return {}
    return {
        "skips": [
            {"annotator": s.annotator, "reason": s.reason.value, "comment": s.comment, "at": s.skip_time,
             "token": s.token}
            for s in task.skips
        ],
        "skipped_by": [skip.annotator for skip in task.skips],
    }  # fmt: skip


def _skip_of(row: Document) -> Skip:
    return Skip(row["annotator"], SkipReason(row["reason"]), row["comment"], row["at"], row["token"])


def asset_fields(task: Task) -> Document:
    """The assets, and what their paths are sorted and found by. A purge leaves no word of them."""
    return {
        "assets": [{"name": a.name, "path": a.path, "width": a.width, "height": a.height} for a in task.assets],
        **path_fields(task.path),
    }


def path_fields(path: str) -> Document:
    return {"path_key": path_key(path), "words": list(words(path))}


def listed_fields(row: Document) -> Document:
    """What lists find a task by, of a document that was written without it."""
    annotations = row.get("annotations", ())
    fields: Document = {
        **path_fields(row["assets"][0]["path"] if row["assets"] else ""),
        "region_count": sum(annotation["content"]["regions"] for annotation in annotations),
    }
    if annotations:
        fields["annotators"] = [annotation["annotator"] for annotation in annotations]
    return fields


def state_fields(task: Task) -> Document:
    """What changes with each event."""
    fields: Document = {
        "state": task.state.value,
        "rank": task.rank,
        "asset_revision": task.asset_revision,
        "revision": task.revision,
        "updated_at": task.update_time,
    }
    if task.create_time:
        fields["created_at"] = task.create_time
    if task.complete_time:
        fields["completed_at"] = task.complete_time
    return fields


def new_task_document(task: Task) -> Document:
    return {
        "_id": task.id,
        "project": task.project,
        **state_fields(task),
        **asset_fields(task),
        **queue_fields(task),
        **annotation_fields(task),
        "version": 1,
    }


def task_of(row: Document) -> Task:
    return Task(
        id=row["_id"],
        project=row["project"],
        state=TaskState(row["state"]),
        assets=tuple(TaskAsset(**asset) for asset in row["assets"]),
        slots=tuple(_slot_of(slot) for slot in row["slots"]),
        rank=row["rank"],
        asset_revision=row["asset_revision"],
        create_time=row.get("created_at"),
        update_time=row["updated_at"],
        complete_time=row.get("completed_at"),
        annotations=tuple(annotation_of(a) for a in row.get("annotations", ())),
        answers=tuple(_answer_of(a) for a in row.get("requests", ())),
        drafters=tuple(row.get("drafters", ())),
        skips=tuple(_skip_of(skip) for skip in row.get("skips", ())),
        token=row["token"],
        revision=row["revision"],
        version=row["version"],
        pending_events=len(row.get("events", ())),
    )
