"""How a client is let in, and what its failures mean in our words."""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError

from annostream_sdk.endpoints import KafkaConnection
from annostream_sdk.errors import SERVER_NOT_THERE, AnnostreamError

# What aiokafka logs on the way to an error is said once, by the error.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def settings_of(connection: KafkaConnection) -> dict[str, Any]:
    """What every client of aiokafka takes."""
    settings: dict[str, Any] = {
        "bootstrap_servers": connection.bootstrap_servers.split(","),
        "client_id": "annostream-client",
        "security_protocol": connection.security_protocol,
    }
    if connection.security_protocol.startswith("SASL"):
        settings |= {
            "sasl_mechanism": connection.sasl_mechanism,
            "sasl_plain_username": connection.username,
            "sasl_plain_password": connection.password,
        }
    if connection.security_protocol.endswith("SSL"):
        settings["ssl_context"] = ssl.create_default_context()
    return settings


@asynccontextmanager
async def errors_of(connection: KafkaConnection) -> AsyncIterator[None]:
    """Raises AnnostreamError: SERVER_NOT_THERE, KAFKA_REFUSED."""
    try:
        yield
    except KafkaConnectionError as error:
        raise AnnostreamError(
            SERVER_NOT_THERE,
            f"No Kafka that lets {connection.username or 'an anonymous caller'} in answers at "
            f"{connection.bootstrap_servers}. Start one with `annostream up`, or check "
            "ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS, ANNOSTREAM_KAFKA_SECURITY_PROTOCOL, ANNOSTREAM_KAFKA_USERNAME "
            "and ANNOSTREAM_KAFKA_PASSWORD.",
            {"address": connection.bootstrap_servers},
        ) from error
    except KafkaError as error:
        raise AnnostreamError("KAFKA_REFUSED", f"Kafka at {connection.bootstrap_servers} refused: {error}.") from error
