"""Which process of `make test` runs what: tests that share servers stay in one; unit tests go to whoever is free."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Each has servers of its own; the first that a path begins with counts.
_GROUPS = {
    "tests/component/embedded/": "embedded",
    "tests/component/": "servers",
    "tests/contract/": "servers",
    "tests/end_to_end/browser/": "browser",
    "tests/end_to_end/": "stack",
}


class ByServers(LoadScopeScheduling):  # type: ignore[misc]  # xdist's scheduler is untyped to us
    """The largest groups begin. (Groups by xdist's own marker are lost on pytest 9.)"""

    def __init__(self, config: pytest.Config) -> None:
        # Without one it prints its log, whatever is asked for.
        super().__init__(config, Producer("scheduler", enabled=config.option.debug))

    def _split_scope(self, nodeid: str) -> str:
        return next((group for path, group in _GROUPS.items() if nodeid.startswith(path)), nodeid)
