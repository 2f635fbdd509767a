"""The same stack for tests with MongoDB, Kafka and S3 in containers: ANNOSTREAM_TEST_STACK=containers.

The servers count as brought by the user: no credentials but S3's, and no process of theirs to kill by name.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from annostream_embedded import s3_cors, stack
from annostream_embedded.data_directory import DataDirectory
from annostream_embedded.errors import EmbeddedError, NotReady
from annostream_embedded.mongodb import REPLICA_SET
from annostream_embedded.ports import LOOPBACK, choose
from annostream_embedded.s3 import BUCKET, REGION
from annostream_embedded.s3_request import S3Access, send
from annostream_embedded.settings import Settings

CHOICE = "ANNOSTREAM_TEST_STACK"
# Images by setting, each with its default.
IMAGES = {
    "ANNOSTREAM_TEST_IMAGE_MONGODB": "mongo:7.0.28",
    "ANNOSTREAM_TEST_IMAGE_KAFKA": "apache/kafka:4.3.1",
    "ANNOSTREAM_TEST_IMAGE_S3": "chrislusf/seaweedfs:4.48",
}
_READY_SECONDS = 120.0
_LOG_LINES = 20


@dataclass(frozen=True)
class _Server:
    """One server to run: the setting that names its image, its port inside and outside, how to ask if it is ready."""

    setting: str
    port: int
    probe: Callable[[], None]
    command: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        return os.environ.get(self.setting, IMAGES[self.setting])


@contextmanager
def stack_for_tests(
    data_dir: Path, replicas: int = 2, services: bool = True, *, environment: Mapping[str, str] | None = None
) -> Iterator[stack.Stack]:
    """Embedded servers, or containers where the setting says so. Raises EmbeddedError when no engine answers."""
    with ExitStack() as opened:
        brought = opened.enter_context(_servers(data_dir)) if in_containers() else {}
        added = {**(environment or {}), **brought}
        yield opened.enter_context(stack.start(data_dir, 0, replicas, services, environment=added))


def in_containers() -> bool:
    return os.environ.get(CHOICE) == "containers"


def missing_engine() -> str | None:
    """Why containers cannot be had here, for a skip; None where they can, or are not asked for."""
    if not in_containers():
        return None
    try:
        from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415  # of the development tools

        engine = DockerClient().client
        engine.ping()
        engine.close()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the reason of the skip
        return f"{CHOICE}=containers, and no Docker engine answers: {error}"
    return None


@contextmanager
def _servers(data_dir: Path) -> Iterator[dict[str, str]]:
    if reason := missing_engine():
        raise EmbeddedError(reason)
    ports = choose(DataDirectory.at(data_dir), 0, 1)
    mongodb, kafka, s3 = (ports.server(name) for name in ("mongodb", "kafka", "s3"))
    access = S3Access(f"http://{LOOPBACK}:{s3}", REGION, secrets.token_hex(10), secrets.token_hex(20), BUCKET)
    allowed = s3_cors.origins(Settings.from_environment(), ports)
    servers = (_mongodb(mongodb), _kafka(kafka), _s3(s3, access, allowed))
    with ExitStack() as running:
        containers = [running.enter_context(_container(server)) for server in servers]
        for server, container in zip(servers, containers, strict=True):
            _wait_until_ready(server, container)
        yield {
            "ANNOSTREAM_MONGODB_URI": f"mongodb://{LOOPBACK}:{mongodb}/?replicaSet={REPLICA_SET}",
            "ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{kafka}",
            **access.environment(),
        }


@contextmanager
def _container(server: _Server) -> Iterator[Any]:
    """The same port inside and outside, for each server tells its clients its own address."""
    from docker.errors import DockerException  # type: ignore[import-untyped]  # noqa: PLC0415  # has no stubs
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415  # of the development tools

    # Any: its ports are typed without the address that they take.
    container: Any = DockerContainer(server.image, command=server.command, env=dict(server.environment))
    # Not with_bind_ports: that opens servers without passwords to the network.
    container.ports = {f"{server.port}/tcp": (LOOPBACK, server.port)}
    try:
        container.start()
    except DockerException as error:
        container.stop()
        raise EmbeddedError(
            f"No container of {server.image} could be started: {error}. {server.setting} names another image."
        ) from error
    try:
        yield container
    finally:
        container.stop()


def _wait_until_ready(server: _Server, container: Any) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            return server.probe()
        except NotReady as answer:
            container.reload()
            if container.status != "running" or time.monotonic() > deadline:
                log = container.get_wrapped_container().logs(tail=_LOG_LINES).decode(errors="replace")
                raise EmbeddedError(
                    f"The container of {server.image} is {container.status}, not ready: {answer}. It says last:\n{log}"
                ) from answer
            time.sleep(0.2)


def _mongodb(port: int) -> _Server:
    command = f"mongod --replSet {REPLICA_SET} --bind_ip_all --port {port} --wiredTigerCacheSizeGB 0.5 --oplogSize 990"
    return _Server("ANNOSTREAM_TEST_IMAGE_MONGODB", port, partial(_probe_mongodb, port), command)


def _kafka(port: int) -> _Server:
    """Every property of ours: the image takes none of its own defaults once one is set."""
    properties = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://{LOOPBACK}:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "OFFSETS_TOPIC_NUM_PARTITIONS": "8",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
        "HEAP_OPTS": "-Xms384m -Xmx384m",
        "JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
    environment = {f"KAFKA_{name}": value for name, value in properties.items()}
    return _Server("ANNOSTREAM_TEST_IMAGE_KAFKA", port, partial(_probe_kafka, port), environment=environment)


def _s3(port: int, access: S3Access, allowed: list[str]) -> _Server:
    """The image would set aside 1 GiB for each volume."""
    keys = {"AWS_ACCESS_KEY_ID": access.access_key, "AWS_SECRET_ACCESS_KEY": access.secret_key}
    command = f"server -s3 -s3.port={port} -volume.max=100 -master.volumePreallocate=false -master.telemetry=false"
    command += " -master.raftHashicorp -master.raftBootstrap -master.electionTimeout=1s"
    return _Server("ANNOSTREAM_TEST_IMAGE_S3", port, partial(_probe_s3, access, allowed), command, keys)


def _probe_mongodb(port: int) -> None:
    try:
        with MongoClient[Any](LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=1000) as client:
            if client.admin.command("hello").get("isWritablePrimary"):
                return
            members = [{"_id": 0, "host": f"{LOOPBACK}:{port}"}]
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
    except OperationFailure:
        pass  # initiated already: it is electing itself
    except PyMongoError as error:
        raise NotReady(f"MongoDB answers: {error}") from error
    raise NotReady("MongoDB is not the primary yet")


def _probe_kafka(port: int) -> None:
    try:
        AdminClient({"bootstrap.servers": f"{LOOPBACK}:{port}", "log_level": 0}).list_topics(timeout=2)
    except KafkaException as error:
        raise NotReady(f"Kafka answers: {error}") from error


def _probe_s3(access: S3Access, allowed: list[str]) -> None:
    """A listing answers before a write does, so the probe is a real write."""
    made = send(access, "PUT", f"/{access.bucket}")
    probed = send(access, "PUT", f"/{access.bucket}/.annostream/probe", b"ready")
    if made not in {200, 409} or probed != 200:
        raise NotReady(f"S3 answers {made} to the bucket, {probed} to an object")
    s3_cors.allow(access, allowed)
