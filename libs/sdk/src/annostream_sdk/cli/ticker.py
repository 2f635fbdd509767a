"""Progress on stderr: a line that renews itself on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

_TERMINAL_SECONDS = 0.1
_PLAIN_SECONDS = 5.0


class Ticker:
    """`with Ticker(console) as ticker: ticker.show("12 files")`: cheap to call often."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("", console=console) if console.is_terminal else None
        self._every = _TERMINAL_SECONDS if self._status else _PLAIN_SECONDS
        self._shown_at = time.monotonic() - (_TERMINAL_SECONDS if self._status else 0.0)

    def due(self) -> bool:
        return time.monotonic() - self._shown_at >= self._every

    def show(self, text: str) -> None:
        if not self.due():
            return
        self._shown_at = time.monotonic()
        if self._status is not None:
            self._status.update(Text(text))
        else:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()


def human_bytes(size: float) -> str:
    """1536 -> 1.5 KiB"""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
