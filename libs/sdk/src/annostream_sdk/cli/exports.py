"""`annostream exports`: a snapshot in a format that trainers use, on disk."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from annostream.export.v1.export_pb2 import Export
from annostream_sdk import aio
from annostream_sdk.cli.session import LimitOption, ProjectOption, Session, command, short_state, taken
from annostream_sdk.cli.snapshots import progress_text
from annostream_sdk.cli.ticker import Ticker, human_bytes
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.events import message_json

app = typer.Typer(no_args_is_help=True)


class Format(StrEnum):
    """Formats, as people write them."""

    COCO = "coco"
    YOLO = "yolo"
    JSONL = "jsonl"


class Images(StrEnum):
    """What becomes of the images."""

    COPIES = "copies"
    REFERENCES = "references"


class Packaging(StrEnum):
    """How the files lie in the store."""

    ARCHIVE = "archive"
    PREFIX = "prefix"


@command(app, "create")
async def create(
    session: Session,
    *,
    project: ProjectOption,
    format: Annotated[Format, typer.Option(help="What the files look like.")],  # noqa: A002  # becomes --format
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to; must be empty or new.")],
    images: Annotated[
        Images, typer.Option(help="Upright copies beside the labels, or s3:// references only.")
    ] = Images.COPIES,
    packaging: Annotated[
        Packaging, typer.Option(help="One archive in the store, or loose objects.")
    ] = Packaging.ARCHIVE,
    snapshot: Annotated[
        str | None, typer.Option(help="Which one, such as v3; else one is made now.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write to a folder that is not empty.")] = False,
) -> None:
    """Export a project's completed tasks and download the result, checked and unpacked, to a folder."""
    _check_output(output, force=force)
    async with session.client() as client:
        with Ticker(session.progress) as ticker:
            name = await _snapshot(client, project, snapshot, ticker)
            export = await client.exports.create(
                name,
                Export.Format.Value(f"FORMAT_{format.upper()}"),
                images=Export.Images.Value(f"IMAGES_{images.upper()}"),
                packaging=Export.Packaging.Value(f"PACKAGING_{packaging.upper()}"),
                on_progress=lambda progress: ticker.show(f"exporting, {progress_text(progress)}"),
            )
            await _download(client, export, output, ticker)
    if session.as_json:
        session.print_json({**message_json(export), "output": str(output)})
        return
    facts = {
        "export": export.name,
        "snapshot": export.snapshot,
        "images": export.item_count,
        "regions": export.region_count,
        "size": human_bytes(export.size_bytes),
        "output": output,
    }
    session.print_facts(facts)


@command(app, "list")
async def list_exports(session: Session, project: ProjectOption, limit: LimitOption = 50) -> None:
    """List the exports of a project, newest first."""
    async with session.client() as client:
        found = [export async for export in taken(client.exports.list(project), limit)]
    if session.as_json:
        session.print_json([message_json(export) for export in found])
        return
    rows = [
        (
            export.name,
            export.snapshot.rpartition("/")[2],
            Export.Format.Name(export.format).removeprefix("FORMAT_").lower(),
            short_state(Export.State.Name(export.state)),
            export.item_count,
            human_bytes(export.size_bytes),
            export.create_time.ToJsonString(),
        )
        for export in found
    ]
    session.print_table(("export", "snapshot", "format", "state", "images", "size", "created"), rows)


@command(app, "download")
async def download(
    session: Session,
    export: Annotated[str, typer.Argument(help="projects/PROJECT/exports/EXPORT.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to; must be empty or new.")],
    force: Annotated[bool, typer.Option("--force", help="Write to a folder that is not empty.")] = False,
) -> None:
    """Download an export that was made before."""
    _check_output(output, force=force)
    async with session.client() as client:
        with Ticker(session.progress) as ticker:
            found = await client.exports.wait(export)
            await _download(client, found, output, ticker)
    if session.as_json:
        session.print_json({**message_json(found), "output": str(output)})
    else:
        session.print_facts({"export": found.name, "output": output})


async def _snapshot(client: aio.Client, project: str, version: str | None, ticker: Ticker) -> str:
    """The name of the one asked for; a new one when none is."""
    if version is not None and version.startswith("projects/"):
        return version
    parent = await client.projects.resolve(project)
    if version is not None:
        return f"{parent}/snapshots/{version}"
    made = await client.snapshots.create(
        parent, on_progress=lambda progress: ticker.show(f"taking a snapshot, {progress_text(progress)}")
    )
    return made.name


async def _download(client: aio.Client, export: Export, output: Path, ticker: Ticker) -> None:
    size = 0

    def hear(more: int) -> None:
        nonlocal size
        size += more
        if ticker.due():
            ticker.show(f"downloading, {human_bytes(size)}")

    await client.exports.download(export, output, on_bytes=hear)


def _check_output(folder: Path, *, force: bool) -> None:
    """Before anything is asked for. Raises AnnostreamError: OUTPUT_NOT_A_FOLDER, …_NOT_WRITABLE, …_NOT_EMPTY."""
    try:
        there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
        if not there.is_dir():
            raise AnnostreamError("OUTPUT_NOT_A_FOLDER", f"{there} is a file: name a folder with --output.")
        # The permission bits alone do not tell: a file system may be read-only.
        with tempfile.TemporaryFile(dir=there):
            _refuse_full(folder, force=force)
    except OSError as error:
        raise AnnostreamError(
            "OUTPUT_NOT_WRITABLE", f"{folder} cannot be written ({error.strerror}): name another folder with --output."
        ) from error


def _refuse_full(folder: Path, *, force: bool) -> None:
    """Files of an older export among new ones would be read as part of it."""
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise AnnostreamError(
            "OUTPUT_NOT_EMPTY", f"{folder} is not empty: name another folder, or write to it all the same with --force."
        )
