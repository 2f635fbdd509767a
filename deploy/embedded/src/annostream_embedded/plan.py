"""The plan of one start: which servers and services run, where, and with whose credentials."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annostream_embedded import credentials, ports, services
from annostream_embedded.credentials import KAFKA_ADMIN
from annostream_embedded.external import ExternalKafka, ExternalMongoDB, ExternalS3
from annostream_embedded.identity import Identity
from annostream_embedded.kafka import Kafka
from annostream_embedded.kafka_access import KafkaAccess
from annostream_embedded.mongodb import MongoDB
from annostream_embedded.ports import Ports
from annostream_embedded.s3 import S3
from annostream_embedded.server import Program
from annostream_embedded.settings import SERVICES, Settings

if TYPE_CHECKING:
    from annostream_embedded.supervisor import Request


@dataclass(frozen=True)
class Plan:
    ports: Ports
    identity: Identity
    mongodb: MongoDB | ExternalMongoDB
    kafka: Kafka | ExternalKafka
    s3: S3 | ExternalS3
    services: Sequence[Program]

    @property
    def servers(self) -> list[Program]:
        """The embedded ones: these are ours to start."""
        return [backend for backend in (self.mongodb, self.kafka, self.s3) if isinstance(backend, MongoDB | Kafka | S3)]

    @property
    def http(self) -> str | None:
        """The address of the web page, where the gateway is started."""
        served = any(isinstance(program, services.Gateway) for program in self.services)
        return self.ports.http_address() if served else None

    def kafka_admin(self) -> KafkaAccess:
        return self.kafka.access(KAFKA_ADMIN)


def make_plan(request: "Request", settings: Settings) -> Plan:
    """Chooses ports, makes what is made once for a data directory. Raises EmbeddedError when a port is taken."""
    data, environment = request.data, settings.environment
    chosen = ports.choose(data, request.ports_from, request.replicas)
    secrets = credentials.load_or_create(data)
    identity = Identity.load_or_create(data, settings.key_times())
    identity.write_service_tokens(SERVICES, settings.service_token_lifetime_seconds)
    mongodb = (
        ExternalMongoDB.from_environment(environment)
        if settings.external("mongodb")
        else MongoDB(data.server("mongodb"), chosen.server("mongodb"), secrets, settings)
    )
    kafka = (
        ExternalKafka.from_environment(environment)
        if settings.external("kafka")
        else Kafka(data.server("kafka"), chosen.server("kafka"), chosen.server("kafka_controller"), secrets, settings)
    )
    s3 = (
        ExternalS3.from_environment(environment)
        if settings.external("s3")
        else S3(data.server("s3"), chosen, secrets, settings)
    )
    backends = {"mongodb": mongodb, "kafka": kafka, "s3": s3}
    started: list[Program] = []
    if request.services:
        started += services.replicas(chosen, identity, backends, data.root, settings)
        started += services.gateways(chosen, identity, backends, data.root, settings)
    return Plan(chosen, identity, mongodb, kafka, s3, started)
