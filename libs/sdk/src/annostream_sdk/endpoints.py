"""Where an Annostream is and how one is let in: endpoints.json of a running one, addresses from the environment, or
what `annostream login` has kept.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import orjson

from annostream_sdk.errors import AnnostreamError
from annostream_sdk.gateway import Gateway
from annostream_sdk.stored_login import StoredLogin, find_login

SERVICES = ("ingest", "annotate", "export")
DEFAULT_DATA_DIR = ".annostream"


@dataclass(frozen=True)
class KafkaConnection:
    """How to reach Kafka. security_protocol: PLAINTEXT, SASL_PLAINTEXT, SASL_SSL or SSL."""

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-256"
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Endpoints:
    """grpc: service name -> addresses (host:port) of its replicas. path: the file to read a newer token from.

    login: the log-in to exchange for a newer token.
    """

    grpc: Mapping[str, tuple[str, ...]]
    token: str = field(default="", repr=False)
    kafka: KafkaConnection | None = None
    path: Path | None = None
    login: StoredLogin | None = None


def find_endpoints(path: str | Path | None = None, environment: Mapping[str, str] = os.environ) -> Endpoints:
    """The path given, else ANNOSTREAM_ENDPOINTS, else endpoints.json in ANNOSTREAM_DATA_DIR or else in
    ./.annostream, else addresses in the environment, else what `annostream login` has kept.

    ANNOSTREAM_<SERVICE>_ADDRESS, ANNOSTREAM_TOKEN and ANNOSTREAM_KAFKA_* win over the same things found otherwise.
    Raises AnnostreamError: ENDPOINTS_NOT_FOUND, INVALID_ENDPOINTS, INVALID_LOGIN_FILE, and what the gateway refuses
    (API_TOKEN_INVALID: log in again).
    """
    named = path or environment.get("ANNOSTREAM_ENDPOINTS")
    data_dir = environment.get("ANNOSTREAM_DATA_DIR")
    default = Path(data_dir or DEFAULT_DATA_DIR) / "endpoints.json"
    addresses = _addresses(environment)
    login = None if named or data_dir or addresses or default.exists() else find_login(environment)
    if named is None and addresses and not default.exists():
        found = Endpoints(grpc={})
    elif login:
        found = _logged_in(login)
    else:
        found = read_endpoints(Path(named or default))
    token = environment.get("ANNOSTREAM_TOKEN")
    return Endpoints(
        grpc={**found.grpc, **addresses},
        token=token or found.token,
        kafka=kafka_from_environment(environment, found.kafka),
        path=None if token else found.path,
        login=None if token else found.login,
    )


def _logged_in(login: StoredLogin) -> Endpoints:
    exchanged = Gateway(login.address).exchange(login.api_token)
    return Endpoints(grpc=exchanged.grpc, token=exchanged.access_token, login=login)


def read_endpoints(path: Path) -> Endpoints:
    """Raises AnnostreamError: ENDPOINTS_NOT_FOUND, INVALID_ENDPOINTS."""
    try:
        document = cast(Mapping[str, object], orjson.loads(path.read_bytes()))
        return _endpoints(document, path)
    except FileNotFoundError as error:
        raise AnnostreamError(
            "ENDPOINTS_NOT_FOUND",
            f"No Annostream found: there is no {path}. Start one with `annostream up`, log in to one with "
            "`annostream login`, or say where it is with --endpoints.",
            {"path": str(path)},
        ) from error
    except OSError as error:
        raise AnnostreamError(
            "INVALID_ENDPOINTS", f"{path} cannot be read: {error.strerror}.", {"path": str(path)}
        ) from error
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise AnnostreamError(
            "INVALID_ENDPOINTS",
            f"{path} is no endpoints.json as `annostream up` writes it: {_what_is_wrong(error)}. Name the "
            "right one with --endpoints.",
            {"path": str(path)},
        ) from error


def _what_is_wrong(error: Exception) -> str:
    match error:
        case orjson.JSONDecodeError():
            return "it is not JSON"
        case KeyError():
            return f"it has no {error.args[0]!r}"
        case _:
            return "its JSON has another form"


def kafka_from_environment(
    environment: Mapping[str, str] = os.environ, otherwise: KafkaConnection | None = None
) -> KafkaConnection | None:
    """ANNOSTREAM_KAFKA_* wins field by field; another broker's address takes nothing from `otherwise`."""
    values = {
        name: environment[f"ANNOSTREAM_KAFKA_{name.upper()}"]
        for name in ("bootstrap_servers", "security_protocol", "sasl_mechanism", "username", "password")
        if environment.get(f"ANNOSTREAM_KAFKA_{name.upper()}")
    }
    if otherwise is None or values.get("bootstrap_servers", otherwise.bootstrap_servers) != otherwise.bootstrap_servers:
        return KafkaConnection(**values) if "bootstrap_servers" in values else otherwise
    return KafkaConnection(**{**_fields(otherwise), **values})


def _fields(connection: KafkaConnection) -> dict[str, str]:
    return {name: getattr(connection, name) for name in connection.__dataclass_fields__}


def _addresses(environment: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """ANNOSTREAM_INGEST_ADDRESS and its like: host:port, several of them with commas between."""
    found = {service: environment.get(f"ANNOSTREAM_{service.upper()}_ADDRESS", "") for service in SERVICES}
    return {service: tuple(part.strip() for part in text.split(",")) for service, text in found.items() if text}


def _endpoints(document: Mapping[str, object], path: Path) -> Endpoints:
    one = cast(Mapping[str, str], document["grpc"])
    many = cast(Mapping[str, list[str]], document.get("grpc_replicas") or {})
    kafka = cast(Mapping[str, str] | None, document.get("kafka"))
    known = KafkaConnection.__dataclass_fields__
    return Endpoints(
        grpc={service: tuple(many.get(service) or [one[service]]) for service in one},
        token=str(document.get("token") or ""),
        kafka=KafkaConnection(**{name: text for name, text in kafka.items() if name in known}) if kafka else None,
        path=path,
    )
