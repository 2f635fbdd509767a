"""Frames between the pool and its workers."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from annostream_imaging import Reason, Rejection
from annostream_ingest.inspection import Inspection, inspect_image, wire
from tests.unit.imaging.pictures import encode, exif, scene


def through_the_wire(outcome: Inspection | Rejection) -> Inspection | Rejection:
    frame = wire.read_frame(io.BytesIO(wire.pack_outcome(outcome)))
    assert frame is not None
    return wire.parse_outcome(json.dumps(frame[0]).encode(), frame[1])


def test_an_inspection_arrives_as_it_left() -> None:
    facts = inspect_image(encode(scene(), "jpeg", exif=exif(place=True, taken="2024:01:02 03:04:05")))
    assert isinstance(facts, Inspection)
    for taken in (facts.captured_at, datetime(2024, 1, 2, tzinfo=UTC), None):
        changed = replace(facts, captured_at=taken)
        assert through_the_wire(changed) == changed


def test_a_rejection_arrives_as_it_left() -> None:
    rejection = Rejection(Reason.DAMAGED_IMAGE, "깨진 사진")
    assert through_the_wire(rejection) == rejection


@pytest.mark.parametrize(
    "head", [b"", b"{}", b"[]", b'{"kind": "inspection", "facts": {}}', b'{"kind": "boo"}', b"\xff"]
)
def test_an_answer_without_sense_is_malformed(head: bytes) -> None:
    with pytest.raises(wire.MalformedAnswer):
        wire.parse_outcome(head, b"")


def test_an_unreadable_file_is_an_error_of_ours_and_no_rejection() -> None:
    with pytest.raises(OSError, match="No such file"):
        wire.parse_outcome(b'{"kind": "unreadable", "message": "No such file"}', b"")
