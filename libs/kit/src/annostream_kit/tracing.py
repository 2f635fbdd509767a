"""W3C trace context: carried from the caller through state and event to every consumer."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

_FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_current: ContextVar[str | None] = ContextVar("annostream_traceparent", default=None)


def adopt(traceparent: str | None) -> str:
    """Continues the caller's trace, or begins one; returns the traceparent of this step."""
    trace = traceparent[3:35] if traceparent and _FORM.match(traceparent) else secrets.token_hex(16)
    mine = f"00-{trace}-{secrets.token_hex(8)}-01"
    _current.set(mine)
    return mine


def current_traceparent() -> str:
    """The traceparent of the step that runs; begins a trace where there is none."""
    return _current.get() or adopt(None)
