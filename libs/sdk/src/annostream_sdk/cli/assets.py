"""`annostream assets`: photos go in, and are listed."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from annostream.ingest.v1.asset_pb2 import Asset
from annostream_sdk.aio import Limits
from annostream_sdk.cli.exit_codes import Exit
from annostream_sdk.cli.session import NOT_THERE, LimitOption, ProjectOption, Session, command, short_state, taken
from annostream_sdk.cli.ticker import Ticker, human_bytes
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.events import message_json
from annostream_sdk.ingestion import IngestSummary, Outcome

_TAKEN_UP = "What was acknowledged stays. The same command takes up the rest."

app = typer.Typer(no_args_is_help=True)


class State(StrEnum):
    """States of an asset, as people write them."""

    ACTIVE = "active"
    DELETED = "deleted"
    PURGED = "purged"


@command(app, "ingest")
async def ingest(
    session: Session,
    paths: Annotated[list[Path], typer.Argument(help="Photos, and folders of them.", exists=True)],
    project: ProjectOption,
    in_flight: Annotated[
        int, typer.Option(min=1, max=1024, help="Files that are sent ahead of the server's answers.")
    ] = 32,
    wait_seconds: Annotated[
        float, typer.Option(min=0, help="How long a server is waited for that went away in the middle.")
    ] = 60,
) -> Exit:
    """Send photos. Folders are read with all that is below them, except what is hidden.

    An asset keeps the path below the folder that you name. Safe to repeat: what the project has already counts as
    duplicate. Safe to interrupt: what was acknowledged stays. Exit code 4 when some files were rejected. When the
    server goes away, what it has not acknowledged is sent again as soon as it is back.
    """
    summary = IngestSummary()
    interrupted = refused = False
    async with session.client(Limits(retry_seconds=wait_seconds)) as client:
        with Ticker(session.progress) as ticker:

            def hear(outcome: Outcome) -> None:
                summary.add(outcome)
                if ticker.due():
                    ticker.show(_counts(summary))

            try:
                await client.assets.ingest(paths, project, on_outcome=hear, max_in_flight=in_flight)
            except asyncio.CancelledError:
                interrupted = True
            except AnnostreamError as error:
                refused = True
                if error.reason in NOT_THERE and summary.total:
                    session.remark(_TAKEN_UP)
                raise
            finally:
                if summary.total or not refused:
                    _report(session, summary)
    if interrupted:
        session.remark(f"Interrupted. {_TAKEN_UP}")
        return Exit.INTERRUPTED
    return Exit.PARTLY_REJECTED if summary.rejected else Exit.OK


@command(app, "list")
async def list_assets(
    session: Session,
    *,
    project: ProjectOption,
    state: Annotated[State, typer.Option(help="Which ones.")] = State.ACTIVE,
    path_prefix: Annotated[str, typer.Option(help="Only those whose path begins so.")] = "",
    metadata: Annotated[list[str] | None, typer.Option(help="Only those with KEY=VALUE; all of several.")] = None,
    limit: LimitOption = 50,
) -> None:
    """List assets, newest first."""
    wanted = dict(_pair(text) for text in metadata or [])
    async with session.client() as client:
        listed = client.assets.list(
            project, state=Asset.State.Value(f"STATE_{state.upper()}"), path_prefix=path_prefix, metadata=wanted
        )
        if session.as_json:
            async for asset in taken(listed, limit):
                session.print_json(message_json(asset))
            return
        found = [asset async for asset in taken(listed, limit)]
    rows = [
        (asset.path, asset.image.format, _size(asset), human_bytes(asset.size_bytes), _state(asset), asset.name)
        for asset in found
    ]
    session.print_table(("path", "format", "pixels", "bytes", "state", "asset"), rows)


def _report(session: Session, summary: IngestSummary) -> None:
    if session.as_json:
        fields = ("path", "reason", "message")
        session.print_json(
            {
                "ingested": summary.ingested,
                "duplicate": summary.duplicate,
                "rejected": summary.rejected,
                "size_bytes": summary.size_bytes,
                "rejections": [{name: getattr(one, name) for name in fields} for one in summary.rejections],
                "rejections_complete": len(summary.rejections) == summary.rejected,
            }
        )
        return
    if summary.rejections:
        rows = [(one.path, one.reason, one.message) for one in summary.rejections]
        session.print_table(("path", "reason", "message"), rows)
        if len(summary.rejections) < summary.rejected:
            session.out.print(f"… and {summary.rejected - len(summary.rejections)} more", highlight=False)
    session.out.print(_counts(summary), highlight=False)


def _counts(summary: IngestSummary) -> str:
    return (
        f"{summary.ingested} ingested, {summary.duplicate} duplicate, {summary.rejected} rejected "
        f"({human_bytes(summary.size_bytes)})"
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text} is not KEY=VALUE", param_hint="--metadata")
    return name, value


def _size(asset: Asset) -> str:
    return f"{asset.image.width} × {asset.image.height}" if asset.HasField("image") else ""


def _state(asset: Asset) -> str:
    return short_state(Asset.State.Name(asset.state))
