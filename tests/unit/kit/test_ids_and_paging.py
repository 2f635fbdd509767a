"""Ids that a retry finds again, names, and page tokens."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_kit.errors import InvalidArgument
from annostream_kit.ids import derive_id, parse_name, random_id
from annostream_kit.paging import (
    MAX_PAGE_SIZE,
    decode_time_token,
    decode_token,
    encode_time_token,
    encode_token,
    page_size,
)

ID = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_ids_are_equal_exactly_where_their_parts_are(one: list[str], two: list[str]) -> None:
    assert (derive_id(*one) == derive_id(*two)) == (one == two)


def test_an_id_has_26_characters_that_a_name_takes() -> None:
    for made in (derive_id("a"), random_id()):
        assert parse_name("projects/*", f"projects/{made}") == (made,)
        assert len(made) == 26
    assert random_id() != random_id()


def test_a_derived_id_stays_what_it_is_for_ever() -> None:
    assert derive_id("cats", "a") == "sojoil6wtw4xls3vadrimz7muu"


@given(ID, ID)
def test_the_ids_of_a_name_come_out_in_order(project: str, task: str) -> None:
    assert parse_name("projects/*/tasks/*", f"projects/{project}/tasks/{task}") == (project, task)


@pytest.mark.parametrize(
    "name",
    ["", "projects", "projects/", "projects/A", "projects/a/tasks/b", "tasks/a", "projects/../x", "projects/a\n"],
)
def test_what_is_no_such_name_is_refused_with_its_form(name: str) -> None:
    with pytest.raises(InvalidArgument, match=r"INVALID_NAME.*projects/\{id\}"):
        parse_name("projects/*", name)


@given(st.lists(st.one_of(st.text(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))))
def test_a_page_token_gives_back_its_key(key: list[str | int | float]) -> None:
    assert decode_token(encode_token(key)) == key


def test_no_token_is_the_first_page() -> None:
    assert decode_token("") is None


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "가",
        encode_token(["a"])[:-1],
        "e30",
        "W251bGxd",
        "W1tdXQ",
        "W1sxXV0",
        encode_token([1 << 63]),
        encode_token([True, "a"]),
    ],
)
def test_a_token_that_is_none_of_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument, match="INVALID_PAGE_TOKEN"):
        decode_token(token)


@given(st.datetimes(datetime(1970, 1, 1), datetime(6000, 1, 1), timezones=st.just(UTC)), st.text())  # noqa: DTZ001
def test_a_token_of_a_list_by_time_gives_back_millisecond_and_id(moment: datetime, last_id: str) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert decode_time_token(encode_time_token(moment, last_id)) == (moment, last_id)


@pytest.mark.parametrize("key", [[], [1], ["1", "a"], [1, 2], [-1, "a"], [1 << 62, "a"], [0.5, "a"], [1, "a", "b"]])
def test_a_token_of_no_time_is_refused(key: list[str | int | float]) -> None:
    with pytest.raises(InvalidArgument, match="INVALID_PAGE_TOKEN"):
        decode_time_token(encode_token(key))


def test_a_page_has_the_size_that_is_asked_within_bounds() -> None:
    assert [page_size(asked) for asked in (0, 7, 10**6)] == [50, 7, MAX_PAGE_SIZE]
    with pytest.raises(InvalidArgument, match="INVALID_PAGE_SIZE"):
        page_size(-1)
