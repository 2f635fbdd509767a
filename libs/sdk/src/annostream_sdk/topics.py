"""Our topics: which there are and how each is kept; `apply` brings a Kafka cluster to that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from annostream_sdk.endpoints import KafkaConnection
from annostream_sdk.kafka import Cluster, TopicState, open_cluster

DEFAULT_PARTITIONS = 12
MAX_MESSAGE_BYTES = 1024**2
# A dead letter is the record as it was and the headers that say why: it must fit where the record did.
DEAD_LETTER_HEADER_BYTES = 64 * 1024
COMPACTION_LAG = timedelta(days=7)
DOOR_RETENTION = timedelta(days=7)
DEAD_LETTER_RETENTION = timedelta(days=30)
MOST_REPLICAS = 3
DEAD_LETTER_SUFFIX = ".dlq"

EVENT_TOPICS = {
    "ingest": "annostream.ingest.v1",
    "annotate": "annostream.annotate.v1",
    "export": "annostream.export.v1",
}
DOOR_TOPICS = {"ingest.requests": "annostream.ingest.requests.v1"}
SHORT_NAMES = {**EVENT_TOPICS, **DOOR_TOPICS}


@dataclass(frozen=True)
class Topic:
    """A topic as it should be; config in Kafka's own names, times in milliseconds."""

    name: str
    config: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """What `apply` did to a topic. `kept`: nothing; details: setting -> its new value."""

    topic: str
    action: Literal["created", "altered", "kept"]
    partitions: int
    details: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """What differs: create when partitions_before is 0; config is None when it is right already."""

    topic: Topic
    partitions_before: int
    partitions: int
    config: Mapping[str, str] | None
    details: Mapping[str, str]


def full_name(topic: str) -> str:
    """ingest -> annostream.ingest.v1, ingest.dlq -> annostream.ingest.v1.dlq; full names stay."""
    short, dead = topic.removesuffix(DEAD_LETTER_SUFFIX), topic.endswith(DEAD_LETTER_SUFFIX)
    return SHORT_NAMES.get(short, short) + (DEAD_LETTER_SUFFIX if dead else "")


def all_topics() -> list[Topic]:
    """Event topics keep the last event of each subject for ever; doors and dead letters are deleted with time."""
    lasting = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": _milliseconds(COMPACTION_LAG),
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
    }
    passing = {
        "cleanup.policy": "delete",
        "retention.ms": _milliseconds(DOOR_RETENTION),
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
    }
    dead = {
        "cleanup.policy": "delete",
        "retention.ms": _milliseconds(DEAD_LETTER_RETENTION),
        "max.message.bytes": str(MAX_MESSAGE_BYTES + DEAD_LETTER_HEADER_BYTES),
    }
    living = [Topic(name, lasting) for name in EVENT_TOPICS.values()]
    living += [Topic(name, passing) for name in DOOR_TOPICS.values()]
    return living + [Topic(topic.name + DEAD_LETTER_SUFFIX, dead) for topic in living]


def plan(topic: Topic, state: TopicState | None, partitions: int | None) -> Plan:
    """Settings that others have made for a topic stay; partitions grow when asked for and never shrink."""
    if state is None:
        return Plan(topic, 0, partitions or DEFAULT_PARTITIONS, topic.config, topic.config)
    differing = {name: value for name, value in topic.config.items() if state.config.get(name) != value}
    config = {**state.config, **topic.config} if differing else None
    wanted = max(state.partitions, partitions or 0)
    grown = {"partitions": str(wanted)} if wanted > state.partitions else {}
    return Plan(topic, state.partitions, wanted, config, {**differing, **grown})


async def apply(
    connection: KafkaConnection, *, partitions: int | None = None, replication_factor: int | None = None
) -> list[Change]:
    """Creates what is missing and alters what differs; safe to repeat, and by several at once.

    partitions: of new topics (None: 12), and what older ones grow to (None: they stay).
    replication_factor: of new topics (None: the number of brokers, at most 3).

    Raises AnnostreamError: SERVER_NOT_THERE, KAFKA_REFUSED.
    """
    wanted = all_topics()
    async with open_cluster(connection) as cluster:
        replicas = replication_factor or min(MOST_REPLICAS, await cluster.brokers())
        created = await _create_missing(cluster, wanted, partitions, replicas)
        await cluster.wait_for([topic.name for topic in wanted])
        states = await cluster.topics([topic.name for topic in wanted])
        plans = [plan(topic, states[topic.name], partitions) for topic in wanted]
        return [created.get(one.topic.name) or await _alter(cluster, one) for one in plans]


async def _create_missing(
    cluster: Cluster, wanted: Sequence[Topic], partitions: int | None, replicas: int
) -> dict[str, Change]:
    existing = await cluster.existing([topic.name for topic in wanted])
    created = {}
    for one in [plan(topic, None, partitions) for topic in wanted if topic.name not in existing]:
        if await cluster.create(one.topic.name, one.partitions, replicas, one.topic.config):
            created[one.topic.name] = Change(one.topic.name, "created", one.partitions, one.details)
    return created


async def _alter(cluster: Cluster, one: Plan) -> Change:
    if one.config is not None:
        await cluster.set_config(one.topic.name, one.config)
    if one.partitions > one.partitions_before:
        await cluster.add_partitions(one.topic.name, one.partitions)
    return Change(one.topic.name, "altered" if one.details else "kept", one.partitions, one.details)


def _milliseconds(time: timedelta) -> str:
    return str(int(time.total_seconds() * 1000))
