"""`annostream projects`: what is labelled together, and with which labels."""

import unicodedata
from typing import Annotated

import typer

from annostream.annotate.v1.project_pb2 import Label, LabelSchema, Project
from annostream_sdk.aio.projects import box_schema, polygon_schema
from annostream_sdk.cli.session import Session, command, short_state
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.events import message_json

app = typer.Typer(no_args_is_help=True)
_HOTKEYS = "1234567890"


@command(app, "create")
async def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="What people call it; spaces and any script are welcome.")],
    *,
    labels: Annotated[
        str,
        typer.Option(help="The labels, with commas between: 순이,유미,렝가. The first ten get the keys 1 to 9 and 0."),
    ],
    polygons: Annotated[bool, typer.Option("--polygons", help="Draw polygons instead of boxes.")] = False,
    annotations_per_task: Annotated[int, typer.Option(min=1, max=16, help="How many people label each task.")] = 1,
    keep_location: Annotated[
        bool, typer.Option("--keep-location", help="Keep GPS positions in records and exported copies.")
    ] = False,
) -> None:
    """Create a project. Prints its name, projects/ID, which every other command takes, as it does the display name."""
    names = [label.strip() for label in labels.split(",") if label.strip()]
    if not names:
        raise AnnostreamError("INVALID_LABEL_SCHEMA", "Name at least one label: --labels 순이,유미.")
    keyed = [Label(name=name, hotkey=_HOTKEYS[place : place + 1]) for place, name in enumerate(names)]
    schema = polygon_schema(keyed) if polygons else box_schema(keyed)
    async with session.client() as client:
        namesakes = [one.name async for one in client.projects.list(display_name=unicodedata.normalize("NFC", name))]
        project = await client.projects.create(
            name, label_schema=schema, annotations_per_task=annotations_per_task, keep_location=keep_location
        )
    if name and namesakes:
        session.remark(
            f"{name} is the name of {', '.join(sorted(namesakes))}, too: call the new one "
            f"{project.name} in other commands."
        )
    if session.as_json:
        session.print_json(message_json(project))
    else:
        session.print_facts({"project": project.name, "display name": project.display_name, "labels": _labels(project)})


@command(app, "list")
async def list_projects(session: Session) -> None:
    """List the projects, newest first."""
    async with session.client() as client:
        found = [project async for project in client.projects.list()]
    if session.as_json:
        session.print_json([message_json(project) for project in found])
        return
    rows = [
        (project.name, project.display_name, _labels(project), short_state(Project.State.Name(project.state)))
        for project in found
    ]
    session.print_table(("project", "display name", "labels", "state"), rows)


@command(app, "show")
async def show(
    session: Session,
    project: Annotated[str, typer.Argument(help="Display name, id, or projects/ID.")],
) -> None:
    """Show a project: its labels and how many tasks are in which state."""
    async with session.client() as client:
        found = await client.projects.get(project)
        counts = await client.projects.task_counts(found.name)
    if session.as_json:
        session.print_json({**message_json(found), "task_counts": counts})
        return
    facts = {
        "project": found.name,
        "display name": found.display_name,
        "state": short_state(Project.State.Name(found.state)),
        "annotations per task": found.annotations_per_task,
        "tasks": ", ".join(f"{state} {number}" for state, number in sorted(counts.items())) or "none yet",
    }
    session.print_facts(facts)
    labels = _all_labels(found.label_schema)
    rows = [
        (label.class_index, label.name, label.id, label.colour, label.hotkey, label.retired or "") for label in labels
    ]
    session.print_table(("class", "label", "id", "colour", "key", "retired"), rows)


def _all_labels(schema: LabelSchema) -> list[Label]:
    return [label for control in schema.controls for label in (*control.boxes.labels, *control.polygons.labels)]


def _labels(project: Project) -> str:
    return ", ".join(label.name for label in _all_labels(project.label_schema))
