"""Readiness: a service is ready while nothing that it needs is away."""

from __future__ import annotations

from collections.abc import Callable

import structlog

log = structlog.get_logger()


class Readiness:
    """Components say what they wait for; the service is ready when none waits."""

    def __init__(self) -> None:
        self._waits: dict[str, str] = {}
        self._listeners: list[Callable[[bool], None]] = []

    @property
    def ready(self) -> bool:
        return not self._waits

    @property
    def waits(self) -> dict[str, str]:
        """Component -> what it waits for."""
        return dict(self._waits)

    def listen(self, listener: Callable[[bool], None]) -> None:
        self._listeners.append(listener)
        listener(self.ready)

    def waiting(self, component: str, reason: str) -> None:
        if self._waits.get(component) == reason:
            return
        log.warning("component_waiting", component=component, reason=reason)
        self._change(lambda: self._waits.__setitem__(component, reason))

    def fine(self, component: str) -> None:
        if component in self._waits:
            log.info("component_fine", component=component)
            self._change(lambda: self._waits.pop(component))

    def _change(self, change: Callable[[], object]) -> None:
        before = self.ready
        change()
        if self.ready != before:
            for listener in self._listeners:
                listener(self.ready)
