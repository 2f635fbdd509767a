"""Topics, events and dead letters against the real Kafka."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from typer.testing import CliRunner

from annostream.ingest.v1.asset_pb2 import Asset
from annostream.ingest.v1.events_pb2 import AssetIngested
from annostream_sdk import topics
from annostream_sdk.cli.main import build
from annostream_sdk.dead_letters import DeadLetter, backlogs, dead_letter_topic, letters, replay
from annostream_sdk.endpoints import KafkaConnection
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.events import Event, tail
from annostream_sdk.kafka import KafkaRecord, Position, open_cluster, open_reader, open_writer
from tests.servers import Servers
from tests.unit.sdk.server import Server

# Nobody consumes the door yet, so that nothing but these tests writes there.
DOOR = "annostream.ingest.requests.v1"
DEAD = dead_letter_topic(DOOR)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def connection(servers: Servers, principal: str = "client") -> KafkaConnection:
    if principal == "client":
        return KafkaConnection(**servers.endpoints["kafka"])
    environment = servers.environment("ingest", kafka_principal=principal)
    names = ("bootstrap_servers", "security_protocol", "sasl_mechanism", "username", "password")
    return KafkaConnection(**{name: environment[f"ANNOSTREAM_KAFKA_{name.upper()}"] for name in names})


def event(path: str) -> KafkaRecord:
    """An event as a service writes it."""
    asset = Asset(name=f"projects/p/assets/{path}", path=path, revision=3)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": secrets.token_hex(8),
        "ce_type": "annostream.ingest.v1.AssetIngested",
        "ce_subject": asset.name,
        "ce_revision": "3",
        "content-type": "application/protobuf",
    }
    return KafkaRecord(
        Position("", 0, 0),
        asset.name.encode(),
        AssetIngested(asset=asset).SerializeToString(),
        tuple((name, value.encode()) for name, value in headers.items()),
        NOW,
    )


def given_up(
    record: KafkaRecord, reason: str = "UNKNOWN_PROJECT", *, topic: str = DOOR, offset: int = 7, group: str = "ingest"
) -> KafkaRecord:
    facts = {
        "dlq_reason": reason,
        "dlq_message": "There is no such project.",
        "dlq_topic": topic,
        "dlq_partition": "0",
        "dlq_offset": str(offset),
        "dlq_attempts": "5",
        "dlq_time": "2026-01-01T00:00:00Z",
        "dlq_group": f"annostream-{group}",
    }
    return replace(record, headers=(*record.headers, *((name, value.encode()) for name, value in facts.items())))


async def send(servers: Servers, topic: str, *records: KafkaRecord, principal: str = "admin") -> None:
    async with open_writer(connection(servers, principal)) as writer:
        await writer.send([(topic, record) for record in records])


async def all_of(events: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in events]


async def records_of(servers: Servers, topic: str) -> list[KafkaRecord]:
    async with open_reader(connection(servers)) as reader:
        await reader.start_at([topic], beginning=True)
        return [record async for batch in reader.to_the_end() for record in batch]


async def run(servers: Servers, *arguments: str, endpoints: Path | None = None) -> tuple[int, str, str]:
    """The command, in a thread: code, stdout, stderr."""
    command = [*arguments, "--endpoints", str(endpoints or servers.data.endpoints)]
    result = await asyncio.to_thread(CliRunner().invoke, build(), command)
    return result.exit_code, result.stdout, result.stderr


async def test_a_second_apply_keeps_everything_as_it_is(servers: Servers) -> None:
    await topics.apply(connection(servers, "admin"))

    again = await topics.apply(connection(servers, "admin"))

    assert {change.topic for change in again} == {topic.name for topic in topics.all_topics()}
    assert {change.action for change in again} == {"kept"}


async def test_apply_corrects_a_setting_that_drifted_and_keeps_what_others_set(servers: Servers) -> None:
    drifted = {"cleanup.policy": "delete", "retention.ms": "1000", "segment.ms": "123456"}
    async with open_cluster(connection(servers, "admin")) as cluster:
        await cluster.set_config(DEAD, drifted)

    changes = {change.topic: change for change in await topics.apply(connection(servers, "admin"))}

    async with open_cluster(connection(servers, "admin")) as cluster:
        config = (await cluster.topics([DEAD]))[DEAD].config
    assert changes[DEAD].action == "altered"
    assert changes[DEAD].details["retention.ms"] == config["retention.ms"] == str(30 * 86400_000)
    assert config["segment.ms"] == "123456"


async def test_a_topic_grows_and_a_race_to_create_it_hurts_nobody(servers: Servers) -> None:
    name = f"annostream.test-{secrets.token_hex(4)}"
    async with open_cluster(connection(servers, "admin")) as cluster:
        created = await asyncio.gather(*[cluster.create(name, 1, 1, {"cleanup.policy": "compact"}) for _ in range(3)])
        await cluster.add_partitions(name, 3)
        state = (await cluster.topics([name, "there-is-none"])).items()

    assert sorted(created) == [False, False, True]
    assert [(topic, found.partitions, dict(found.config)) for topic, found in state] == [
        (name, 3, {"cleanup.policy": "compact"})
    ]


async def test_a_principal_without_the_right_hears_what_was_refused(servers: Servers) -> None:
    with pytest.raises(AnnostreamError) as refused:
        async with open_cluster(connection(servers)) as cluster:
            await cluster.create(f"annostream.test-{secrets.token_hex(4)}", 1, 1, {})

    assert refused.value.reason == "KAFKA_REFUSED"


async def test_the_command_says_that_the_embedded_kafka_has_its_topics_already(servers: Servers) -> None:
    code, _, err = await run(servers, "topics", "apply", "--partitions", "13")

    assert code == 1
    assert "this principal may not" in err
    assert "`annostream up` makes its topics at each start" in err


async def test_a_wrong_password_is_told_as_such(servers: Servers) -> None:
    with pytest.raises(AnnostreamError, match="No Kafka that lets client in") as refused:
        await backlogs(replace(connection(servers), password="wrong"), [DEAD])

    assert refused.value.reason == "SERVER_NOT_THERE"


async def test_a_missing_topic_names_the_command_that_makes_it(servers: Servers) -> None:
    with pytest.raises(AnnostreamError, match=r"annostream up.*annostream topics apply") as refused:
        await all_of(tail(connection(servers), "annostream.nowhere.v1", from_beginning=True, follow=False))

    assert refused.value.reason == "TOPIC_NOT_FOUND"


async def test_events_come_decoded_with_their_headers(servers: Servers) -> None:
    plain = event(f"{secrets.token_hex(4)}.jpg")
    large = replace(plain, value=b"", headers=(*plain.headers, ("ce_dataref", b"s3://annostream/events/1")))
    foreign = replace(plain, headers=(("ce_type", b"other.v1.Thing"),))
    await send(servers, DOOR, plain, large, foreign)

    found: list[Event] = await all_of(tail(connection(servers), DOOR, from_beginning=True, follow=False))
    ours = [one for one in found if one.key == (plain.key or b"").decode()]

    assert [one.type.rpartition(".")[2] for one in ours] == ["AssetIngested", "AssetIngested", "Thing"]
    assert ours[0].as_json()["data"]["asset"]["revision"] == "3"
    assert ours[0].headers["ce_revision"] == "3"
    assert (ours[1].message, ours[1].dataref) == (None, "s3://annostream/events/1")
    assert "no message 'other.v1.Thing'" in ours[2].problem


async def test_a_tail_begins_at_the_end_and_hears_what_comes(servers: Servers) -> None:
    await send(servers, DOOR, event("before.jpg"))
    coming = event(f"{secrets.token_hex(4)}.jpg")

    async with aclosing(tail(connection(servers), DOOR, from_beginning=False, follow=True)) as events:
        first = asyncio.ensure_future(anext(events))
        while not first.done():  # Until the reader has found the end, what is sent lies before it.
            await send(servers, DOOR, coming)
            await asyncio.wait([first], timeout=0.5)
        heard = await first

    assert heard.key == (coming.key or b"").decode()


async def test_a_dead_letter_goes_back_once_exactly_as_it_was(servers: Servers) -> None:
    await all_of(replay(connection(servers), DEAD))
    original = event(f"{secrets.token_hex(4)}.jpg")
    empty = replace(event(f"{secrets.token_hex(4)}.jpg"), value=b"")
    await send(servers, DEAD, given_up(original), given_up(empty, offset=8), principal="ingest")
    (before,) = await backlogs(connection(servers), [DEAD])

    replayed: list[DeadLetter] = await all_of(replay(connection(servers), DEAD))
    again = await all_of(replay(connection(servers), DEAD))

    keys = {original.key, empty.key}
    arrived = [record for record in await records_of(servers, DOOR) if record.key in keys]
    (after,) = await backlogs(connection(servers), [DEAD])
    assert before.waiting == 2
    assert {letter.record.key for letter in replayed} == keys
    assert again == []
    assert {(record.key, record.value, record.headers) for record in arrived} == {
        (record.key, record.value, record.headers) for record in (original, empty)
    }
    assert len(arrived) == 2
    assert (after.letters, after.waiting) == (before.letters, 0)


async def test_a_record_that_two_groups_gave_up_is_sent_once_and_all_its_letters_count_as_replayed(
    servers: Servers,
) -> None:
    await all_of(replay(connection(servers), DEAD))
    lost = event(f"{secrets.token_hex(4)}.jpg")
    twice = [given_up(lost, group=group) for group in ("annotate", "export")]
    again_later = given_up(lost, offset=8)
    await send(servers, DEAD, *twice, again_later, principal="ingest")

    replayed = await all_of(replay(connection(servers), DEAD))

    (after,) = await backlogs(connection(servers), [DEAD])
    arrived = [record for record in await records_of(servers, DOOR) if record.key == lost.key]
    assert (len(replayed), len(arrived), after.waiting) == (3, 2, 0)


async def test_a_replay_announces_what_it_can_and_names_the_command_for_the_rest(servers: Servers) -> None:
    """Nothing consumes export's topic here; its service, and no other, is served from memory."""
    topic, stem = "annostream.export.v1", secrets.token_hex(4)
    await all_of(replay(connection(servers), dead_letter_topic(topic)))
    # "b" is known to the service, "c" is not; "a" meets a fault.
    lost = [replace(event("x"), key=f"projects/{letter}-{stem}/snapshots/v1".encode()) for letter in "abc"]
    dead = [given_up(one, topic=topic, offset=number) for number, one in enumerate(lost)]
    await send(servers, dead_letter_topic(topic), *dead)
    server = Server()
    server.export.republished = {f"projects/b-{stem}": 5}
    server.export.broken = {f"projects/a-{stem}"}
    await server.start()
    own = servers.data.endpoints.with_name(f"endpoints-{stem}.json")
    own.write_bytes(orjson.dumps({**server.endpoints, "kafka": servers.endpoints["kafka"]}))
    try:
        code, out, err = await run(servers, "dlq", "replay", "export", "--json", endpoints=own)
    finally:
        await server.stop()
        own.unlink()

    told = cast(Any, orjson.loads(out))
    (failed,) = told["not_announced"]
    command = f"annostream events republish export --project projects/a-{stem} --endpoints {own}"
    assert (code, told["replayed"], told["announced_again"]) == (4, 3, 5)
    assert (failed["project"], failed["reason"], failed["command"]) == (f"projects/a-{stem}", "INTERNAL", command)
    assert f"`{command}`" in err


