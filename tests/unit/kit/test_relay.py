"""The relay: in order, at least once, and never an old state last."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from annostream_kit.errors import ResourceExhausted
from annostream_kit.events import Event, from_headers
from annostream_kit.outbox import Publish, Relay, admit
from annostream_kit.readiness import Readiness
from annostream_kit.records import Record
from tests.fakes.kit import MemoryOutbox, MemoryTopic
from tests.unit.kit.events_made import TOPIC, event


async def offload(large: Event) -> str:
    return f"s3://bucket/{large.id}"


def relay(
    store: MemoryOutbox, publish: Publish, *, holder: str = "one", readiness: Readiness | None = None, batch: int = 500
) -> Relay:
    return Relay(
        store,
        publish,
        offload,
        topic=TOPIC,
        holder=holder,
        readiness=readiness or Readiness(),
        batch_documents=batch,
        lease_seconds=5.0,
        max_event_bytes=100,
        clock=lambda: store.now,
    )


def revisions(records: Sequence[Record], subject: str) -> list[int]:
    return [from_headers(r.headers, r.value).revision for r in records if r.key == subject.encode()]


async def test_the_events_of_a_document_are_sent_in_order_and_taken_off_it() -> None:
    store, topic = MemoryOutbox(), MemoryTopic()
    for revision in (1, 2, 3):
        await store.save("a", event("a", revision))
    assert await relay(store, topic.publish).step() == 1
    assert revisions(topic.records, "a") == [1, 2, 3]
    assert await store.unsent(10) == []


async def test_a_step_with_nothing_to_send_says_0() -> None:
    assert await relay(MemoryOutbox(), MemoryTopic().publish).step() == 0


async def test_a_record_has_the_subject_as_its_key_and_the_envelope_as_its_headers() -> None:
    store, topic = MemoryOutbox(), MemoryTopic()
    await store.save("a", event("a", 7, b"payload"))
    await relay(store, topic.publish).step()
    assert (topic.records[0].topic, topic.records[0].key) == (TOPIC, b"a")
    assert from_headers(topic.records[0].headers, topic.records[0].value) == event("a", 7, b"payload")


async def test_a_large_event_travels_by_reference() -> None:
    store, topic = MemoryOutbox(), MemoryTopic()
    await store.save("a", event("a", 1, b"x" * 101))
    await relay(store, topic.publish).step()
    sent = from_headers(topic.records[0].headers, topic.records[0].value)
    assert (sent.data, sent.dataref) == (b"", "s3://bucket/a-1")


async def test_while_another_relay_holds_the_lease_nothing_is_sent() -> None:
    store, topic = MemoryOutbox(), MemoryTopic()
    await store.save("a", event("a"))
    await store.take_lease("other", 5.0)
    assert await relay(store, topic.publish).step() is None
    assert topic.records == []


async def test_a_relay_that_published_and_died_is_followed_by_one_that_publishes_again() -> None:
    store, topic = MemoryOutbox(), MemoryTopic()
    await store.save("a", event("a"))
    await topic.publish([Record(TOPIC, b"a", b"x", ())])
    store.now += 6
    assert await relay(store, topic.publish, holder="two").step() == 1
    assert await store.unsent(10) == []


async def test_an_idle_relay_renews_its_lease_only_when_half_of_it_is_over() -> None:
    store = MemoryOutbox()
    taken: list[float] = []
    take = store.take_lease

    async def counted(holder: str, seconds: float) -> int | None:
        taken.append(store.now)
        return await take(holder, seconds)

    store.take_lease = counted  # type: ignore[method-assign]
    idle = relay(store, MemoryTopic().publish)
    for _ in range(12):
        await idle.step()
        store.now += 0.5
    assert taken == [0.0, 2.5, 5.0]


async def test_after_a_stalled_relay_the_last_record_of_a_subject_is_its_newest_state() -> None:
    store, topic = MemoryOutbox(), MemoryTopic()
    await store.save("a", event("a", 1))

    async def stalled(records: Sequence[Record]) -> None:
        store.now += 60
        assert await relay(store, topic.publish, holder="two").step() == 1
        await store.save("a", event("a", 2))
        assert await relay(store, topic.publish, holder="two").step() == 1
        await topic.publish(records)

    await relay(store, stalled, holder="one").step()
    assert revisions(topic.records, "a") == [1, 2, 1]
    assert await relay(store, topic.publish, holder="two").step() == 1
    assert revisions(topic.records, "a") == [1, 2, 1, 2]


async def test_a_stalled_relay_whose_publishing_fails_half_way_announces_again_too() -> None:
    store, topic = MemoryOutbox(), MemoryTopic()
    await store.save("a", event("a", 1))

    async def stalled(records: Sequence[Record]) -> None:
        store.now += 60
        assert await relay(store, topic.publish, holder="two").step() == 1
        await topic.publish(records)
        raise ConnectionError("the answer was lost")

    one = relay(store, stalled, holder="one")
    with pytest.raises(ConnectionError):
        await one.step()
    assert await one.step() is None
    assert [unsent.document for unsent in await store.unsent(10)] == ["a"]


async def test_a_publish_that_failed_within_the_lease_is_only_done_again() -> None:
    store, topic = MemoryOutbox(), MemoryTopic()
    await store.save("a", event("a"))
    one = relay(store, topic.publish)
    topic.away = True
    with pytest.raises(Exception, match="away"):
        await one.step()
    topic.away = False
    assert await one.step() == 1
    assert revisions(topic.records, "a") == [1]
    assert await store.unsent(10) == []


async def test_it_runs_until_cancelled_and_then_gives_the_lease_back() -> None:
    store, topic, readiness = MemoryOutbox(), MemoryTopic(), Readiness()
    topic.away = True
    running = relay(store, topic.publish, readiness=readiness)
    task = asyncio.create_task(running.run())
    await store.save("a", event("a"))
    while readiness.ready:
        await asyncio.sleep(0)
    assert "Kafka is away" in readiness.waits["relay"]
    topic.away = False
    running.wake()
    while not topic.records or not readiness.ready:
        await asyncio.sleep(0)
    await store.save("a", event("a", 2))
    running.wake()
    while len(topic.records) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.take_lease("other", 5.0) == 2


async def test_a_relay_without_the_lease_waits_for_it() -> None:
    store = MemoryOutbox()
    await store.take_lease("other", 0.0)
    waiting = Relay(
        store, MemoryTopic().publish, offload, topic=TOPIC, holder="two", readiness=Readiness(), lease_seconds=0.001
    )
    task = asyncio.create_task(waiting.run())
    await asyncio.sleep(0)
    store.now += 1
    await store.save("a", event("a"))
    while store.documents["a"].unsent:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_nobody_woke_the_relay_for_is_found_at_its_next_look() -> None:
    store, topic = MemoryOutbox(), MemoryTopic()
    task = asyncio.create_task(relay(store, topic.publish).run())
    await asyncio.sleep(0)
    await store.save("a", event("a"))
    async with asyncio.timeout(5):
        while not topic.records:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_error_that_waiting_does_not_mend_ends_the_relay() -> None:
    async def broken(_records: Sequence[Record]) -> None:
        raise ZeroDivisionError

    store = MemoryOutbox()
    await store.save("a", event("a"))
    with pytest.raises(ZeroDivisionError):
        await relay(store, broken).run()


def test_a_document_takes_64_unsent_events_and_refuses_the_next_with_a_delay() -> None:
    admit(63)
    with pytest.raises(ResourceExhausted) as refused:
        admit(64)
    assert (refused.value.reason, refused.value.retry_after_seconds) == ("OUTBOX_FULL", 1.0)
    with pytest.raises(ResourceExhausted):
        admit(60, new=5)
