"""Status and logs as people read them."""

import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from annostream_embedded.data_directory import DEFAULT_DATA_DIR, DataDirectory
from annostream_embedded.errors import EmbeddedError

if TYPE_CHECKING:
    from annostream_embedded.status import Status

_FOLLOW_SECONDS = 0.3
_TAIL_BYTES = 256 * 1024


def print_status(status: "Status", console: Console) -> None:
    if status.supervisor_pid is None:
        start = f"Start it with `{_start_command(status.data_dir)}`."
        console.print(f"Nothing runs on {status.data_dir}. {start}", markup=False, highlight=False, soft_wrap=True)
        return
    processes = Table("process", "pid", "state", "up", "restarts", "memory")
    for one in status.processes:
        state = "ready" if one.ready else "starting" + (f" (last: {one.last_exit})" if one.last_exit else "")
        row = (one.name, str(one.pid), state, _duration(one.uptime_seconds), str(one.restarts))
        processes.add_row(*row, f"{one.memory_bytes / 1024**2:.0f} MiB")
    console.print(processes)
    waiting = Table("what waits", "where", "count", "oldest")
    for lag in status.consumers:
        waiting.add_row("consumer lag", f"{lag.group} on {lag.topic}", str(lag.lag), "")
    for box in status.outboxes:
        waiting.add_row("outbox", f"{box.service}: {box.collection}", str(box.unsent), _duration(box.oldest_seconds))
    for dead in status.dead_letters:
        waiting.add_row("dead letters", dead.topic, str(dead.count), "")
    console.print(waiting)
    for one in status.processes:
        if one.last_words and not one.ready:
            console.print(f"{one.name}: {one.last_words}", style="red", markup=False, highlight=False, soft_wrap=True)
    for problem in status.problems:
        console.print(f"problem: {problem}", style="red", highlight=False)


def _start_command(data_dir: str) -> str:
    if Path(data_dir) == DEFAULT_DATA_DIR.absolute():
        return "annostream up"
    return shlex.join(["annostream", "up", "--data-dir", data_dir])


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def log_files(data: DataDirectory, name: str | None) -> list[Path]:
    """`ingest` means all its replicas, `ingest-1` one of them. Raises EmbeddedError when there is none."""
    found = sorted(data.logs.glob("*.log"))
    wanted = [log for log in found if name is None or name in {log.stem, log.stem.rsplit("-", 1)[0]}]
    if not wanted:
        known = ", ".join(log.stem for log in found) or "none yet"
        raise EmbeddedError(f"There is no log {f'of {name} ' if name else ''}in {data.logs}. Logs: {known}.")
    return wanted


def log_lines(logs: list[Path], lines: int, follow: bool) -> Iterator[str]:
    """The last lines of each log, then what is added for as long as it is read."""
    with ExitStack() as stack:
        files = [(log, stack.enter_context(log.open("rb"))) for log in logs]
        prefixed = len(logs) > 1
        for log, file in files:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            yield from (_line(log, raw, prefixed) for raw in file.read().splitlines()[-lines:])
        while follow:
            for log, file in files:
                if log.stat().st_size < file.tell():
                    file.seek(0)  # the supervisor emptied it, for it had grown to its limit
                yield from (_line(log, raw, prefixed) for raw in file.read().splitlines())
            time.sleep(_FOLLOW_SECONDS)


def _line(log: Path, raw: bytes, prefixed: bool) -> str:
    text = raw.decode(errors="replace")
    return f"{log.stem}: {text}" if prefixed else text
