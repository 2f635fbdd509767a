"""What every Kafka client of ours has in common: its arguments, and what its errors mean."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.helpers import create_ssl_context

from annostream_kit.errors import DependencyAwayError, MisconfiguredError
from annostream_kit.records import Record
from annostream_kit.settings import ServiceSettings

STOP_SECONDS = 3.0
_FORBIDDEN = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)


@contextmanager
def kafka_errors() -> Iterator[None]:
    """What aiokafka raises, in our words."""
    try:
        yield
    except _FORBIDDEN as error:
        message = f"Kafka refuses this service's account: {error!r}. Its ACLs must allow what the service does."
        raise MisconfiguredError(message) from error
    except (MessageSizeTooLargeError, IllegalStateError):
        raise
    except (KafkaError, OSError) as error:
        raise DependencyAwayError(f"Kafka does not answer: {error!r}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # aiokafka cancels what waits on a connection that breaks: nobody has asked us to end.
        raise DependencyAwayError("Kafka's client gave up a call as its connection broke.") from error


def connection(settings: ServiceSettings, client: str) -> dict[str, Any]:
    """aiokafka's connection arguments. Any: they differ by type, and only this package sees them."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
        "client_id": f"annostream-{settings.service}-{client}",
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password,
        }
    if settings.kafka_security_protocol.endswith("SSL"):
        arguments["ssl_context"] = create_ssl_context()
    return arguments


def as_record(record: Any) -> Record:
    """aiokafka's record, without aiokafka."""
    return Record(
        topic=record.topic,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
    )
