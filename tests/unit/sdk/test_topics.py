"""The table of topics, and what is changed to get there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_sdk.kafka import TopicState
from annostream_sdk.topics import DEFAULT_PARTITIONS, Topic, all_topics, full_name, plan

TOPIC = Topic("annostream.ingest.v1", {"cleanup.policy": "compact", "min.compaction.lag.ms": "604800000"})


def test_event_topics_are_compacted_after_a_week_and_doors_and_dead_letters_end() -> None:
    config = {topic.name: topic.config for topic in all_topics()}

    assert sorted(config) == sorted(
        name + ending
        for name in (
            "annostream.ingest.v1",
            "annostream.annotate.v1",
            "annostream.export.v1",
            "annostream.ingest.requests.v1",
        )
        for ending in ("", ".dlq")
    )
    week, month = str(7 * 86400_000), str(30 * 86400_000)
    assert config["annostream.annotate.v1"]["cleanup.policy"] == "compact"
    assert config["annostream.annotate.v1"]["min.compaction.lag.ms"] == week
    assert config["annostream.ingest.requests.v1"]["retention.ms"] == week
    assert config["annostream.ingest.v1.dlq"]["retention.ms"] == month


def test_a_dead_letter_fits_where_its_message_did_with_the_headers_that_say_why() -> None:
    sizes = {topic.name: int(topic.config["max.message.bytes"]) for topic in all_topics()}

    assert sizes["annostream.ingest.v1.dlq"] >= sizes["annostream.ingest.v1"] + 32 * 1024


def test_a_missing_topic_is_created_with_all_its_settings() -> None:
    made = plan(TOPIC, None, None)

    assert (made.partitions_before, made.partitions, made.config) == (0, DEFAULT_PARTITIONS, TOPIC.config)


def test_settings_that_others_made_stay() -> None:
    state = TopicState(6, {"cleanup.policy": "delete", "segment.bytes": "1000"})

    made = plan(TOPIC, state, None)

    assert made.config == {**TOPIC.config, "segment.bytes": "1000"}
    assert made.details == TOPIC.config


@given(before=st.integers(1, 50), asked=st.none() | st.integers(1, 50))
def test_partitions_never_shrink_and_a_second_apply_changes_nothing(before: int, asked: int | None) -> None:
    first = plan(TOPIC, TopicState(before, {}), asked)
    second = plan(TOPIC, TopicState(first.partitions, first.config or {}), asked)

    assert first.partitions >= before
    assert first.partitions == (max(before, asked) if asked else before)
    assert (second.config, second.partitions, dict(second.details)) == (None, first.partitions, {})


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("ingest", "annostream.ingest.v1"),
        ("export.dlq", "annostream.export.v1.dlq"),
        ("ingest.requests", "annostream.ingest.requests.v1"),
        ("annostream.annotate.v1", "annostream.annotate.v1"),
        ("other", "other"),
    ],
)
def test_topics_go_by_short_names(short: str, full: str) -> None:
    assert full_name(short) == full