async def test_dead_letters_are_shown_with_their_reason_without_being_taken(servers: Servers) -> None:
    lost = event(f"{secrets.token_hex(4)}.jpg")
    await send(servers, DEAD, given_up(lost, reason="DAMAGED_IMAGE"), principal="ingest")

    for _ in range(2):
        waiting: list[DeadLetter] = await all_of(letters(connection(servers), DEAD, waiting_only=True))
        (found,) = [letter for letter in waiting if letter.record.key == lost.key]
        assert (found.topic, found.header("dlq_reason"), found.header("dlq_offset")) == (DOOR, "DAMAGED_IMAGE", "7")


async def test_the_command_shows_and_replays_dead_letters_and_prints_events(servers: Servers) -> None:
    lost = event(f"{secrets.token_hex(4)}.jpg")
    await send(servers, DEAD, given_up(lost, offset=9), principal="ingest")

    _, shown, _ = await run(servers, "dlq", "show", "ingest.requests", "--waiting", "--json")
    code, replayed, err = await run(servers, "dlq", "replay", "ingest.requests", "--json")
    listed = cast(Any, orjson.loads((await run(servers, "dlq", "list", "--json"))[1]))
    _, tailed, _ = await run(servers, "events", "tail", "ingest.requests", "--from-beginning", "--until-end", "--json")

    key = (lost.key or b"").decode()
    (told,) = [one for line in shown.splitlines() if (one := orjson.loads(line))["key"] == key]
    assert (told["dead_letter"]["reason"], told["dead_letter"]["topic"]) == ("UNKNOWN_PROJECT", DOOR)
    assert told["data"]["asset"]["name"] == key
    assert code == 0, err
    assert orjson.loads(replayed)["replayed"] >= 1
    assert [one["waiting"] for one in listed if one["topic"] == DEAD] == [0]
    assert key in {orjson.loads(line)["key"] for line in tailed.splitlines()}
