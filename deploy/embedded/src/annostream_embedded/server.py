"""What the supervisor needs to know of a server or a service, whichever it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Say = Callable[[str], None]  # one line of progress


@dataclass(frozen=True)
class Command:
    """A child process to start: `environment` is the whole of it, and holds secrets."""

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)


class Program(Protocol):
    """One child process: blocking calls, each made in a thread."""

    @property
    def name(self) -> str: ...

    @property
    def stop_seconds(self) -> float:
        """How long the process may take to end after SIGTERM, before it is killed."""

    def prepare(self, say: Say) -> None:
        """Fetch, format and write what the process needs; safe to repeat."""

    def command(self) -> Command: ...

    def make_ready(self) -> None:
        """Return once the process answers and is configured; raise NotReady until then. Safe to repeat."""


class Backend(Protocol):
    """A server as its users see it, embedded or brought by the user."""

    def environment(self, service: str) -> dict[str, str]:
        """The ANNOSTREAM_* variables with which a service reaches this server as itself."""

    def endpoint(self) -> Any:
        """This server's part of endpoints.json."""
