"""A child process that never outlives its supervisor, and takes what it started with it."""

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from annostream_embedded.errors import EmbeddedError
from annostream_embedded.server import Command

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may be loaded.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Guardian:
    """The supervisor's end of the guardian's pipe."""

    def __init__(self) -> None:
        argv = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guardian.py"))]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True, start_new_session=True)

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Only once nothing is left to watch, or it is killed."""
        assert self._process.stdin is not None  # noqa: S101  # opened above
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101  # opened above
        with suppress(BrokenPipeError):  # killed by someone: the kernel still ends direct children
            self._process.stdin.write(line)
            self._process.stdin.flush()


async def spawn(command: Command, log: Path) -> asyncio.subprocess.Process:
    """Starts in a session of its own, so that a terminal's Ctrl-C reaches the supervisor alone.

    Must run in the main thread: Linux takes the end of the *thread* that forked for the end of the parent.
    """
    with log.open("ab") as output:
        try:
            return await asyncio.create_subprocess_exec(
                *command.argv,
                cwd=command.cwd,
                env=dict(command.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        except OSError as error:
            raise EmbeddedError(f"{command.argv[0]} cannot be started: {error.strerror}.") from error


async def stop(process: asyncio.subprocess.Process, stop_seconds: float) -> None:
    """SIGTERM, then SIGKILL for what is left of its session after `stop_seconds`."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), stop_seconds)
    kill_group(process.pid)
    await process.wait()


def kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def has_ended(pid: int) -> bool:
    """True as well when only its parent has not taken note yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def exit_text(returncode: int) -> str:
    """For messages: the signal's name, or the exit code."""
    return signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"


def log_tail(log: Path, lines: int = 15) -> str:
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    return ""


def last_words(log: Path) -> str:
    """The sentence with which a service of ours ended (its last line, as JSON); "" where there is none."""
    with suppress(ValueError, TypeError, KeyError):
        said: object = json.loads(log_tail(log, lines=1))["error"]
        return said if isinstance(said, str) else ""
    return ""


def bound_log(log: Path, max_log_bytes: int) -> None:
    """Keep one older file beside it. The child appends, so emptying the file under it is safe."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > max_log_bytes:
            log.with_suffix(".log.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)


def _die_with(supervisor: int) -> Callable[[], None]:
    def before_exec() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != supervisor:
                os._exit(1)

    return before_exec
