"""What waits in Kafka: how far each consumer group is behind, and how many dead letters there are."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # exported without saying so

from annostream_embedded.errors import NotReady
from annostream_embedded.kafka_access import KafkaAccess

DEAD_LETTER_SUFFIX = ".dlq"
_TIMEOUT_SECONDS = 5.0
_OFFSET: Any = OffsetSpec  # its constructors carry no types


@dataclass(frozen=True)
class ConsumerLag:
    """Records of one topic that a group has not taken yet."""

    group: str
    topic: str
    lag: int


@dataclass(frozen=True)
class DeadLetters:
    topic: str
    count: int


def consumer_lag(access: KafkaAccess) -> list[ConsumerLag]:
    """Raises NotReady when Kafka does not answer."""
    try:
        return _consumer_lag(AdminClient(access.client_config()))
    except KafkaException as error:
        raise NotReady(f"Kafka answers: {error}") from error


def dead_letters(access: KafkaAccess) -> list[DeadLetters]:
    """One row a dead-letter topic, empty ones too. Raises NotReady when Kafka does not answer."""
    try:
        return _dead_letters(AdminClient(access.client_config()))
    except KafkaException as error:
        raise NotReady(f"Kafka answers: {error}") from error


def _consumer_lag(client: Any) -> list[ConsumerLag]:
    listed = client.list_consumer_groups(request_timeout=_TIMEOUT_SECONDS).result()
    rows = []
    for group in sorted(one.group_id for one in listed.valid):
        asked = client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=_TIMEOUT_SECONDS
        )
        committed = sorted(asked[group].result().topic_partitions, key=lambda one: (one.topic, one.partition))
        ends = _offsets(client, committed, _OFFSET.latest())
        for topic, partitions in groupby(committed, key=lambda one: one.topic):
            behind = sum(ends[one.topic, one.partition] - one.offset for one in partitions)
            rows.append(ConsumerLag(group, topic, behind))
    return rows


def _dead_letters(client: Any) -> list[DeadLetters]:
    topics = client.list_topics(timeout=_TIMEOUT_SECONDS).topics
    partitions = [
        TopicPartition(name, number)
        for name, topic in sorted(topics.items())
        if name.endswith(DEAD_LETTER_SUFFIX)
        for number in topic.partitions
    ]
    begins = _offsets(client, partitions, _OFFSET.earliest())
    ends = _offsets(client, partitions, _OFFSET.latest())
    counts: dict[str, int] = {}
    for key, end in ends.items():
        counts[key[0]] = counts.get(key[0], 0) + end - begins[key]
    return [DeadLetters(topic, count) for topic, count in counts.items()]


def _offsets(client: Any, partitions: list[Any], spec: Any) -> dict[tuple[str, int], int]:
    if not partitions:
        return {}
    asked = {TopicPartition(one.topic, one.partition): spec for one in partitions}
    answers = client.list_offsets(asked, request_timeout=_TIMEOUT_SECONDS)
    return {(one.topic, one.partition): answer.result().offset for one, answer in answers.items()}
