"""The envelope: what goes into a record comes out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream.ingest.v1.asset_pb2 import Asset
from annostream_kit.events import Event, MalformedEventError, event_of, event_type, from_headers, to_headers
from annostream_kit.tracing import adopt, current_traceparent
from tests.unit.kit.events_made import WHEN, event

# What str.isprintable() holds: filtered afterwards, most of what is made would be thrown away.
PRINTABLE = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"), include_characters=" ")
TEXT = st.text(PRINTABLE, min_size=1, max_size=40)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
EVENTS = st.builds(
    Event,
    id=TEXT,
    type=TEXT,
    source=TEXT,
    subject=TEXT,
    revision=st.integers(0, 2**62),
    time=st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=ZONES),  # noqa: DTZ001  # zones are added
    data=st.binary(max_size=50),
    dataref=st.one_of(st.just(""), TEXT),
    traceparent=st.one_of(st.just(""), TEXT),
)


@given(EVENTS)
def test_an_event_comes_back_from_its_headers_and_value(made: Event) -> None:
    assert from_headers(to_headers(made), made.data) == made
    assert event_type(to_headers(made)) == made.type


def test_the_headers_are_cloudevents_in_kafkas_binary_mode() -> None:
    headers = dict(to_headers(event("projects/cats/assets/a", 7)))
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_time"] == b"2026-03-01T12:00:00Z"
    assert headers["ce_partitionkey"] == headers["ce_subject"] == b"projects/cats/assets/a"
    assert (headers["ce_revision"], headers["content-type"]) == (b"7", b"application/protobuf")
    assert "ce_dataref" not in headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_id", None),
        ("ce_subject", b""),
        ("ce_revision", b"seven"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2026-03-01T12:00:00"),
        ("ce_type", b"\xff"),
    ],
)
def test_a_record_that_lacks_something_is_refused(name: str, value: bytes | None) -> None:
    headers = [(key, value if key == name else kept) for key, kept in to_headers(event())]
    with pytest.raises(MalformedEventError, match="not a CloudEvent of ours"):
        from_headers(headers, b"")


def test_a_record_without_a_type_has_none() -> None:
    assert event_type([("other", b"x"), ("ce_type", None)]) == ""


def test_a_record_without_a_value_is_an_event_without_data() -> None:
    assert from_headers(to_headers(event(data=b"")), None).data == b""


def test_the_same_fact_told_twice_is_the_same_event_and_part_of_the_trace_that_runs() -> None:
    trace = adopt(None)
    told = [event_of(Asset(name="a"), source="s", subject="a", revision=1, time=WHEN) for _ in range(2)]
    assert told[0] == told[1]
    assert (told[0].type, told[0].traceparent) == ("annostream.ingest.v1.Asset", trace)
    assert told[0].id != event_of(Asset(name="a"), source="s", subject="a", revision=2, time=WHEN).id


def test_a_trace_goes_on_and_a_broken_one_begins_anew() -> None:
    theirs = f"00-{'a' * 32}-{'b' * 16}-01"
    mine = adopt(theirs)
    assert mine[:35] == theirs[:35]
    assert mine != theirs
    assert adopt("nonsense")[3:35] != "a" * 32
    assert current_traceparent() == current_traceparent()


def test_a_trace_begins_where_there_is_none() -> None:
    import contextvars

    assert contextvars.Context().run(current_traceparent).startswith("00-")


def test_times_are_told_in_utc() -> None:
    seoul = timezone(timedelta(hours=9))
    made = Event("i", "t", "s", "a", 1, datetime(2026, 1, 1, 9, tzinfo=seoul), b"")
    assert dict(to_headers(made))["ce_time"] == b"2026-01-01T00:00:00Z"
    assert from_headers(to_headers(made), b"").time == datetime(2026, 1, 1, tzinfo=UTC)
