"""What each process of the stack uses: CPU time and memory, with the processes that it has started."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import psutil

from annostream_embedded.stack import Stack

_KIB = 1024


@dataclass(frozen=True)
class Memory:
    """Bytes. peak: the greatest resident size ever (VmHWM). proportional: shared pages counted once among all (PSS)."""

    resident: int = 0
    peak: int = 0
    proportional: int = 0

    def plus(self, other: Memory) -> Memory:
        return Memory(self.resident + other.resident, self.peak + other.peak, self.proportional + other.proportional)


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """CPU seconds so far, user and system, by name; `client` is this process alone."""
    used = {"client": _own_cpu(psutil.Process()), "supervisor": _own_cpu(psutil.Process(stack.pid))}
    for name, pid in stack.processes.items():
        process = psutil.Process(pid)
        used[name] = _own_cpu(process)
        if workers := _children_cpu(process):
            used[_workers_of(name)] = workers
    return used


def memory(stack: Stack) -> dict[str, Memory]:
    """By name; the peaks of a service's worker processes are summed, those of ended ones are forgotten."""
    found = {"supervisor": _memory_of(stack.pid)}
    for name, pid in stack.processes.items():
        found[name] = _memory_of(pid)
        children = psutil.Process(pid).children(recursive=True)
        if children:
            found[_workers_of(name)] = _sum(_memory_of(child.pid) for child in children)
    return found


def greater(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The greater value of each name."""
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}


def load() -> float:
    """The 1-minute load average."""
    return os.getloadavg()[0]


def _workers_of(name: str) -> str:
    return f"{name}, its workers"


def _own_cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _children_cpu(process: psutil.Process) -> float:
    """Those that live, and those that have ended and were waited for."""
    total = _reaped_cpu(process)
    for child in process.children(recursive=True):
        try:
            total += _own_cpu(child) + _reaped_cpu(child)
        except psutil.NoSuchProcess:
            continue
    return total


def _reaped_cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.children_user + times.children_system)


def _memory_of(pid: int) -> Memory:
    try:
        status = _kibibytes(Path(f"/proc/{pid}/status"))
        rollup = _kibibytes(Path(f"/proc/{pid}/smaps_rollup"))
        return Memory(status.get("VmRSS", 0), status.get("VmHWM", 0), rollup.get("Pss", 0))
    except FileNotFoundError:
        return _memory_elsewhere(pid)


def _memory_elsewhere(pid: int) -> Memory:
    """Where there is no /proc, or the process has just ended: the size now stands for all three."""
    try:
        resident = psutil.Process(pid).memory_info().rss
    except psutil.NoSuchProcess:
        return Memory()
    return Memory(resident, resident, resident)


def _kibibytes(file: Path) -> dict[str, int]:
    pairs = (line.split(":", 1) for line in file.read_text().splitlines() if line.endswith("kB"))
    return {name: int(value.removesuffix("kB")) * _KIB for name, value in pairs}


def _sum(many: Iterable[Memory]) -> Memory:
    return reduce(Memory.plus, many, Memory())
