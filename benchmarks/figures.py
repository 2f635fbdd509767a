"""The arithmetic of the report: from samples to the figures that are printed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


def percentile(samples: Iterable[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest sample that `percent` of all do not exceed. Raises ValueError."""
    ordered = sorted(samples)
    if not ordered or not 0 < percent <= 100:
        raise ValueError("A percentile needs samples, and lies above 0 and up to 100.")
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def rate(count: int, seconds: float) -> float:
    """Items per second."""
    return count / seconds if seconds > 0 else math.inf


def sum_of_parts_seconds(count: int, rates: Iterable[float]) -> float:
    """How long the parts take for `count` items, one part after another, at these rates (items per second)."""
    return sum(count / one for one in rates)


@dataclass(frozen=True)
class Run:
    """One measured stretch of work. cpu_seconds: by process name, over the stretch."""

    count: int
    seconds: float
    cpu_seconds: Mapping[str, float]

    @property
    def per_second(self) -> float:
        return rate(self.count, self.seconds)

    def cpu_milliseconds_per_item(self) -> dict[str, float]:
        """By process name; none where nothing was done."""
        return {name: 1000 * used / self.count for name, used in self.cpu_seconds.items()} if self.count else {}


def median_rate(runs: Sequence[Run]) -> float:
    """Items per second."""
    return median(run.per_second for run in runs)


def merged(runs: Sequence[Run]) -> Run:
    """All of them as one run."""
    names = dict.fromkeys(name for run in runs for name in run.cpu_seconds)
    return Run(
        sum(run.count for run in runs),
        sum(run.seconds for run in runs),
        {name: sum(run.cpu_seconds.get(name, 0.0) for run in runs) for name in names},
    )


def used_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds by process name; a process that was not there before counts from zero."""
    return {name: max(0.0, used - before.get(name, 0.0)) for name, used in after.items()}


def arrival_times(per_second: float, seconds: float, seed: int = 1) -> list[float]:
    """Seconds from the start at which items arrive: a Poisson process, fixed before anything is sent."""
    choose = random.Random(seed)
    times: list[float] = []
    now = choose.expovariate(per_second)
    while now < seconds:
        times.append(now)
        now += choose.expovariate(per_second)
    return times
