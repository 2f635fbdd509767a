"""The commands of the embedded stack: up, down, status, logs, token.

What they run is imported when they run: every `annostream` command loads this module to show its help.
"""
# ruff: noqa: PLC0415

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from annostream_embedded.data_directory import DEFAULT_DATA_DIR, DataDirectory
from annostream_embedded.errors import EmbeddedError

DataDir = Annotated[Path, typer.Option("--data-dir", help="Where everything lies.", envvar="ANNOSTREAM_DATA_DIR")]
_DOWN_SECONDS = 90.0


def register(app: typer.Typer) -> None:
    for command in (up, down, status, logs, token):
        app.command()(command)


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """Exit code 1 with a sentence."""
    try:
        yield
    except EmbeddedError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def up(  # noqa: PLR0917  # typer reads the options from the signature
    data_dir: DataDir = DEFAULT_DATA_DIR,
    ports_from: Annotated[int | None, typer.Option(help="First port of all; 0 picks free ones. Default: 7401.")] = None,
    replicas: Annotated[int, typer.Option(min=1, max=40, help="Processes of each service.")] = 1,
    services: Annotated[bool, typer.Option("--services/--no-services", help="The services, or servers alone.")] = True,
    detach: Annotated[bool, typer.Option("--detach", help="Return once everything is up.")] = False,
    parent_pid: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start MongoDB, Kafka, S3 and the services, and keep them running. Ctrl-C stops all of it."""
    import asyncio

    from rich.console import Console

    from annostream_embedded.progress import progress_for
    from annostream_embedded.settings import Settings
    from annostream_embedded.supervisor import Request, Supervisor

    data = DataDirectory.at(data_dir)
    with _errors_in_words():
        _check_ports(data, ports_from, replicas)
        if detach:
            _detach(data, ports_from, replicas, services)
            return
        request = Request(data, ports_from, replicas, services, parent_pid)
        settings = Settings.from_environment()
        asyncio.run(Supervisor(request, settings, progress_for(Console())).run())


def _check_ports(data: DataDirectory, ports_from: int | None, replicas: int) -> None:
    """Before a first start makes anything: one that is refused leaves no directory behind."""
    from annostream_embedded import ports

    if ports_from != 0 and not data.root.exists():
        ports.choose(data, ports_from, replicas)


def _detach(data: DataDirectory, ports_from: int | None, replicas: int, services: bool) -> None:
    from annostream_embedded import endpoints, stack

    def show(line: str) -> None:
        if line != endpoints.HOW_TO_STOP:  # Here, another command stops it.
            print(line, flush=True)

    data.check_not_held()
    arguments = ["--replicas", str(replicas)]
    arguments += [] if ports_from is None else ["--ports-from", str(ports_from)]
    arguments += [] if services else ["--no-services"]
    supervisor = stack.launch(data, arguments, {})
    stack.wait_until_up(data, supervisor, show=show)
    print("It runs in the background: `annostream status`, `annostream logs`, `annostream down`.")


def down(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Stop what runs on this data directory, and wait until it has."""
    data = DataDirectory.at(data_dir)
    with _errors_in_words():
        holder = data.holder()
        if holder is None:
            print(f"Nothing runs on {data.root}.")
            return
        from annostream_embedded.child import has_ended

        os.kill(holder, signal.SIGTERM)
        deadline = time.monotonic() + _DOWN_SECONDS
        while not has_ended(holder):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Process {holder} has not stopped after {_DOWN_SECONDS:g} s. See {data.logs}.")
            time.sleep(0.1)
        print(f"Stopped; the data stays in {data.root}.")


def status(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show each process, consumer lag, outboxes and dead letters. Exit code 1 when something is not as it should be."""
    from json import dumps

    from rich.console import Console

    from annostream_embedded.reports import print_status
    from annostream_embedded.status import collect

    found = collect(DataDirectory.at(data_dir))
    if json:
        print(dumps(asdict(found), indent=2))
    else:
        print_status(found, Console())
    raise typer.Exit(0 if found.is_well else 1)


def logs(
    name: Annotated[
        str | None, typer.Argument(help="mongodb, kafka, s3, ingest, ingest-1, gateway, …; all of them if left out.")
    ] = None,
    lines: Annotated[int, typer.Option(min=0, help="Last lines of each.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is written.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Show the last lines of the logs."""
    from annostream_embedded.reports import log_files, log_lines

    with _errors_in_words(), suppress(KeyboardInterrupt, BrokenPipeError):
        for line in log_lines(log_files(DataDirectory.at(data_dir), name), lines, follow):
            print(line, flush=follow)


def token(
    subject: Annotated[str, typer.Option(help='Whose: "users/yumi" or "service-accounts/importer".')],
    role: Annotated[list[str], typer.Option(help="owner, manager, reviewer, annotator, viewer or service.")],
    lifetime_seconds: Annotated[int, typer.Option(min=1)] = 3600,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print a token signed with this data directory's key: a JWT, which the services and the web address take."""
    from annostream_embedded.identity import Identity
    from annostream_embedded.settings import Settings

    with _errors_in_words():
        times = Settings.from_environment().key_times()
        print(Identity.load(DataDirectory.at(data_dir), times).mint(subject, role, lifetime_seconds))
