"""Frames between the pool and its workers: a JSON head and raw bytes, so that nothing from a worker is ever run.

head length (4 bytes) · body length (8 bytes) · head (JSON, UTF-8) · body
"""

import json
import struct
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from annostream_imaging import Limits, Reason, Rejection
from annostream_ingest.inspection.facts import Inspection

PREFIX = struct.Struct(">IQ")
MAX_HEAD_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 4 * 1024 * 1024


class MalformedAnswer(ValueError):
    """A worker said something that is no answer; it is to be replaced."""


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    encoded = json.dumps(head).encode()
    return PREFIX.pack(len(encoded), len(body)) + encoded + body


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next frame, or None at the end of the stream."""
    prefix = stream.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return None
    head_bytes, body_bytes = PREFIX.unpack(prefix)
    head = json.loads(stream.read(head_bytes))
    return head, stream.read(body_bytes)


def request_head(source: Path | bytes, limits: Limits, cpu_seconds: float) -> dict[str, Any]:
    path = str(source) if isinstance(source, Path) else None
    return {"path": path, "limits": asdict(limits), "cpu_seconds": cpu_seconds}


def pack_outcome(outcome: Inspection | Rejection) -> bytes:
    if isinstance(outcome, Rejection):
        return pack({"kind": "rejection", "reason": outcome.reason, "message": outcome.message})
    facts = asdict(outcome)
    thumbnail = facts.pop("thumbnail")
    facts["captured_at"] = outcome.captured_at.isoformat() if outcome.captured_at else None
    return pack({"kind": "inspection", "facts": facts}, thumbnail)


def parse_outcome(head: bytes, body: bytes) -> Inspection | Rejection:
    """Raises OSError when the worker could not read the file, MalformedAnswer when it makes no sense."""
    try:
        answer = json.loads(head)
        kind = answer["kind"]
        if kind == "rejection":
            return Rejection(Reason(answer["reason"]), str(answer["message"]))
        if kind == "inspection":
            return _inspection(answer["facts"], body)
        unreadable = str(answer["message"])
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedAnswer(str(error)) from error
    raise OSError(unreadable)


def _inspection(facts: dict[str, Any], thumbnail: bytes) -> Inspection:
    taken, gps = facts["captured_at"], facts["gps"]
    known = {
        **facts,
        "captured_at": datetime.fromisoformat(taken) if taken else None,
        "gps": (float(gps[0]), float(gps[1])) if gps else None,
    }
    return Inspection(**known, thumbnail=thumbnail)
