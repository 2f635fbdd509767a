"""The real servers that tests run against, and the settings of a service that uses them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annostream_embedded.credentials import load_or_create
from annostream_embedded.data_directory import DataDirectory
from annostream_embedded.identity import Identity
from annostream_embedded.stack import Stack

# After which a killed process has left its consumer group: tests that kill wait for it.
KAFKA_SESSION_SECONDS = 3


@dataclass(frozen=True)
class Servers:
    """MongoDB, Kafka with all topics, and S3. `stack` is None where the suite uses one that runs already."""

    data: DataDirectory
    stack: Stack | None = None

    @property
    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.data.endpoints.read_text())
        return found

    @property
    def jwks_file(self) -> Path:
        return Identity.load(self.data).jwks_file

    def mint(
        self, subject: str = "users/owner", roles: Sequence[str] = ("owner",), lifetime_seconds: int = 3600
    ) -> str:
        """A token as `annostream token` makes it."""
        return Identity.load(self.data).mint(subject, roles, lifetime_seconds)

    def metadata(self, subject: str = "users/owner", role: str = "owner") -> tuple[tuple[str, str], ...]:
        """gRPC metadata of one call."""
        return (("authorization", f"Bearer {self.mint(subject, [role])}"),)

    def environment(self, service: str, *, database: str = "", kafka_principal: str = "") -> dict[str, str]:
        """The ANNOSTREAM_* variables of a service process, with a database of its own unless one is named.

        Kafka sees the service's own principal, whose rights production has too; `kafka_principal` names another.
        """
        endpoints, secret = self.endpoints, load_or_create(self.data)
        kafka, s3 = endpoints["kafka"], endpoints["s3"]
        principal = kafka_principal or service
        token_file = Identity.load(self.data).token_file(service)
        return {
            "ANNOSTREAM_SERVICE": service,
            "ANNOSTREAM_GRPC_LISTEN": "127.0.0.1:0",
            "ANNOSTREAM_MONGODB_URI": endpoints["mongodb"],
            "ANNOSTREAM_MONGODB_DATABASE": database or fresh_name(f"test_{service}"),
            "ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS": kafka["bootstrap_servers"],
            "ANNOSTREAM_KAFKA_SECURITY_PROTOCOL": kafka["security_protocol"],
            "ANNOSTREAM_KAFKA_SASL_MECHANISM": kafka["sasl_mechanism"],
            "ANNOSTREAM_KAFKA_USERNAME": principal,
            "ANNOSTREAM_KAFKA_PASSWORD": secret.kafka.get(principal, ""),
            "ANNOSTREAM_KAFKA_SESSION_TIMEOUT_SECONDS": str(KAFKA_SESSION_SECONDS),
            **{f"ANNOSTREAM_S3_{name.upper()}": value for name, value in s3.items()},
            "ANNOSTREAM_JWKS_FILE": str(self.jwks_file),
            "ANNOSTREAM_SIGNING_KEYS_FOLDER": str(Identity.load(self.data).keys_folder),
            "ANNOSTREAM_SERVICE_TOKEN_FILE": str(token_file),
            "ANNOSTREAM_LOG_LEVEL": os.environ.get("ANNOSTREAM_LOG_LEVEL", "INFO"),
        }


def fresh_name(prefix: str) -> str:
    """A name that no other test has: databases, projects and topics of tests never meet."""
    return f"{prefix}_{secrets.token_hex(5)}"
