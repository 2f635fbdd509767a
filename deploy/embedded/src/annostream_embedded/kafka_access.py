"""Who may do what on Kafka: a table of principals, and the ACLs that follow from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports these without saying so
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from annostream_embedded.credentials import KAFKA_CLIENT
from annostream_embedded.errors import NotReady

DOOR = "annostream.ingest.requests.v1"
OWN_TOPIC = {service: f"annostream.{service}.v1" for service in ("ingest", "annotate", "export")}
LISTENS_TO = {
    "ingest": (DOOR, OWN_TOPIC["annotate"]),
    "annotate": (OWN_TOPIC["ingest"], OWN_TOPIC["annotate"], OWN_TOPIC["export"]),
    "export": (OWN_TOPIC["ingest"], OWN_TOPIC["annotate"], OWN_TOPIC["export"]),
}
_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class KafkaAccess:
    """How one principal reaches Kafka."""

    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str
    username: str
    password: str = field(repr=False)

    def endpoint(self) -> dict[str, str]:
        return dict(self.__dict__)

    def environment(self) -> dict[str, str]:
        return {f"ANNOSTREAM_KAFKA_{name.upper()}": value for name, value in self.__dict__.items()}

    def client_config(self) -> dict[str, Any]:
        """For librdkafka, kept quiet: who calls sees the error that matters as an exception."""
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "log_level": 0,
            "error_cb": lambda _error: None,
            "socket.connection.setup.timeout.ms": 2000,
            "reconnect.backoff.max.ms": 500,
        }
        if self.security_protocol.startswith("SASL"):
            config |= {"sasl.mechanism": self.sasl_mechanism}
            config |= {"sasl.username": self.username, "sasl.password": self.password}
        return config


@dataclass(frozen=True)
class Grant:
    """One ACL: `kind` is topic or group, `prefixed` whether `name` is only the beginning of a name."""

    principal: str
    operation: str
    kind: str
    name: str
    prefixed: bool = False
    denied: bool = False


def grants() -> Iterator[Grant]:
    for service, topics in LISTENS_TO.items():
        yield from _service_grants(service, topics)
    yield from _client_grants()


def _service_grants(service: str, topics: tuple[str, ...]) -> Iterator[Grant]:
    # The prefix covers a service's own topic, its doors and the dead letters of both.
    own = f"annostream.{service}."
    yield Grant(service, "write", "topic", own, prefixed=True)
    yield Grant(service, "read", "topic", own, prefixed=True)
    for topic in topics:
        yield Grant(service, "read", "topic", topic)
        yield Grant(service, "write", "topic", f"{topic}.dlq")
    yield Grant(service, "read", "group", f"annostream-{service}", prefixed=True)


def _client_grants() -> Iterator[Grant]:
    yield Grant(KAFKA_CLIENT, "read", "topic", "annostream.", prefixed=True)
    for topic in (DOOR, *OWN_TOPIC.values()):
        yield Grant(KAFKA_CLIENT, "write", "topic", topic)  # the door, and the replay of dead letters
    yield Grant(KAFKA_CLIENT, "describe", "group", "*")
    yield Grant(KAFKA_CLIENT, "read", "group", "*")
    # A reader from outside takes any group's name but a service's, whose partitions it would take with it.
    yield Grant(KAFKA_CLIENT, "read", "group", "annostream-", prefixed=True, denied=True)


def grant_all(access: KafkaAccess) -> None:
    """Raises NotReady until the broker answers its admin and has taken every grant; safe to repeat."""
    try:
        client = AdminClient(access.client_config())
        client.list_topics(timeout=_TIMEOUT_SECONDS)
        taken = client.create_acls([_binding(grant) for grant in grants()], request_timeout=_TIMEOUT_SECONDS)
        for future in taken.values():
            future.result()
    except KafkaException as error:
        raise NotReady(f"Kafka answers: {error}") from error


def _binding(grant: Grant) -> Any:
    return AclBinding(
        ResourceType[grant.kind.upper()],
        grant.name,
        ResourcePatternType.PREFIXED if grant.prefixed else ResourcePatternType.LITERAL,
        f"User:{grant.principal}",
        "*",
        AclOperation[grant.operation.upper()],
        AclPermissionType.DENY if grant.denied else AclPermissionType.ALLOW,
    )
