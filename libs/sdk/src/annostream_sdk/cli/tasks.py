"""`annostream tasks`: what is to be labelled, and what has been."""

from enum import StrEnum
from typing import Annotated

import typer

from annostream.annotate.v1.annotation_pb2 import Annotation, Region
from annostream.annotate.v1.task_pb2 import Skip, Task
from annostream_sdk.cli.session import LimitOption, ProjectOption, Session, command, short_state, taken
from annostream_sdk.events import message_json

app = typer.Typer(no_args_is_help=True)


class State(StrEnum):
    """States of a task, as people write them."""

    ALL = "all"
    OPEN = "open"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"


@command(app, "list")
async def list_tasks(
    session: Session,
    project: ProjectOption,
    *,
    state: Annotated[State, typer.Option(help="Which ones.")] = State.ALL,
    limit: LimitOption = 50,
    search: Annotated[str, typer.Option(help="Beginnings of words of the path.")] = "",
    annotator: Annotated[
        str, typer.Option(help="users/NAME: what they hold or have annotated; with --skipped, what they have skipped.")
    ] = "",
    skipped: Annotated[bool, typer.Option("--skipped", help="What somebody has skipped.")] = False,
    sort: Annotated[
        str, typer.Option(help='create_time, update_time, path or region_count; "path desc" turns it round.')
    ] = "",
) -> None:
    """List tasks, newest first unless --sort says otherwise."""
    wanted = Task.STATE_UNSPECIFIED if state is State.ALL else Task.State.Value(f"STATE_{state.upper()}")
    async with session.client() as client:
        listed = client.tasks.list(
            project, state=wanted, search=search, annotator=annotator, skipped=skipped, order_by=sort,
            with_results=session.as_json,
        )  # fmt: skip
        if session.as_json:
            async for task in taken(listed, limit):
                session.print_json(message_json(task))
            return
        found = [task async for task in taken(listed, limit)]
    rows = [
        (task.name, _state(task), _paths(task), f"{len(task.annotations)}/{task.annotations_required}", _holders(task))
        for task in found
    ]
    session.print_table(("task", "state", "asset", "annotations", "held by"), rows)


@command(app, "show")
async def show(session: Session, task: Annotated[str, typer.Argument(help="projects/PROJECT/tasks/TASK.")]) -> None:
    """Show a task, its annotations and who holds it."""
    async with session.client() as client:
        found = await client.tasks.get(task)
    if session.as_json:
        session.print_json(message_json(found))
        return
    facts = {"task": found.name, "state": _state(found), "asset": _paths(found), "held by": _holders(found) or "nobody"}
    session.print_facts(facts)
    rows = [row for annotation in found.annotations for row in _regions(annotation)]
    session.print_table(("annotator", "version", "labels", "shape", "x, y, width, height"), rows)
    if found.skips:
        session.print_table(("skipped by", "reason", "comment"), [_skip(skip) for skip in found.skips])


def _regions(annotation: Annotation) -> list[tuple[object, ...]]:
    head = (annotation.annotator, annotation.version)
    if annotation.HasField("reference"):
        return [(*head, "", f"{annotation.reference.region_count} regions in {annotation.reference.key}", "")]
    if not annotation.result.regions:
        return [(*head, "", "nothing there", "")]
    return [(*head, ", ".join(region.label_ids), *_shape(region)) for region in annotation.result.regions]


def _skip(skip: Skip) -> tuple[str, str, str]:
    return skip.annotator, Skip.Reason.Name(skip.reason).removeprefix("REASON_").lower().replace("_", " "), skip.comment


def _shape(region: Region) -> tuple[str, str]:
    if region.HasField("box"):
        box = region.box
        return "box", f"{box.x:g}, {box.y:g}, {box.width:g}, {box.height:g}"
    return "polygon", f"{len(region.polygon.points) // 2} points"


def _state(task: Task) -> str:
    return short_state(Task.State.Name(task.state))


def _paths(task: Task) -> str:
    return ", ".join(asset.path for asset in task.assets)


def _holders(task: Task) -> str:
    return ", ".join(lease.annotator for lease in task.leases)
