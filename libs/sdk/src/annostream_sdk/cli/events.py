"""`annostream events`: what has happened, as Kafka has it."""

from contextlib import aclosing
from typing import Annotated

import orjson
import typer

from annostream_sdk.cli.session import LimitOption, Session, command, taken
from annostream_sdk.events import Event, message_json, tail
from annostream_sdk.topics import full_name

app = typer.Typer(no_args_is_help=True)


@command(app, "tail")
async def tail_events(
    session: Session,
    topic: Annotated[str, typer.Argument(help="ingest, annotate or export; or a topic's full name.")],
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest one.")] = False,
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop at the newest one instead of waiting.")] = False,
    limit: LimitOption = 0,
) -> None:
    """Print events as they come: the CloudEvents headers, and the message as JSON. Ctrl-C ends it.

    With --json, each line is one event: topic, partition, offset, key, headers, data. Large events carry a dataref to
    the store instead of data.
    """
    events = tail(session.kafka(), full_name(topic), from_beginning=from_beginning, follow=not until_end)
    async with aclosing(events):
        async for event in taken(events, limit):
            if session.as_json:
                session.print_json(event.as_json())
            else:
                _print(session, event)


@command(app, "republish")
async def republish(
    session: Session,
    service: Annotated[str, typer.Argument(help="ingest, annotate or export.")],
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Only this project; else all.", show_default=False)
    ] = None,
) -> None:
    """Have a service announce its current state again, to refill Kafka after a loss. Safe to repeat."""
    async with session.client() as client:
        announced = await client.operations.republish(service, project)
    if session.as_json:
        session.print_json({"service": service, "announced": announced})
    else:
        session.print_facts({"service": service, "announced": announced})


def _print(session: Session, event: Event) -> None:
    head = f"{event.headers.get('ce_time', '')}  {event.type.rpartition('.')[2]}  {event.subject}"
    session.out.print(head, style="bold", markup=False, highlight=False, soft_wrap=True)
    headers = "  ".join(f"{name}={value}" for name, value in event.headers.items())
    place = f"{event.position.topic}/{event.position.partition}@{event.position.offset}"
    session.out.print(f"  {place}  {headers}", style="dim", markup=False, highlight=False, soft_wrap=True)
    session.out.print(f"  {_content(event)}", markup=False, highlight=False, soft_wrap=True)


def _content(event: Event) -> str:
    if event.message is not None:
        return orjson.dumps(message_json(event.message)).decode()
    return event.dataref or event.problem
