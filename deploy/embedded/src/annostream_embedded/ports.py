"""Ports: one first port decides all others; a taken one is refused by naming who has it."""

import random
import socket
from dataclasses import dataclass
from itertools import chain

import psutil

from annostream_embedded.data_directory import DataDirectory, read_json, write_whole
from annostream_embedded.errors import EmbeddedError
from annostream_embedded.settings import SERVICES

DEFAULT_FIRST_PORT = 7401
LOOPBACK = "127.0.0.1"
# Below every system's range for outgoing connections, so that none of those takes a port between choice and use.
FREE_RANGE = (10_000, 30_000)
SERVER_PORTS = (
    "mongodb",
    "kafka",
    "s3",
    "kafka_controller",
    "s3_grpc",
    "s3_master",
    "s3_master_grpc",
    "s3_volume",
    "s3_volume_grpc",
    "s3_filer",
    "s3_filer_grpc",
)
# Of the gateway, where no first port is chosen: this one, or the next that is free.
DEFAULT_HTTP_PORT = 8080
_HTTP_TRIES = 100
_HTTP_AFTER = 20
# ingest, annotate, export; then the same again for each replica, as far as there is room before the servers.
_SERVERS_AFTER = 9
_MORE_REPLICAS_AFTER = 30


@dataclass(frozen=True)
class Ports:
    """Every port as an offset from the first: services 0-8, servers 9-19, the gateway 20, the fourth replica and later
    from 30. http: the gateway's where it is no offset.
    """

    first: int
    replicas: int
    http: int | None = None

    def http_port(self) -> int:
        return self.first + _HTTP_AFTER if self.http is None else self.http

    def http_address(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port()}"

    def server(self, name: str) -> int:
        return self.first + _SERVERS_AFTER + SERVER_PORTS.index(name)

    def service(self, name: str, replica: int) -> int:
        """replica counts from 0."""
        offset = replica * len(SERVICES) + SERVICES.index(name)
        return self.first + (offset if offset < _SERVERS_AFTER else offset - _SERVERS_AFTER + _MORE_REPLICAS_AFTER)

    def services(self) -> list[int]:
        return [self.service(name, replica) for replica in range(self.replicas) for name in SERVICES]

    def all(self) -> list[int]:
        return sorted(chain(self.services(), (self.server(name) for name in SERVER_PORTS), [self.http_port()]))

    def address(self, name: str) -> str:
        return f"{LOOPBACK}:{self.server(name)}"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def who_listens(port: int) -> str:
    """A name for the process on this port, as far as the system tells it."""
    try:
        pids = [row.pid for row in psutil.net_connections("tcp") if row.laddr and row.laddr.port == port and row.pid]
        return f"{psutil.Process(pids[0]).name()}, process {pids[0]}" if pids else "another process"
    except psutil.Error:
        return "another process"


def choose(data: DataDirectory, ports_from: int | None, replicas: int) -> Ports:
    """0 picks free ones and finds them again at the next start; None is the default; any other number is the first.

    Raises EmbeddedError when a port of a chosen range is taken.
    """
    if ports_from == 0:
        return _pick_free(data, replicas)
    if ports_from is None:
        ports = Ports(DEFAULT_FIRST_PORT, replicas, _free_http_port())
    else:
        ports = Ports(ports_from, replicas)
    if not 1 <= ports.first <= 65535 - 200:
        raise EmbeddedError(f"--ports-from {ports.first} leaves no room below 65535: choose a number from 1 to 65335.")
    for port in ports.all():
        if not is_free(port):
            raise EmbeddedError(
                f"Port {port} is in use ({who_listens(port)}). End that process, or choose other ports with "
                "--ports-from N (0 picks free ones)."
            )
    return ports


def _free_http_port() -> int:
    found = filter(is_free, range(DEFAULT_HTTP_PORT, DEFAULT_HTTP_PORT + _HTTP_TRIES))
    port = next(found, None)
    if port is None:
        raise EmbeddedError(
            f"No port from {DEFAULT_HTTP_PORT} to {DEFAULT_HTTP_PORT + _HTTP_TRIES - 1} is free for the web page: "
            "choose other ports with --ports-from N (0 picks free ones)."
        )
    return port


def _pick_free(data: DataDirectory, replicas: int) -> Ports:
    remembered = read_json(data.ports).get("first")
    firsts = [remembered] if isinstance(remembered, int) else []
    firsts += [random.randrange(*FREE_RANGE) for _ in range(100)]  # noqa: S311  # no secret
    for first in firsts:
        ports = Ports(first, replicas)
        if all(is_free(port) for port in ports.all()):
            write_whole(data.ports, f'{{"first": {first}}}')
            return ports
    raise EmbeddedError(
        f"No free ports were found from {FREE_RANGE[0]} to {FREE_RANGE[1]}: name some with --ports-from N."
    )
