"""The state of a running stack: its processes, and what waits in Kafka and in the services' outboxes."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from annostream_embedded.data_directory import DataDirectory, read_json
from annostream_embedded.errors import NotReady
from annostream_embedded.kafka_access import KafkaAccess
from annostream_embedded.kafka_backlog import ConsumerLag, DeadLetters, consumer_lag, dead_letters
from annostream_embedded.mongodb import service_database
from annostream_embedded.settings import SERVICES

OUTBOX_INDEX_KEY = "events.at"
_MONGODB_MILLISECONDS = 3000


@dataclass(frozen=True)
class ProcessStatus:
    """memory_bytes counts the process and what it started; last_words: why it ended last, as far as it could say."""

    name: str
    pid: int
    ready: bool
    uptime_seconds: float
    restarts: int
    memory_bytes: int
    last_exit: str | None
    last_words: str = ""


@dataclass(frozen=True)
class Outbox:
    """Aggregates with unsent events in one collection, and the age of the oldest such event."""

    service: str
    collection: str
    unsent: int
    oldest_seconds: float


@dataclass(frozen=True)
class Status:
    data_dir: str
    supervisor_pid: int | None
    phase: str
    processes: list[ProcessStatus] = field(default_factory=list)
    consumers: list[ConsumerLag] = field(default_factory=list)
    outboxes: list[Outbox] = field(default_factory=list)
    dead_letters: list[DeadLetters] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return self.phase == "ready" and not self.problems and all(process.ready for process in self.processes)


def collect(data: DataDirectory) -> Status:
    """What cannot be asked is named among the problems; the rest is answered all the same."""
    holder = data.holder()
    if holder is None:
        return Status(str(data.root), None, "stopped")
    state, endpoints = read_json(data.state), read_json(data.endpoints)
    processes = [_process(name, known) for name, known in state.get("processes", {}).items()]
    status = Status(str(data.root), holder, state.get("phase", "starting"), processes)
    if endpoints:
        _add_kafka(status, KafkaAccess(**endpoints["kafka"]))
        _add_outboxes(status, endpoints["mongodb"])
    return status


def _process(name: str, known: dict[str, Any]) -> ProcessStatus:
    uptime = time.time() - known["started_at"]
    return ProcessStatus(
        name,
        known["pid"],
        known["ready"],
        uptime,
        known["restarts"],
        _memory(known["pid"]),
        known["last_exit"],
        known.get("last_words", ""),
    )


def _memory(pid: int) -> int:
    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        return total
    return total


def _add_kafka(status: Status, access: KafkaAccess) -> None:
    try:
        status.consumers.extend(consumer_lag(access))
        status.dead_letters.extend(dead_letters(access))
    except NotReady as answer:
        status.problems.append(str(answer))


def _add_outboxes(status: Status, uri: str) -> None:
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=_MONGODB_MILLISECONDS) as client:
            for service in SERVICES:
                database = client[service_database(service)]
                for name in database.list_collection_names():
                    for index, definition in database[name].index_information().items():
                        if definition["key"][0][0] == OUTBOX_INDEX_KEY:
                            status.outboxes.append(_outbox(service, database[name], index, definition))
    except PyMongoError as error:
        status.problems.append(f"MongoDB answers: {error}")


def _outbox(service: str, collection: Any, index: str, definition: dict[str, Any]) -> Outbox:
    """Two index reads: a partial index serves exactly the filter that it was made with."""
    unsent = definition.get("partialFilterExpression", {OUTBOX_INDEX_KEY: {"$exists": True}})
    count = collection.count_documents(unsent, hint=index)
    oldest = collection.find_one(unsent, {OUTBOX_INDEX_KEY: 1}, sort=[(OUTBOX_INDEX_KEY, 1)], hint=index)
    events = (oldest or {}).get("events") or []
    return Outbox(service, collection.name, count, max((_age(event["at"]) for event in events), default=0.0))


def _age(moment: datetime) -> float:
    return (datetime.now(UTC) - moment.replace(tzinfo=UTC)).total_seconds()
