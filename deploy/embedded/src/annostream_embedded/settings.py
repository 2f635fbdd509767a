"""What differs by machine or deployment: every limit of the embedded servers, read from ANNOSTREAM_* variables."""

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from annostream_embedded.errors import EmbeddedError
from annostream_kit.keys import KeyTimes

SERVICES = ("ingest", "annotate", "export")
# It serves HTTP, one process of it, and has no account with Kafka or S3.
GATEWAY = "gateway"
WITH_DATABASE = (*SERVICES, GATEWAY)


def user_cache_folder(environment: Mapping[str, str]) -> Path:
    """Where fetched files are shared between data directories."""
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "annostream"


@dataclass(frozen=True)
class Settings:
    """The environment's part of the configuration; the command line's part is `supervisor.Request`."""

    environment: Mapping[str, str] = field(repr=False)
    cache_folder: Path = Path()
    maven_repository: str | None = None
    mongod: str | None = None
    min_free_bytes: int = 1024**3
    max_log_bytes: int = 16 * 1024**2
    start_timeout_seconds: float = 120.0
    stop_timeout_seconds: float = 15.0
    owner_token_lifetime_seconds: int = 12 * 3600
    service_token_lifetime_seconds: int = 12 * 3600
    signing_key_rotate_seconds: int = 30 * 86400
    signing_key_publish_ahead_seconds: int = 3600
    signing_key_overlap_seconds: int = 7 * 86400
    restart_delay_seconds: float = 0.5
    max_restart_delay_seconds: float = 30.0
    kafka_heap_mebibytes: int = 384
    mongodb_cache_gigabytes: float = 0.5
    s3_cors_origins: str = ""
    service_commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        source = dict(os.environ if environment is None else environment)
        numbers = {
            name: _read(variable, source[variable], number)
            for name, number in _NUMBERS.items()
            if (variable := f"ANNOSTREAM_{name.upper()}") in source
        }
        return cls(
            environment=source,
            cache_folder=user_cache_folder(source),
            maven_repository=source.get("ANNOSTREAM_MAVEN_REPOSITORY"),
            mongod=source.get("ANNOSTREAM_MONGOD"),
            s3_cors_origins=source.get("ANNOSTREAM_S3_CORS_ORIGINS", ""),
            service_commands=_service_commands(source.get("ANNOSTREAM_SERVICE_COMMANDS")),
            **numbers,  # type: ignore[arg-type]  # each number's own type is in _NUMBERS
        )

    def external(self, server: str) -> bool:
        """True when the user brings this server: its own address is set."""
        return EXTERNAL_VARIABLES[server] in self.environment

    def key_times(self) -> KeyTimes:
        """The gateway reads the same variables."""
        return KeyTimes(
            self.signing_key_rotate_seconds, self.signing_key_publish_ahead_seconds, self.signing_key_overlap_seconds
        )


EXTERNAL_VARIABLES = {
    "mongodb": "ANNOSTREAM_MONGODB_URI",
    "kafka": "ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS",
    "s3": "ANNOSTREAM_S3_ENDPOINT_URL",
}


def _read(variable: str, text: str, number: type[int] | type[float]) -> float:
    try:
        return number(text)
    except ValueError as error:
        kind = "whole number" if number is int else "number"
        raise EmbeddedError(f"{variable} must be a {kind}, not {text!r}.") from error


_NUMBERS: dict[str, type[int] | type[float]] = {
    "min_free_bytes": int,
    "max_log_bytes": int,
    "start_timeout_seconds": float,
    "stop_timeout_seconds": float,
    "owner_token_lifetime_seconds": int,
    "service_token_lifetime_seconds": int,
    "signing_key_rotate_seconds": int,
    "signing_key_publish_ahead_seconds": int,
    "signing_key_overlap_seconds": int,
    "restart_delay_seconds": float,
    "max_restart_delay_seconds": float,
    "kafka_heap_mebibytes": int,
    "mongodb_cache_gigabytes": float,
}


def _service_commands(text: str | None) -> dict[str, tuple[str, ...]]:
    """{"ingest": "command line", …} as JSON; the console scripts beside this Python when unset."""
    if text is None:
        return {name: (f"annostream-{name}",) for name in (*SERVICES, GATEWAY)}
    try:
        return {str(name): tuple(shlex.split(line)) for name, line in json.loads(text).items()}
    except (ValueError, AttributeError) as error:
        raise EmbeddedError(
            'ANNOSTREAM_SERVICE_COMMANDS must be JSON like {"ingest": "annostream-ingest"}; it is ' + repr(text)
        ) from error
