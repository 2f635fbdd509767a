"""`annostream up` as a whole: what it refuses, what it restarts, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from pymongo import MongoClient

from annostream_embedded import stack
from annostream_embedded.child import has_ended
from annostream_embedded.errors import EmbeddedError
from annostream_embedded.kafka_access import KafkaAccess
from annostream_embedded.s3_request import S3Access, send
from annostream_embedded.stack import Stack
from tests.component.embedded.conftest import DUMMY_SERVICES

TOPIC = "annostream.ingest.requests.v1"


def annostream(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "annostream_embedded", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def wait_until(holds: Callable[[], bool], timeout_seconds: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if not has_ended(pid)]


def everyone(running: Stack) -> list[int]:
    """The supervisor, its guardian, servers and services, and the child of each dummy service."""
    supervisor = psutil.Process(running.pid)
    return [supervisor.pid, *(one.pid for one in supervisor.children(recursive=True))]


def put_everywhere(endpoints: dict[str, Any], key: str) -> None:
    with MongoClient[Any](endpoints["mongodb"]) as client:
        client.annostream_ingest.probe.insert_one({"_id": key})
    producer = Producer({**KafkaAccess(**endpoints["kafka"]).client_config(), "acks": "all"})
    producer.produce(TOPIC, key.encode(), partition=0)
    assert producer.flush(10) == 0
    assert send(S3Access(**endpoints["s3"]), "PUT", f"/annostream/{key}", key.encode()) == 200


def is_everywhere(endpoints: dict[str, Any], key: str) -> bool:
    with MongoClient[Any](endpoints["mongodb"]) as client:
        in_mongodb = client.annostream_ingest.probe.find_one({"_id": key}) is not None
    in_s3 = send(S3Access(**endpoints["s3"]), "GET", f"/annostream/{key}") == 200
    return in_mongodb and in_s3 and key.encode() in records(endpoints)


def records(endpoints: dict[str, Any]) -> list[bytes | None]:
    consumer = Consumer({**KafkaAccess(**endpoints["kafka"]).client_config(), "group.id": "client-test"})
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        _, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=10)
        return [message.value() for message in consumer.consume(end, timeout=10)]
    finally:
        consumer.close()


def signing_keys(data_dir: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (data_dir / "identity" / "keys").iterdir()}


def test_endpoints_say_how_to_reach_everything(running: Stack) -> None:
    found = running.endpoints
    assert set(found) == {"grpc", "grpc_replicas", "kafka", "mongodb", "s3", "token", "pid"}
    assert set(found["grpc"]) == {"ingest", "annotate", "export"}
    assert found["grpc_replicas"]["ingest"] == [found["grpc"]["ingest"]]
    key = jwt.PyJWK(json.loads((running.data_dir / "identity" / "jwks.json").read_text())["keys"][0])
    claims = jwt.decode(found["token"], key, algorithms=["EdDSA"], audience="annostream", issuer="annostream")
    assert (claims["sub"], claims["roles"]) == ("users/owner", ["owner"])


def test_a_second_up_on_the_same_data_is_refused_by_naming_the_first(running: Stack) -> None:
    second = annostream("up", "--data-dir", str(running.data_dir), "--ports-from", "0")
    assert second.returncode == 1
    assert f"process {running.pid}" in second.stderr
    assert "annostream down" in second.stderr


def test_a_port_in_use_is_refused_by_naming_who_has_it(running: Stack, tmp_path: Path) -> None:
    first_port = running.endpoints["grpc"]["ingest"].split(":")[1]
    second = annostream("up", "--data-dir", str(tmp_path), "--ports-from", first_port)
    assert second.returncode == 1
    assert f"Port {first_port} is in use" in second.stderr
    assert str(running.processes["ingest-1"]) in second.stderr
    assert "--ports-from" in second.stderr


def test_status_shows_each_process_and_what_waits(running: Stack) -> None:
    with MongoClient[Any](running.endpoints["mongodb"]) as client:
        assets = client.annostream_ingest.assets
        assets.create_index("events.at", partialFilterExpression={"events.at": {"$exists": True}})
        assets.insert_one({"events": [{"at": datetime.now(UTC) - timedelta(hours=1)}]})
    shown = json.loads(annostream("status", "--json", "--data-dir", str(running.data_dir)).stdout)
    assert {one["name"]: one["pid"] for one in shown["processes"]} == running.processes
    assert all(one["memory_bytes"] > 1024**2 and one["uptime_seconds"] > 0 for one in shown["processes"])
    [outbox] = shown["outboxes"]
    assert (outbox["service"], outbox["collection"], outbox["unsent"]) == ("ingest", "assets", 1)
    assert outbox["oldest_seconds"] == pytest.approx(3600, abs=60)
    assert f"{TOPIC}.dlq" in {one["topic"] for one in shown["dead_letters"]}
    assert shown["problems"] == []


def test_status_shows_how_far_a_consumer_is_behind(running: Stack) -> None:
    access = KafkaAccess(**running.endpoints["kafka"])
    producer = Producer(access.client_config())
    for number in range(5):
        producer.produce(TOPIC, str(number).encode(), partition=3)
    producer.flush(10)
    consumer = Consumer({**access.client_config(), "group.id": "client-behind"})
    consumer.commit(offsets=[TopicPartition(TOPIC, 3, 2)], asynchronous=False)
    consumer.close()
    shown = json.loads(annostream("status", "--json", "--data-dir", str(running.data_dir)).stdout)
    assert {"group": "client-behind", "topic": TOPIC, "lag": 3} in shown["consumers"]


def test_logs_are_shown_by_service(running: Stack) -> None:
    shown = annostream("logs", "ingest", "--data-dir", str(running.data_dir))
    assert "grandchild" in shown.stdout
    unknown = annostream("logs", "ingset", "--data-dir", str(running.data_dir))
    assert unknown.returncode == 1
    assert "ingest-1" in unknown.stderr


def test_brought_servers_are_used_and_a_killed_service_is_started_again(
    brought_servers: dict[str, str], running: Stack, tmp_path: Path
) -> None:
    with stack.start(tmp_path, replicas=2, environment=brought_servers) as second:
        assert set(second.processes) == {f"{name}-{n}" for name in ("ingest", "annotate", "export") for n in (1, 2)}
        assert second.endpoints["mongodb"] == running.endpoints["mongodb"]
        environment = psutil.Process(second.processes["export-2"]).environ()
        assert environment["ANNOSTREAM_S3_ENDPOINT_URL"] == running.endpoints["s3"]["endpoint_url"]
        killed = second.kill("ingest-2")
        second.wait_until_ready("ingest-2", other_than=killed)
        processes = everyone(second)
        os.kill(second.pid, signal.SIGHUP)
        wait_until(lambda: not alive(processes))


def test_a_service_that_cannot_start_is_named_with_its_last_words(
    brought_servers: dict[str, str], tmp_path: Path
) -> None:
    broken = f"{sys.executable} -c 'raise SystemExit(\"no licence to label\")'"
    commands = {**brought_servers, "ANNOSTREAM_SERVICE_COMMANDS": json.dumps({"ingest": broken})}
    with pytest.raises(EmbeddedError, match=r"ingest-1 died: exit code 1[\s\S]*no licence to label"):
        stack.start(tmp_path, replicas=1, environment=commands)


def test_a_killed_service_takes_its_own_children_with_it(running: Stack) -> None:
    [grandchild] = psutil.Process(running.processes["export-1"]).children()
    killed = running.kill("export-1")
    running.wait_until_ready("export-1", other_than=killed)
    assert not alive([grandchild.pid])


@pytest.mark.parametrize("server", ["mongodb", "s3", "kafka"])
def test_a_killed_server_comes_back_with_all_it_had_acknowledged(running: Stack, server: str) -> None:
    put_everywhere(running.endpoints, f"before-{server}")
    killed = running.kill(server)
    running.wait_until_ready(server, other_than=killed)
    wait_until(lambda: is_everywhere(running.endpoints, f"before-{server}"))


def test_a_killed_supervisor_leaves_nothing_and_the_next_finds_all_data(tmp_path: Path) -> None:
    first = stack.start(tmp_path, replicas=1, environment=DUMMY_SERVICES)
    put_everywhere(first.endpoints, "kept")
    processes, key = everyone(first), signing_keys(tmp_path)
    assert len(processes) == 1 + 1 + 3 + 2 * 3
    os.kill(first.pid, signal.SIGKILL)
    first.stop()
    wait_until(lambda: not alive(processes))
    (tmp_path / "ports.json").unlink()  # so that the next one starts on other ports
    with stack.start(tmp_path, replicas=1, environment=DUMMY_SERVICES) as second:
        assert is_everywhere(second.endpoints, "kept")
        assert signing_keys(tmp_path) == key
        processes = everyone(second)
        stopped = annostream("down", "--data-dir", str(tmp_path))
        assert stopped.returncode == 0
        assert not alive(processes)
        assert not (tmp_path / "endpoints.json").exists()
