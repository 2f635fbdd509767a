"""Kafka behind its door: producer, group member, reader of whole topics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from annostream_kit.errors import DependencyAwayError, MisconfiguredError
from annostream_kit.kafka import MissingTopicError, Producer, Subscription, TopicReader
from annostream_kit.records import Partition, Record
from annostream_kit.settings import ServiceSettings
from tests.conftest import SettingsFactory
from tests.contract.kit.conftest import NewTopicFactory
from tests.servers import fresh_name


@pytest.fixture
async def producer(settings: ServiceSettings) -> AsyncIterator[Producer]:
    made = Producer(settings)
    yield made
    await made.stop()


@pytest.fixture
async def reader(settings: ServiceSettings) -> AsyncIterator[TopicReader]:
    made = TopicReader(settings)
    yield made
    await made.stop()


class Member:
    """A member of a group that notes its assignments, and is placed where `stored` says."""

    def __init__(self, settings: ServiceSettings, group: str, topic: str, stored: Mapping[Partition, int]) -> None:
        self.subscription = Subscription(settings, group=group, topics=[topic])
        self.stored = stored
        self.assigned: list[set[Partition]] = []

    async def __aenter__(self) -> Member:
        await self.subscription.start(self._assigned)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.subscription.stop()

    async def _assigned(self, partitions: set[Partition]) -> None:
        # Long enough for a fetch from where the group's commits say.
        await asyncio.sleep(0.5)
        self.assigned.append(partitions)
        self.subscription.seek(self.stored)

    async def until(self, number: int) -> list[Record]:
        found: list[Record] = []
        async with asyncio.timeout(30):
            while len(found) < number:
                for records in (await self.subscription.read(max_records=100, wait_seconds=0.1)).values():
                    found.extend(records)
        return found


def letters(topic: str, text: str, key: str = "k") -> list[Record]:
    return [Record(topic, key.encode(), letter.encode(), (("ce_id", letter.encode()),)) for letter in text]


def text_of(records: list[Record]) -> str:
    return b"".join(record.value or b"" for record in records).decode()


async def test_what_is_published_is_read_with_key_headers_and_order(
    settings: ServiceSettings, producer: Producer, new_topic: NewTopicFactory
) -> None:
    topic = await new_topic(3)
    await producer.publish(letters(topic, "abcdef"))
    async with Member(settings, fresh_name("g"), topic, {}) as member:
        found = await member.until(6)
    assert text_of(found) == "abcdef"
    assert (found[0].key, found[0].headers, found[0].offset) == (b"k", (("ce_id", b"a"),), 0)


async def test_the_position_of_an_assignment_wins_over_the_commits_of_the_group(
    settings: ServiceSettings, producer: Producer, new_topic: NewTopicFactory
) -> None:
    topic, group = await new_topic(1), fresh_name("g")
    await producer.publish(letters(topic, "abcdef"))
    async with Member(settings, group, topic, {}) as member:
        await member.until(6)
        await member.subscription.commit({(topic, 0): 5})
    async with Member(settings, group, topic, {(topic, 0): 2}) as member:
        assert text_of(await member.until(4)) == "cdef"


async def test_without_a_position_reading_goes_on_where_the_group_committed(
    settings: ServiceSettings, producer: Producer, new_topic: NewTopicFactory
) -> None:
    topic, group = await new_topic(1), fresh_name("g")
    await producer.publish(letters(topic, "abc"))
    async with Member(settings, group, topic, {}) as member:
        await member.subscription.commit({(topic, 7): 1})
        await member.until(3)
        await member.subscription.commit({(topic, 0): 2})
    async with Member(settings, group, topic, {}) as member:
        assert text_of(await member.until(1)) == "c"


async def test_a_paused_member_reads_nothing_stays_in_its_group_and_goes_on(
    settings: ServiceSettings, producer: Producer, new_topic: NewTopicFactory
) -> None:
    topic = await new_topic(1)
    await producer.publish(letters(topic, "a"))
    async with Member(settings, fresh_name("g"), topic, {}) as member:
        await member.until(1)
        member.subscription.pause()
        await producer.publish(letters(topic, "b"))
        # Longer than the session of the group.
        for _ in range(round(settings.kafka_session_timeout_seconds * 2) + 3):
            assert await member.subscription.read(max_records=10, wait_seconds=0.5) == {}
        member.subscription.resume()
        assert text_of(await member.until(1)) == "b"
        assert len(member.assigned) == 1


async def test_a_second_member_takes_a_share_and_a_commit_of_what_was_lost_is_no_error(
    settings: ServiceSettings, producer: Producer, new_topic: NewTopicFactory
) -> None:
    topic, group = await new_topic(2), fresh_name("g")
    await producer.publish(letters(topic, "a"))
    async with Member(settings, group, topic, {}) as one:
        await one.until(1)
        async with Member(settings, group, topic, {}) as two, asyncio.timeout(30):
            while not (two.assigned and len(one.assigned) == 2):
                await one.subscription.read(max_records=10, wait_seconds=0.05)
                await two.subscription.read(max_records=10, wait_seconds=0.05)
            assert one.assigned[-1] | two.assigned[-1] == {(topic, 0), (topic, 1)}
            assert one.subscription.assignment().isdisjoint(two.subscription.assignment())
            await one.subscription.commit({(topic, 0): 1, (topic, 1): 1})


async def test_a_start_without_kafka_says_so_and_may_be_tried_again(service_settings: SettingsFactory) -> None:
    settings = service_settings("ingest", kafka_bootstrap_servers="127.0.0.1:1")
    subscription = Subscription(settings, group="g", topics=["t"])

    async def assigned(_partitions: set[Partition]) -> None: ...

    for _ in range(2):
        with pytest.raises(DependencyAwayError):
            await subscription.start(assigned)
    with pytest.raises(DependencyAwayError):
        await Producer(settings).publish(letters("t", "a"))
    with pytest.raises(DependencyAwayError):
        await TopicReader(settings).end_offsets("t")
    with pytest.raises(DependencyAwayError):
        await anext(TopicReader(settings).read_from_start({("t", 0): 1}, max_records=1))


async def test_a_wrong_password_is_refused(service_settings: SettingsFactory) -> None:
    with pytest.raises(DependencyAwayError):
        await Producer(service_settings("ingest", kafka_password="wrong")).publish(letters("annostream.ingest.v1", "a"))


async def test_a_topic_that_the_account_may_not_write_is_said_to_be_forbidden(
    service_settings: SettingsFactory,
) -> None:
    producer = Producer(service_settings("export"))
    with pytest.raises(MisconfiguredError, match="ACL"):
        await producer.publish(letters("annostream.ingest.v1", "a"))
    await producer.stop()


async def test_a_record_that_no_topic_takes_is_refused_and_the_producer_goes_on(
    producer: Producer, reader: TopicReader, new_topic: NewTopicFactory
) -> None:
    topic = await new_topic(1)
    with pytest.raises(MessageSizeTooLargeError):
        await producer.publish([Record(topic, b"k", b"x" * (2 << 20), ())])
    await producer.publish(letters(topic, "a"))
    assert await reader.end_offsets(topic) == {0: 1}


async def test_publishing_to_a_topic_that_is_missing_ends_and_leaves_the_producer_well(
    settings: ServiceSettings, reader: TopicReader, new_topic: NewTopicFactory
) -> None:
    producer, topic = Producer(settings, publish_seconds=1.0), await new_topic(1)
    with pytest.raises(DependencyAwayError):
        await producer.publish(letters(fresh_name("none"), "a"))
    await producer.publish(letters(topic, "b"))
    assert await reader.end_offsets(topic) == {0: 1}
    await producer.stop()


async def test_a_publish_that_is_cancelled_hangs_nothing(producer: Producer, new_topic: NewTopicFactory) -> None:
    topic = await new_topic(1)
    await producer.publish(letters(topic, "a"))
    cancelled = asyncio.create_task(producer.publish(letters(topic, "bcd" * 200)))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    await asyncio.wait_for(producer.publish(letters(topic, "e")), 10)


async def test_a_topic_is_known_without_a_subscription_also_when_it_was_made_later(
    reader: TopicReader, new_topic: NewTopicFactory
) -> None:
    assert len(await reader.partitions("annostream.ingest.v1")) >= 1
    topic = await new_topic(3)
    assert await reader.partitions(topic) == [0, 1, 2]
    assert await reader.end_offsets(topic) == {0: 0, 1: 0, 2: 0}


async def test_a_missing_topic_is_said_with_the_command_that_makes_it(reader: TopicReader) -> None:
    with pytest.raises(MissingTopicError, match="annostream topics apply"):
        await reader.partitions("annostream.none.v1")


async def test_a_whole_topic_is_read_up_to_the_ends_that_were_asked(
    producer: Producer, reader: TopicReader, new_topic: NewTopicFactory
) -> None:
    topic = await new_topic(3)
    for key in ("a", "b", "c", "d"):
        await producer.publish(letters(topic, "12345", key))
    until = {(topic, number): end for number, end in (await reader.end_offsets(topic)).items()}
    await producer.publish(letters(topic, "late", "a"))
    found = [
        record
        async for batch in reader.read_from_start(until, max_records=3)
        for records in batch.values()
        for record in records
    ]
    assert {key: text_of([r for r in found if r.key == key.encode()]) for key in "abcd"} == dict.fromkeys(
        "abcd", "12345"
    )


async def test_kafka_that_goes_away_while_a_topic_is_read_is_said_to_be_away(
    producer: Producer, reader: TopicReader, new_topic: NewTopicFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(1)
    await producer.publish(letters(topic, "a"))

    async def broken(_consumer: AIOKafkaConsumer, _partition: TopicPartition) -> int:
        raise KafkaConnectionError

    # A fault put into the real client: which call meets the death of a real broker is up to chance.
    monkeypatch.setattr(AIOKafkaConsumer, "position", broken)
    with pytest.raises(DependencyAwayError):
        async for _ in reader.read_from_start({(topic, 0): 1}, max_records=1):
            pass
