"""`annostream dlq`: messages that a service gave up on."""

import shlex
from contextlib import aclosing
from typing import Annotated

import typer

from annostream_sdk import topics
from annostream_sdk.cli.exit_codes import Exit
from annostream_sdk.cli.session import LimitOption, Session, command, taken
from annostream_sdk.cli.ticker import Ticker
from annostream_sdk.dead_letters import (
    AnnouncedAgain,
    DeadLetter,
    Owner,
    announce_again,
    backlogs,
    dead_letter_topic,
    letters,
    owner_of,
    replay,
)
from annostream_sdk.errors import AnnostreamError
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
async def replay_letters(session: Session, topic: TopicArgument) -> Exit:
    """Send the dead letters of a topic to where they came from, as they were; each once, unless it dies again.

    Replays are remembered in Kafka by the group client-dlq-replay. An old event changes nothing that is newer; and as
    compaction keeps the last record of a subject, the projects concerned are then announced again as they are now.
    Where one could not be, exit code 4 and the command that repeats it.
    """
    count = 0
    concerned: set[Owner] = set()
    problem: AnnostreamError | None = None
    with Ticker(session.progress) as ticker:
        try:
            async with aclosing(replay(session.kafka(), dead_letter_topic(topic))) as found:
                async for letter in found:
                    count += 1
                    ticker.show(f"{count} replayed")
                    concerned |= {owner} if (owner := owner_of(letter)) else set()
        except AnnostreamError as error:
            problem = error
    # What was sent counts as replayed, and no later run would announce it.
    if count or problem is None:
        told = await _announce_again(session, concerned)
        _print_replayed(session, dead_letter_topic(topic), count, told)
    if problem is not None:
        raise problem
    return Exit.PARTLY_REJECTED if told.failed else Exit.OK


async def _announce_again(session: Session, owners: set[Owner]) -> AnnouncedAgain:
    if not owners:
        return AnnouncedAgain()
    try:
        async with session.client() as client:
            return await announce_again(client.operations.republish, owners)
    except AnnostreamError as error:  # It is known where Kafka is, and not where the services are.
        return AnnouncedAgain(failed=dict.fromkeys(sorted(owners), error))


def _print_replayed(session: Session, topic: str, count: int, told: AnnouncedAgain) -> None:
    if session.as_json:
        failed = [_failure_json(session, owner, error) for owner, error in told.failed.items()]
        document = {"topic": topic, "replayed": count, "announced_again": told.events, "not_announced": failed}
        session.print_json(document)
    else:
        session.print_facts({"topic": topic, "replayed": count, "announced again": told.events})
    for owner, error in told.failed.items():
        session.remark(
            f"{owner[1]} was not announced again: {error.message} [{error.reason}] "
            f"Repeat it with `{_repeat(session, owner)}`."
        )


def _failure_json(session: Session, owner: Owner, error: AnnostreamError) -> dict[str, str]:
    facts = {"service": owner[0], "project": owner[1], "reason": error.reason, "message": error.message}
    return {**facts, "command": _repeat(session, owner)}


def _repeat(session: Session, owner: Owner) -> str:
    named = [] if session.endpoints_path is None else ["--endpoints", str(session.endpoints_path)]
    return shlex.join(["annostream", "events", "republish", owner[0], "--project", owner[1], *named])


def _json(letter: DeadLetter) -> dict[str, object]:
    facts = {name.removeprefix("dlq_"): letter.header(name) for name in _FACTS}
    event = event_of(letter.original())
    return {**event.as_json(), "dead_letter": {"topic": letter.topic, **facts}}


def _key(letter: DeadLetter) -> str:
    return (letter.record.key or b"").decode("utf-8", "replace")
