"""Dead letters: messages that a service gave up on, kept with the reason; shown, and sent again when it is mended."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from annostream_sdk.endpoints import SERVICES, KafkaConnection
from annostream_sdk.errors import SERVER_NOT_THERE, AnnostreamError
from annostream_sdk.kafka import KafkaRecord, open_reader, open_writer
from annostream_sdk.topics import DEAD_LETTER_SUFFIX, full_name

# Where replays are remembered; principals of clients may use groups that begin with "client-".
REPLAY_GROUP = "client-dlq-replay"
_HEADER_PREFIX = "dlq_"
# What has no project, or a key that names none, has no state to announce.
_NOTHING_TO_ANNOUNCE = {"PROJECT_NOT_FOUND", "INVALID_NAME"}

# A service, and projects/{project}.
Owner = tuple[str, str]


@dataclass(frozen=True)
class DeadLetter:
    """A record of a .dlq topic; each field is the header dlq_… that the service wrote."""

    record: KafkaRecord

    @property
    def topic(self) -> str:
        """Where it came from."""
        return self.header("dlq_topic") or self.record.position.topic.removesuffix(DEAD_LETTER_SUFFIX)

    def header(self, name: str) -> str:
        return next((value.decode("utf-8", "replace") for key, value in self.record.headers if key == name), "")

    @property
    def source(self) -> tuple[str, str, str] | None:
        """Topic, partition and offset of the record that was given up; None where the letter does not say."""
        place = (self.header("dlq_topic"), self.header("dlq_partition"), self.header("dlq_offset"))
        return place if all(place) else None

    def original(self) -> KafkaRecord:
        """Key, value and headers as they were before it was given up."""
        headers = tuple(one for one in self.record.headers if not one[0].startswith(_HEADER_PREFIX))
        return replace(self.record, headers=headers)


def owner_of(letter: DeadLetter) -> Owner | None:
    """Whose event it was; None for what no service of ours announces: a door's requests."""
    service = letter.topic.removeprefix("annostream.").removesuffix(".v1")
    parts = (letter.record.key or b"").decode("utf-8", "replace").split("/")
    if service not in SERVICES or len(parts) < 2 or parts[0] != "projects":
        return None
    return service, "/".join(parts[:2])


@dataclass(frozen=True)
class Backlog:
    """letters: all that the topic keeps. waiting: those not replayed yet."""

    topic: str
    letters: int
    waiting: int


def dead_letter_topic(topic: str) -> str:
    """ingest, annostream.ingest.v1, ingest.dlq -> annostream.ingest.v1.dlq"""
    name = full_name(topic)
    return name if name.endswith(DEAD_LETTER_SUFFIX) else name + DEAD_LETTER_SUFFIX


async def backlogs(connection: KafkaConnection, topics: Sequence[str]) -> list[Backlog]:
    """topics: names of .dlq topics. Raises AnnostreamError: TOPIC_NOT_FOUND, SERVER_NOT_THERE."""
    async with open_reader(connection, REPLAY_GROUP) as reader:
        await reader.start_at(topics, beginning=True)
        all_letters = await reader.remaining()
        await reader.start_at(topics, committed=True)
        waiting = await reader.remaining()
    return [Backlog(topic, all_letters[topic], waiting[topic]) for topic in topics]


async def letters(connection: KafkaConnection, topic: str, *, waiting_only: bool) -> AsyncGenerator[DeadLetter]:
    """Those that are there now, partition by partition, oldest first in each."""
    async with open_reader(connection, REPLAY_GROUP) as reader:
        await reader.start_at([topic], beginning=True, committed=waiting_only)
        async with aclosing(reader.to_the_end()) as batches:
            async for batch in batches:
                for record in batch:
                    yield DeadLetter(record)


async def replay(connection: KafkaConnection, topic: str) -> AsyncGenerator[DeadLetter]:
    """Sends what was not replayed yet to where it came from, and yields it when Kafka has it.

    Each consumer group writes a letter of its own for a record that all of them read: the record is sent once.
    At least once: an interruption may send a batch again, which consumers tell by its revision.
    """
    sent: set[tuple[str, str, str]] = set()
    async with open_reader(connection, REPLAY_GROUP) as reader, open_writer(connection) as writer:
        await reader.start_at([topic], committed=True)
        async with aclosing(reader.to_the_end()) as batches:
            async for batch in batches:
                found = [DeadLetter(record) for record in batch]
                await writer.send([(letter.topic, letter.original()) for letter in _first_of_each(found, sent)])
                await reader.commit(batch)
                for letter in found:
                    yield letter


@dataclass
class AnnouncedAgain:
    """events: how many were announced. failed: whose state could not be announced, and why."""

    events: int = 0
    failed: dict[Owner, AnnostreamError] = field(default_factory=dict)


async def announce_again(republish: Callable[[str, str], Awaitable[int]], owners: Iterable[Owner]) -> AnnouncedAgain:
    """Has each project announced by itself: one that fails holds up no other. Never raises AnnostreamError.

    republish: service and project -> how many events that made.
    """
    told = AnnouncedAgain()
    away: dict[str, AnnostreamError] = {}
    for owner in sorted(owners):
        service, project = owner
        if service in away:  # Each call waits before it gives a service up.
            told.failed[owner] = away[service]
            continue
        try:
            told.events += await republish(service, project)
        except AnnostreamError as error:
            if error.reason == SERVER_NOT_THERE:
                away[service] = error
            if error.reason not in _NOTHING_TO_ANNOUNCE:
                told.failed[owner] = error
    return told


def _first_of_each(found: Iterable[DeadLetter], sent: set[tuple[str, str, str]]) -> list[DeadLetter]:
    """Those whose record was not sent yet; `sent` learns of them."""
    first = []
    for letter in found:
        if letter.source is None or letter.source not in sent:
            first.append(letter)
        if letter.source is not None:
            sent.add(letter.source)
    return first
