"""The embedded stack for tests and the demo: started as a child process, stopped on leaving the `with`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from annostream_embedded.child import log_tail
from annostream_embedded.data_directory import DataDirectory, read_json
from annostream_embedded.errors import EmbeddedError
from annostream_embedded.identity import Identity

START_SECONDS = 300.0
_POLL_SECONDS = 0.05
_STOP_SECONDS = 60.0


def launch(data: DataDirectory, arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """The supervisor in a session of its own, its output in logs/supervisor.log."""
    data.create()
    argv = [sys.executable, "-m", "annostream_embedded", "up", "--data-dir", str(data.root), *arguments]
    with data.log("supervisor").open("wb") as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )


def wait_until_up(
    data: DataDirectory,
    supervisor: "subprocess.Popen[bytes]",
    timeout_seconds: float = START_SECONDS,
    show: Callable[[str], None] = lambda _line: None,
) -> None:
    """Shows the supervisor's lines meanwhile. Raises EmbeddedError when it ends, or is not ready in time."""
    deadline = time.monotonic() + timeout_seconds
    with data.log("supervisor").open() as log:
        while time.monotonic() < deadline:
            ended = supervisor.poll() is not None
            state = read_json(data.state)
            ready = state.get("pid") == supervisor.pid and state.get("phase") == "ready"
            for line in log.read().splitlines():
                if not line.startswith("error: "):
                    show(line)
            if ended:
                raise EmbeddedError(log_tail(data.log("supervisor"), lines=30).split("error: ", 1)[-1])
            if ready:
                return
            time.sleep(_POLL_SECONDS)
    raise EmbeddedError(f"Annostream was not up after {timeout_seconds:g} s. See {data.log('supervisor')}.")


class Stack:
    """A running stack. Every answer is read afresh: processes may have been restarted since."""

    def __init__(self, data: DataDirectory, supervisor: "subprocess.Popen[bytes]") -> None:
        self._data, self._supervisor = data, supervisor

    def __enter__(self) -> "Stack":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def data_dir(self) -> Path:
        return self._data.root

    @property
    def pid(self) -> int:
        """The supervisor's."""
        return self._supervisor.pid

    @property
    def endpoints(self) -> dict[str, Any]:
        return read_json(self._data.endpoints)

    @property
    def processes(self) -> dict[str, int]:
        """Process ids by name: mongodb, kafka, s3, ingest-1, ingest-2, …"""
        return {name: known["pid"] for name, known in self._known().items()}

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Sends the signal; answers the process id that had it."""
        pid = self.processes[name]
        os.kill(pid, number)
        return pid

    def wait_until_ready(self, name: str, *, other_than: int | None = None, timeout_seconds: float = 60.0) -> int:
        """Waits until the named process is ready under a pid other than the given one; answers its pid."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            known = self._known().get(name)
            if known and known["ready"] and known["pid"] != other_than:
                return int(known["pid"])
            time.sleep(_POLL_SECONDS)
        raise EmbeddedError(f"{name} was not ready after {timeout_seconds:g} s. See {self._data.log(name)}.")

    def mint(self, subject: str, roles: Sequence[str], lifetime_seconds: int = 3600) -> str:
        return Identity.load(self._data).mint(subject, roles, lifetime_seconds)

    def stop(self) -> None:
        """Ordered stop; safe to repeat."""
        if self._supervisor.poll() is None:
            self._supervisor.terminate()
        self._supervisor.wait(timeout=_STOP_SECONDS)

    def _known(self) -> dict[str, Any]:
        known: dict[str, Any] = read_json(self._data.state).get("processes", {})
        return known


def start(
    data_dir: Path | str,
    ports_from: int = 0,
    replicas: int = 2,
    services: bool = True,
    *,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = START_SECONDS,
) -> Stack:
    """Starts and waits until endpoints.json is written. The stack ends with this process, however it ends.

    `environment` is added to this process's own for the supervisor and its children. Raises EmbeddedError.
    """
    data = DataDirectory.at(data_dir)
    arguments = ["--ports-from", str(ports_from), "--replicas", str(replicas), "--parent-pid", str(os.getpid())]
    supervisor = launch(data, arguments if services else [*arguments, "--no-services"], environment or {})
    stack = Stack(data, supervisor)
    try:
        wait_until_up(data, supervisor, timeout_seconds)
    except BaseException:
        stack.stop()
        raise
    return stack
