"""Annostream's own services as child processes: how a replica is started and when it is ready."""

import os
import shutil
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from annostream_embedded.errors import EmbeddedError, NotReady
from annostream_embedded.identity import Identity
from annostream_embedded.ports import LOOPBACK, Ports
from annostream_embedded.server import Backend, Command, Say
from annostream_embedded.settings import GATEWAY, SERVICES, Settings

_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
# HealthCheckRequest(service="") and HealthCheckResponse(status=SERVING), as they are on the wire.
_WHOLE_SERVER, _SERVING = b"", b"\x08\x01"
_PROBE_SECONDS = 2.0
_HEALTH_PATH = "/readyz"
# Proxies of the environment are for the world outside, not for our services.
_WITHOUT_PROXIES = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class ServiceReplica:
    service: str
    name: str
    address: str
    argv: tuple[str, ...]
    folder: Path
    stop_seconds: float
    environment: Mapping[str, str] = field(repr=False)

    def prepare(self, say: Say) -> None:
        self.argv = (_executable(self.argv[0]), *self.argv[1:])
        say(f"listens on {self.address}")

    def command(self) -> Command:
        return Command(self.argv, self.folder, {**os.environ, **self.environment})

    def make_ready(self) -> None:
        try:
            with grpc.insecure_channel(self.address) as channel:
                check = channel.unary_unary(_HEALTH_CHECK, request_serializer=bytes, response_deserializer=bytes)
                answer = check(_WHOLE_SERVER, timeout=_PROBE_SECONDS, wait_for_ready=False)
        except grpc.RpcError as error:
            raise NotReady(f"{self.name} answers {error.code().name}: {error.details()}") from error
        if answer != _SERVING:
            raise NotReady(f"{self.name} is up, and not serving yet")


@dataclass
class Gateway:
    """The one process that serves HTTP."""

    name: str
    address: str
    argv: tuple[str, ...]
    folder: Path
    stop_seconds: float
    environment: Mapping[str, str] = field(repr=False)

    def prepare(self, say: Say) -> None:
        self.argv = (_executable(self.argv[0]), *self.argv[1:])
        say(f"listens on {self.address}")

    def command(self) -> Command:
        return Command(self.argv, self.folder, {**os.environ, **self.environment})

    def make_ready(self) -> None:
        try:
            with _WITHOUT_PROXIES.open(self.address + _HEALTH_PATH, timeout=_PROBE_SECONDS):
                return
        except OSError as error:
            raise NotReady(f"{self.name} answers {error}") from error


def addresses(ports: Ports) -> dict[str, list[str]]:
    """Each service's replicas, as host:port."""
    return {
        service: [f"{LOOPBACK}:{ports.service(service, replica)}" for replica in range(ports.replicas)]
        for service in SERVICES
    }


def replicas(
    ports: Ports, identity: Identity, backends: Mapping[str, Backend], folder: Path, settings: Settings
) -> list[ServiceReplica]:
    """Every replica of every configured service."""
    return [
        ServiceReplica(
            service=service,
            name=f"{service}-{number}",
            address=address,
            argv=settings.service_commands[service],
            folder=folder,
            stop_seconds=settings.stop_timeout_seconds,
            environment=_environment(service, address, ports, identity, backends),
        )
        for service, listed in addresses(ports).items()
        if service in settings.service_commands
        for number, address in enumerate(listed, start=1)
    ]


def gateways(
    ports: Ports, identity: Identity, backends: Mapping[str, Backend], folder: Path, settings: Settings
) -> list[Gateway]:
    """One, where it is configured. Of S3 it is told the address alone, which the browser needs."""
    if GATEWAY not in settings.service_commands:
        return []
    environment = {
        "ANNOSTREAM_HTTP_LISTEN": ports.http_address().removeprefix("http://"),
        "ANNOSTREAM_JWKS_FILE": str(identity.jwks_file),
        "ANNOSTREAM_SIGNING_KEYS_FOLDER": str(identity.keys_folder),
        "ANNOSTREAM_S3_ORIGIN": backends["s3"].endpoint()["endpoint_url"],
        **_service_addresses(ports),
        **backends["mongodb"].environment(GATEWAY),
    }
    name, argv = f"{GATEWAY}-1", settings.service_commands[GATEWAY]
    return [Gateway(name, ports.http_address(), argv, folder, settings.stop_timeout_seconds, environment)]


def _service_addresses(ports: Ports) -> dict[str, str]:
    return {
        f"ANNOSTREAM_{service.upper()}_ADDRESS": f"ipv4:{','.join(listed)}"
        for service, listed in addresses(ports).items()
    }


def _environment(
    service: str, address: str, ports: Ports, identity: Identity, backends: Mapping[str, Backend]
) -> dict[str, str]:
    environment = {
        "ANNOSTREAM_GRPC_LISTEN": address,
        "ANNOSTREAM_JWKS_FILE": str(identity.jwks_file),
        "ANNOSTREAM_SERVICE_TOKEN_FILE": str(identity.token_file(service)),
        **_service_addresses(ports),
    }
    for backend in backends.values():
        environment |= backend.environment(service)
    return environment


def _executable(name: str) -> str:
    """Beside this Python, where `make setup` puts the console scripts, then PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise EmbeddedError(
            f"{name} is not installed beside {sys.executable}. Run `make setup`, or start the servers alone with "
            "`annostream up --no-services`."
        )
    return found
