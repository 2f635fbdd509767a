"""The report: tables as Markdown, for the terminal and for report.md, with what is needed to read them."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import psutil

Cell: TypeAlias = str | int | float
ROOT = Path(__file__).parent.parent
FILE = Path(__file__).parent / "report.md"
_LIBRARIES = ("aiokafka", "motor", "pymongo", "obstore", "grpcio", "protobuf", "orjson", "pillow", "simplejpeg")
_GIB = 1 << 30


@dataclass(frozen=True)
class Table:
    """headers name what a column is, with its unit."""

    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        rows = [[str(header) for header in self.headers], *([shown(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.headers))]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        return "\n".join(_line(row, widths) for row in (rows[0], rule, *rows[1:]))


@dataclass(frozen=True)
class Section:
    """What one part measured. load: the machine's 1-minute load average before it."""

    title: str
    load: float
    tables: Sequence[Table]
    notes: Sequence[str] = field(default_factory=tuple)

    def markdown(self) -> str:
        head = f"## {self.title}\n\nLoad before: {self.load:.2f}."
        return "\n\n".join([head, *self.notes, *(table.markdown() for table in self.tables)])


def shown(cell: Cell) -> str:
    """Three significant figures are all that a noisy machine gives."""
    if isinstance(cell, float):
        if cell and abs(cell) < 10:
            return f"{cell:.3g}"
        return f"{cell:,.1f}" if abs(cell) < 100 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def per_item_table(cpu: Mapping[str, Mapping[str, float]], item: str) -> Table:
    """cpu: run -> process -> CPU ms an item. The client stands apart from the sum of what serves it."""
    processes = dict.fromkeys(name for one in cpu.values() for name in one)
    served = [name for name in processes if name != "client"]
    rows: list[list[Cell]] = [[name, *(one.get(name, 0.0) for one in cpu.values())] for name in served]
    rows.append(["**all but the client**", *(sum(one.get(name, 0.0) for name in served) for one in cpu.values())])
    rows.append(["client", *(one.get("client", 0.0) for one in cpu.values())])
    return Table([f"CPU ms a {item}", *cpu], rows)


def preamble(arguments: Sequence[str]) -> str:
    """When, where and of what."""
    memory = psutil.virtual_memory().total / _GIB
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "commit": _commit(),
        "options": " ".join(arguments) or "none (the full run)",
        "machine": f"{os.cpu_count()} cores, {memory:.1f} GiB of memory, {platform.machine()}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    }
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    return "\n".join(["# Benchmark report", "", "Written by `make bench`.", "", *lines])


def write(head: str, sections: Iterable[str], file: Path = FILE) -> None:
    file.write_text("\n\n".join([head, *sections]) + "\n")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cells[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
    ]
    return "| " + " | ".join(padded) + " |"


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}, with changes that are not committed" if changed else commit


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
