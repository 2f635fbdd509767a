"""Attempts are counted in windows of time, by account and by network, so that nobody guesses for long."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from annostream_kit.errors import ResourceExhausted
from annostream_kit.ids import derive_id

# One home or host has a whole IPv6 network of this size.
_IPV6_PREFIX_BITS = 64


@dataclass(frozen=True, slots=True)
class Limit:
    attempts: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Window:
    """key: of the counter; it has no login and no address in clear, and another one in each window."""

    key: str
    ends_at: datetime


def window(kind: str, subject: str, limit: Limit, now: datetime) -> Window:
    number = int(now.timestamp()) // limit.window_seconds
    ends_at = datetime.fromtimestamp((number + 1) * limit.window_seconds, UTC)
    return Window(derive_id("annostream-attempts", kind, subject, str(number)), ends_at)


def check(count: int, limit: Limit, counted: Window, now: datetime) -> None:
    """Raises ResourceExhausted TOO_MANY_ATTEMPTS with the time that is left of the window."""
    if count > limit.attempts:
        seconds = max(1.0, (counted.ends_at - now) / timedelta(seconds=1))
        message = f"Too many attempts: try again in {seconds:.0f} seconds."
        raise ResourceExhausted("TOO_MANY_ATTEMPTS", message, retry_after_seconds=seconds)


def network(client_host: str) -> str:
    """Whose attempts count together: an IPv4 address, an IPv6 network of /64."""
    try:
        address = ipaddress.ip_address(client_host.partition("%")[0])
    except ValueError:
        return client_host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_PREFIX_BITS), strict=False))
    return str(address)
