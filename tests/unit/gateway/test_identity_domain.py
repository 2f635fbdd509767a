"""Identity's pure decisions."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_gateway.identity.domain import access, account, api_token, attempts, password, secret
from annostream_gateway.identity.domain.access import Access, Client
from annostream_gateway.identity.domain.attempts import Limit
from annostream_gateway.identity.domain.secret import Kind
from annostream_kit.auth import Role
from annostream_kit.errors import InvalidArgument, PermissionDenied, Refused, ResourceExhausted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = Limit(3, 300)


@pytest.mark.parametrize(
    ("text", "login"), [("yumi", "yumi"), (" Yumi ", "yumi"), ("7-11", "7-11"), ("a" * 63, "a" * 63)]
)
def test_a_login_is_taken_in_small_letters(text: str, login: str) -> None:
    assert account.checked_login(text) == login


@pytest.mark.parametrize("text", ["", "-a", "유미", "a b", "a@b.c", "a" * 64, "a\nb", "ａ"])
def test_what_could_be_no_resource_name_is_no_login(text: str) -> None:
    with pytest.raises(Refused, match="INVALID_LOGIN"):
        account.checked_login(text)


@given(name=st.text(max_size=120))
def test_a_display_name_that_is_taken_is_short_and_shows_itself(name: str) -> None:
    try:
        taken = account.checked_display_name(name)
    except InvalidArgument:
        return
    assert 1 <= len(taken) <= 100
    assert taken == taken.strip() == account.checked_display_name(taken)
    assert not set(taken) & set("\n\t\x00\u202e")


def test_a_display_name_is_composed() -> None:
    assert account.checked_display_name(unicodedata.normalize("NFD", " 유미 ")) == "유미"


def test_the_first_account_is_owner_under_the_command_lines_name() -> None:
    first = account.opened("yumi", "", "hash", Role.VIEWER, is_first=True, now=NOW)
    assert (first.name, first.login, first.display_name, first.role) == ("users/owner", "yumi", "yumi", Role.OWNER)
    second = account.opened("renga", "렝가", "hash", Role.VIEWER, is_first=False, now=NOW)
    assert (second.name, second.display_name, second.role) == ("users/renga", "렝가", Role.VIEWER)


@given(asked=st.sampled_from([*account.ROLES, None]), own=st.sampled_from(Role))
def test_nobody_gives_more_than_they_have(asked: Role | None, own: Role) -> None:
    most = Role.MANAGER if own is Role.SERVICE else own
    if asked is not None and asked > most:
        with pytest.raises(PermissionDenied, match="ROLE_TOO_HIGH"):
            account.granted(asked, own)
    else:
        assert account.granted(asked, own) is (asked or most)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("kitten", "PASSWORD_TOO_SHORT"), ("x" * 257, "PASSWORD_TOO_LONG"), ("Yumi-cat", "PASSWORD_IS_LOGIN")],
)
def test_a_bad_password_is_refused_by_name(typed: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        password.checked(typed, login="yumi-cat", min_characters=8)


def test_what_looks_the_same_is_the_same_password() -> None:
    decomposed, composed = (unicodedata.normalize(form, "한국어 고양이") for form in ("NFD", "NFC"))
    assert decomposed != composed
    assert password.normalised(decomposed) == password.checked(composed, login="x", min_characters=1)


@given(text=st.text(min_size=1), other=st.text(min_size=1))
def test_an_id_says_nothing_of_its_secret_and_belongs_to_one_kind(text: str, other: str) -> None:
    ids = {secret.secret_id(kind, text) for kind in Kind}
    assert len(ids) == len(Kind)
    assert text == other or secret.secret_id(Kind.SESSION, other) not in ids


@given(text=st.text(min_size=1), other=st.text())
def test_a_csrf_token_belongs_to_its_session_alone(text: str, other: str) -> None:
    assert secret.is_csrf_token(text, secret.csrf_token(text))
    assert text == other or not secret.is_csrf_token(text, secret.csrf_token(other))
    assert not secret.is_csrf_token(text, other)


@pytest.mark.parametrize(("days", "expected"), [(0, 90), (1, 1), (365, 365)])
def test_a_lifetime_is_chosen_or_the_default(days: int, expected: int) -> None:
    assert api_token.chosen_lifetime(days, default_days=90, max_days=365) == timedelta(days=expected)


@pytest.mark.parametrize("days", [-1, 366])
def test_a_lifetime_out_of_bounds_is_refused(days: int) -> None:
    with pytest.raises(Refused, match="INVALID_LIFETIME"):
        api_token.chosen_lifetime(days, default_days=90, max_days=365)


@given(seconds=st.integers(0, 10**6))
def test_a_window_ends_after_now_and_the_next_has_another_key(seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    counted = attempts.window("account", "yumi", LIMIT, now)
    assert now < counted.ends_at <= now + timedelta(seconds=LIMIT.window_seconds)
    assert attempts.window("account", "yumi", LIMIT, counted.ends_at).key != counted.key
    assert attempts.window("address", "yumi", LIMIT, now).key != counted.key


def test_one_attempt_too_many_says_when_to_try_again() -> None:
    counted = attempts.window("account", "yumi", LIMIT, NOW)
    attempts.check(3, LIMIT, counted, NOW)
    with pytest.raises(ResourceExhausted, match="TOO_MANY_ATTEMPTS") as refused:
        attempts.check(4, LIMIT, counted, NOW)
    assert refused.value.retry_after_seconds == (counted.ends_at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_attempts_count_by_network(address: str, network: str) -> None:
    assert attempts.network(address) == network


@pytest.mark.parametrize(
    ("client", "is_here"),
    [
        (Client("127.0.0.1", "localhost:8080"), True),
        (Client("::1", "[::1]:8080"), True),
        (Client("127.0.0.1", "127.0.0.1"), True),
        (Client("127.0.0.1", "evil.example:8080"), False),  # a page whose name leads to 127.0.0.1
        (Client("127.0.0.1", ""), False),
        (Client("127.0.0.1", "localhost", forwarded=True), False),
        (Client("192.0.2.1", "localhost"), False),
    ],
)
def test_this_machine_is_known_by_address_and_name(client: Client, is_here: bool) -> None:
    assert client.is_here is is_here
    assert access.access("loopback", client) is (Access.OPEN if is_here else Access.INVITATION)


@pytest.mark.parametrize("setting", ["open", "invitation", "closed"])
def test_other_settings_are_the_same_for_everybody(setting: access.SignUp) -> None:
    for client in (Client("127.0.0.1", "localhost"), Client("192.0.2.1", "a.example")):
        assert access.access(setting, client) is Access(setting)
