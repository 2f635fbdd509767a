"""What every command shares: where to connect, how to print, and what its exit code is."""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar, cast

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from annostream_sdk import aio
from annostream_sdk.cli.exit_codes import EXIT_CODES, Exit
from annostream_sdk.cli.tables import print_facts, print_table
from annostream_sdk.endpoints import Endpoints, KafkaConnection, find_endpoints, kafka_from_environment
from annostream_sdk.errors import SERVER_NOT_THERE, AnnostreamError

P = ParamSpec("P")
Item = TypeVar("Item")


NOT_THERE = {SERVER_NOT_THERE, "ENDPOINTS_NOT_FOUND"}

EndpointsOption = Annotated[
    Path | None,
    typer.Option(
        "--endpoints",
        help="The endpoints.json of the Annostream to talk to; else $ANNOSTREAM_ENDPOINTS, else "
        "endpoints.json in $ANNOSTREAM_DATA_DIR or ./.annostream, else what `annostream login` has kept.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout; progress and remarks go to stderr.")]
ProjectOption = Annotated[
    str, typer.Option("--project", "-p", help="The project: its display name, its id, or projects/ID.")
]


LimitOption = Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")]


@dataclass
class Session:
    """One run of a command. Results go to stdout, everything else to stderr."""

    endpoints_path: Path | None = None
    as_json: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    out: Console = field(default_factory=Console)
    progress: Console = field(default_factory=lambda: Console(stderr=True))

    def endpoints(self) -> Endpoints:
        return find_endpoints(self.endpoints_path, self.environment)

    def kafka(self) -> KafkaConnection:
        """ANNOSTREAM_KAFKA_* is enough: before the first start there is no endpoints.json."""
        found = kafka_from_environment(self.environment) or self.endpoints().kafka
        if found is None:
            raise AnnostreamError(
                "KAFKA_UNKNOWN",
                "Where Kafka is, is not known: set ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS, or name an endpoints.json that "
                "says so with --endpoints.",
            )
        return found

    @asynccontextmanager
    async def client(self, limits: aio.Limits | None = None) -> AsyncIterator[aio.Client]:
        """While the server is waited for, stderr says so."""
        async with aio.Client(self.endpoints(), limits, self.remark) as client:
            yield client

    def remark(self, text: str) -> None:
        self.progress.print(text, markup=False, highlight=False, soft_wrap=True)

    def print_json(self, document: object) -> None:
        """One JSON document a line."""
        typer.echo(orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode())

    def print_table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """For people. A name is never cut: it is copied into the next command."""
        print_table(self.out, columns, rows)

    def print_facts(self, facts: Mapping[str, object]) -> None:
        print_facts(self.out, facts)

    def print_error(self, error: AnnostreamError) -> None:
        if self.as_json:
            document = {"reason": error.reason, "message": error.message, "metadata": dict(error.metadata)}
            self.print_json({"error": document})
        self.remark(f"{error.message} [{error.reason}]" if error.reason not in NOT_THERE else error.message)


def command(
    app: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Session, P], Coroutine[Any, Any, Exit | None]]], Callable[..., None]]:
    """Registers an async function as a command: its Session becomes --endpoints and --json, its errors exit codes."""

    def register(function: Callable[Concatenate[Session, P], Coroutine[Any, Any, Exit | None]]) -> Callable[..., None]:
        body = cast(Callable[..., Coroutine[Any, Any, Exit | None]], function)

        def run(endpoints: Path | None, as_json: bool, **arguments: Any) -> None:
            session = Session(endpoints, as_json)
            raise typer.Exit(_finish(session, lambda: body(session, **arguments)))

        run.__doc__ = escape(function.__doc__ or "")  # What a docstring has in brackets is no markup.
        run.__name__ = function.__name__
        run.__signature__ = _signature(function)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in _signature(function).parameters.values()}
        app.command(name, epilog=EXIT_CODES)(run)
        return run

    return register


def short_state(word: str) -> str:
    """STATE_OPEN -> open"""
    return word.removeprefix("STATE_").lower()


async def taken(items: AsyncIterator[Item], limit: int) -> AsyncIterator[Item]:
    """The first ones; all when the limit is 0."""
    count = 0
    async for item in items:
        yield item
        count += 1
        if count == limit:
            return


def _finish(session: Session, start: Callable[[], Coroutine[Any, Any, Exit | None]]) -> int:
    try:
        return int(asyncio.run(start()) or Exit.OK)
    except AnnostreamError as error:
        session.print_error(error)
        return int(Exit.SERVER_NOT_THERE if error.reason in NOT_THERE else Exit.REFUSED)
    except KeyboardInterrupt:
        return int(Exit.INTERRUPTED)


def _signature(function: Callable[..., Awaitable[Exit | None]]) -> inspect.Signature:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter("endpoints", keyword, default=None, annotation=EndpointsOption),
        inspect.Parameter("as_json", keyword, default=False, annotation=JsonOption),
    ]
    return inspect.Signature([one.replace(kind=keyword) for one in own] + shared)
