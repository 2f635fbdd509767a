"""`annostream dlq`: messages that a service gave up on."""

from contextlib import aclosing
from typing import Annotated

import typer

from annostream_sdk import topics
from annostream_sdk.cli.session import LimitOption, Session, command, taken
from annostream_sdk.cli.ticker import Ticker
from annostream_sdk.dead_letters import DeadLetter, backlogs, dead_letter_topic, letters, owner_of, replay
from annostream_sdk.events import event_of

app = typer.Typer(no_args_is_help=True)
TopicArgument = Annotated[str, typer.Argument(help="Where they came from: ingest, annotate, export, or a full name.")]
_FACTS = ("dlq_reason", "dlq_message", "dlq_partition", "dlq_offset", "dlq_attempts", "dlq_time", "dlq_group")


@command(app, "list")
async def list_backlogs(session: Session) -> None:
    """Count the dead letters of each topic, and those that were not replayed yet."""
    names = [topic.name for topic in topics.all_topics() if topic.name.endswith(topics.DEAD_LETTER_SUFFIX)]
    found = await backlogs(session.kafka(), names)
    if session.as_json:
        session.print_json([vars(backlog) for backlog in found])
    else:
        rows = [(backlog.topic, backlog.letters, backlog.waiting) for backlog in found]
        session.print_table(("topic", "dead letters", "not replayed"), rows)


@command(app, "show")
async def show(
    session: Session,
    topic: TopicArgument,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that were not replayed yet.")] = False,
    limit: LimitOption = 50,
) -> None:
    """Show the dead letters of a topic: what each was, and why it was given up."""
    found = letters(session.kafka(), dead_letter_topic(topic), waiting_only=waiting)
    rows = []
    async with aclosing(found):
        async for letter in taken(found, limit):
            if session.as_json:
                session.print_json(_json(letter))
            rows.append((_key(letter), letter.header("ce_type"), *(letter.header(name) for name in _FACTS)))
    if not session.as_json:
        session.print_table(("key", "type", *(name.removeprefix("dlq_") for name in _FACTS)), rows)


@command(app, "replay")
async def replay_letters(session: Session, topic: TopicArgument) -> None:
    """Send the dead letters of a topic to where they came from, as they were; each once, unless it dies again.

    Replays are remembered in Kafka by the group client-dlq-replay. An old event changes nothing that is newer; and as
    compaction keeps the last record of a subject, the projects concerned are then announced again as they are now.
    """
    count = 0
    concerned: set[tuple[str, str]] = set()
    found = replay(session.kafka(), dead_letter_topic(topic))
    with Ticker(session.progress) as ticker:
        async with aclosing(found):
            async for letter in found:
                count += 1
                ticker.show(f"{count} replayed")
                if (owner := owner_of(letter)) is not None:
                    concerned.add(owner)
    async with session.client() as client:
        announced = sum([await client.operations.republish(*owner) for owner in sorted(concerned)])
    if session.as_json:
        session.print_json({"topic": dead_letter_topic(topic), "replayed": count, "announced_again": announced})
    else:
        facts = {"topic": dead_letter_topic(topic), "replayed": count, "announced again": announced}
        session.print_facts(facts)


def _json(letter: DeadLetter) -> dict[str, object]:
    facts = {name.removeprefix("dlq_"): letter.header(name) for name in _FACTS}
    event = event_of(letter.original())
    return {**event.as_json(), "dead_letter": {"topic": letter.topic, **facts}}


def _key(letter: DeadLetter) -> str:
    return (letter.record.key or b"").decode("utf-8", "replace")
