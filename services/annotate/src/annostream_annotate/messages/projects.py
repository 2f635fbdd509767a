"""Projects and label schemas: domain <-> protobuf."""

from __future__ import annotations

import unicodedata

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import project_pb2
from annostream_annotate.domain.label_schema import Control, Label, LabelSchema, Shape
from annostream_annotate.domain.project import Project, ProjectState, Wish
from annostream_annotate.messages.times import time_to_wire
from annostream_kit.errors import InvalidArgument

_PROJECT_STATE = {state: project_pb2.Project.State.Value(f"STATE_{state.value}") for state in ProjectState}
_PROJECT_STATE_BACK = {number: state for state, number in _PROJECT_STATE.items()}


def wish_from_wire(project: project_pb2.Project) -> Wish:
    """What a project is asked to be."""
    return Wish(
        display_name=project.display_name,
        schema=schema_from_wire(project.label_schema),
        annotations_per_task=project.annotations_per_task,
        keep_location=project.keep_location,
        state=_PROJECT_STATE_BACK.get(project.state, ProjectState.ACTIVE),
    )


def wish_from_request(request: api.CreateProjectRequest) -> Wish:
    return Wish(
        display_name=request.display_name,
        schema=schema_from_wire(request.label_schema),
        annotations_per_task=request.annotations_per_task,
        keep_location=request.keep_location,
    )


def schema_from_wire(schema: project_pb2.LabelSchema) -> LabelSchema:
    """Raises InvalidArgument INVALID_LABEL_SCHEMA for a control of no kind."""
    return LabelSchema(schema.version, tuple(_control_from_wire(control) for control in schema.controls))


def _control_from_wire(control: project_pb2.Control) -> Control:
    match control.WhichOneof("kind"):
        case "boxes":
            shape, labels = Shape.BOX, control.boxes.labels
        case "polygons":
            shape, labels = Shape.POLYGON, control.polygons.labels
        case _:
            message = f"The control {control.id!r} has no kind: give it boxes or polygons."
            raise InvalidArgument("INVALID_LABEL_SCHEMA", message)
    return Control(
        control.id,
        shape,
        tuple(Label(la.id, la.name, la.colour, la.hotkey, la.class_index, la.retired) for la in labels),
    )


def project_to_wire(project: Project) -> project_pb2.Project:
    return project_pb2.Project(
        name=project.name,
        display_name=project.display_name,
        state=_PROJECT_STATE[project.state],
        label_schema=project_pb2.LabelSchema(
            version=project.schema.version, controls=[_control_to_wire(control) for control in project.schema.controls]
        ),
        annotations_per_task=project.annotations_per_task,
        keep_location=project.keep_location,
        revision=project.revision,
        create_time=time_to_wire(project.create_time),
        update_time=time_to_wire(project.update_time),
    )


def _control_to_wire(control: Control) -> project_pb2.Control:
    labels = [
        project_pb2.Label(id=la.id, name=la.name, colour=la.colour, hotkey=la.hotkey, class_index=la.class_index,
                          retired=la.retired)
        for la in control.labels
    ]  # fmt: skip
    if control.shape is Shape.BOX:
        return project_pb2.Control(id=control.id, boxes=project_pb2.BoxControl(labels=labels))
    return project_pb2.Control(id=control.id, polygons=project_pb2.PolygonControl(labels=labels))


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()
