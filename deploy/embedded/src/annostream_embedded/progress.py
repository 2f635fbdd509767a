"""Progress of a start, for people: one live line a step on a terminal, plain lines elsewhere."""

import time
from threading import Lock
from typing import Protocol

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

_PLAIN_INTERVAL_SECONDS = 1.0


class Progress(Protocol):
    """Called from several threads."""

    def say(self, step: str, text: str) -> None:
        """What a step is doing now; a later text replaces it."""

    def done(self, step: str, text: str) -> None: ...

    def note(self, text: str) -> None:
        """A line of its own, which stays."""

    def close(self) -> None: ...


def progress_for(console: Console) -> Progress:
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)


class PlainProgress:
    """At most one line a second for a step, but each step's first and last line always."""

    def __init__(self, console: Console) -> None:
        self._console, self._lock = console, Lock()
        self._started: dict[str, float] = {}
        self._printed: dict[str, float] = {}

    def say(self, step: str, text: str) -> None:
        now = time.monotonic()
        with self._lock:
            self._started.setdefault(step, now)
            if now - self._printed.get(step, float("-inf")) < _PLAIN_INTERVAL_SECONDS:
                return
            self._printed[step] = now
        self.note(f"{step}: {text}")

    def done(self, step: str, text: str) -> None:
        with self._lock:
            started = self._started.pop(step, time.monotonic())
        self.note(f"{step}: {text} ({time.monotonic() - started:.1f} s)")

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is held."""


class LiveProgress:
    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.fields[step]:<12}"), TextColumn("{task.description}"))
        self._bars = Bars(*columns, TimeElapsedColumn(), console=console)
        self._lock = Lock()
        self._steps: dict[str, TaskID] = {}
        self._bars.start()

    def say(self, step: str, text: str) -> None:
        self._bars.update(self._step(step), description=text)

    def done(self, step: str, text: str) -> None:
        self._bars.update(self._step(step), description=text, total=1, completed=1)
        with self._lock:
            self._steps.pop(step, None)

    def note(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._bars.stop()

    def _step(self, step: str) -> TaskID:
        with self._lock:
            if step not in self._steps:
                self._steps[step] = self._bars.add_task("", total=None, step=step)
            return self._steps[step]
