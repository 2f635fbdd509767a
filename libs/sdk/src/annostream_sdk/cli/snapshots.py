"""`annostream snapshots`: the completed tasks of a project at one moment."""

import typer

from annostream.export.v1.export_pb2 import Progress
from annostream.export.v1.snapshot_pb2 import Snapshot
from annostream_sdk.cli.session import LimitOption, ProjectOption, Session, command, short_state, taken
from annostream_sdk.cli.ticker import Ticker
from annostream_sdk.events import message_json

app = typer.Typer(no_args_is_help=True)


@command(app, "create")
async def create(session: Session, project: ProjectOption) -> None:
    """Make a snapshot, and wait until it is published. It has every annotation that was acknowledged before."""
    async with session.client() as client:
        with Ticker(session.progress) as ticker:
            snapshot = await client.snapshots.create(
                project, on_progress=lambda progress: ticker.show(progress_text(progress))
            )
    if session.as_json:
        session.print_json(message_json(snapshot))
        return
    facts = {
        "snapshot": snapshot.name,
        "tasks": snapshot.item_count,
        "annotations": snapshot.annotation_count,
        "regions": snapshot.region_count,
        "digest": snapshot.content_digest,
        "manifest": snapshot.manifest_uri,
    }
    session.print_facts(facts)


@command(app, "list")
async def list_snapshots(session: Session, project: ProjectOption, limit: LimitOption = 50) -> None:
    """List the snapshots of a project, newest first."""
    async with session.client() as client:
        found = [snapshot async for snapshot in taken(client.snapshots.list(project), limit)]
    if session.as_json:
        session.print_json([message_json(snapshot) for snapshot in found])
        return
    rows = [
        (
            snapshot.name,
            short_state(Snapshot.State.Name(snapshot.state)),
            snapshot.item_count,
            snapshot.region_count,
            snapshot.create_time.ToJsonString(),
            snapshot.content_digest[:12],
        )
        for snapshot in found
    ]
    session.print_table(("snapshot", "state", "tasks", "regions", "created", "digest"), rows)


def progress_text(progress: Progress) -> str:
    total = f" of {progress.total}" if progress.total else ""
    return f"{progress.phase}: {progress.done}{total}"
