"""Who may sign up, and what counts as this machine itself."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum
from typing import Literal

SignUp = Literal["open", "invitation", "closed", "loopback"]


class Access(Enum):
    OPEN = "open"
    INVITATION = "invitation"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from. address: of the peer. host: the Host header. forwarded: a proxy passed it on."""

    address: str = ""
    host: str = ""
    user_agent: str = ""
    forwarded: bool = False

    @property
    def is_here(self) -> bool:
        """On this machine, by a name of this machine: a page of another site may reach us under its own name."""
        return is_loopback(self.address) and is_loopback(host_name(self.host)) and not self.forwarded


def access(setting: SignUp, client: Client) -> Access:
    if setting == "loopback":
        return Access.OPEN if client.is_here else Access.INVITATION
    return Access(setting)


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def host_name(host: str) -> str:
    """`localhost:8080` and `[::1]:8080` without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
