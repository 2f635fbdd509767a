"""Identity's stores, in memory and in MongoDB: both keep the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from annostream_gateway.identity.domain import account as accounts
from annostream_gateway.identity.domain.access import Client
from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.api_token import ApiToken
from annostream_gateway.identity.domain.one_use import Invitation, Reset
from annostream_gateway.identity.domain.session import Session, begun, carried_over
from annostream_gateway.identity.outbound.schema import INDEXES, MIGRATIONS
from annostream_gateway.identity.ports import (
    FirstTakenError,
    LastOwnerError,
    LoginTakenError,
    RevisionConflictError,
    SecretUsedError,
    Stores,
)
from annostream_gateway.identity.settings import IdentitySettings
from annostream_gateway.identity.wiring import mongo_stores
from annostream_kit import mongo
from annostream_kit.auth import Role
from annostream_kit.mongo import Database
from tests.conftest import SettingsFactory
from tests.fakes.gateway import Memory

# Far ahead: MongoDB takes away what has expired by its own clock.
NOW = datetime(2050, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest_asyncio.fixture
async def database(service_settings: SettingsFactory) -> AsyncIterator[Database]:
    made = mongo.connect(service_settings("gateway", IdentitySettings, signing_keys_folder="unused"))
    await mongo.migrate(made, MIGRATIONS)
    await mongo.ensure_indexes(made, INDEXES)
    yield made
    await made.client.drop_database(made.name)


@pytest.fixture(params=["memory", "mongodb"])
def stores(request: pytest.FixtureRequest, service_settings: SettingsFactory) -> Stores:
    if request.param == "memory":
        return Memory().stores()
    settings = service_settings("gateway", IdentitySettings, signing_keys_folder="unused")
    assert isinstance(settings, IdentitySettings)
    return mongo_stores(request.getfixturevalue("database"), settings)


def _account(login: str = "yumi", *, is_first: bool = False, role: Role = Role.ANNOTATOR) -> Account:
    return accounts.opened(login, login.title(), "hash", role, is_first=is_first, now=NOW)


def _session(account: Account, number: str = "1", *, seconds: float = 0) -> Session:
    client = Client("192.0.2.1", user_agent="Chromium")
    return begun(f"{account.id}-{number}", account, client, now=NOW + timedelta(seconds=seconds))


async def _signed_up(stores: Stores, account: Account) -> Session:
    session = _session(account)
    await stores.accounts.sign_up(account, session, invitation="")
    return session


async def test_what_is_signed_up_is_read_back_whole(stores: Stores) -> None:
    account = _account("sun-i")
    session = await _signed_up(stores, account)
    assert await stores.accounts.get("sun-i") == account == await stores.accounts.by_login("sun-i")
    assert await stores.sessions.get(session.id) == session
    assert await stores.accounts.get("renga") is None is await stores.accounts.by_login("renga")


async def test_display_names_are_those_of_the_accounts_asked_for(stores: Stores) -> None:
    for login in ("renga", "sun-i", "yumi"):
        await _signed_up(stores, _account(login))
    asked = ["yumi", "nobody", "renga", "yumi"]
    assert await stores.accounts.display_names(asked) == {"renga": "Renga", "yumi": "Yumi"}
    assert await stores.accounts.display_names([]) == {}


async def test_a_login_is_taken_once_and_nothing_of_the_second_remains(stores: Stores) -> None:
    await _signed_up(stores, _account("renga", is_first=True))
    again = _account("renga")
    await stores.invitations.add(Invitation("i", Role.VIEWER, "users/owner", NOW, LATER))
    with pytest.raises(LoginTakenError):
        await stores.accounts.sign_up(again, _session(again), invitation="i")
    assert await stores.accounts.get("renga") is None
    assert await stores.sessions.of("renga", size=5) == []
    assert await stores.invitations.get("i") is not None


async def test_of_many_first_accounts_at_once_exactly_one_is(stores: Stores) -> None:
    made = [_account(f"user{n}", is_first=True) for n in range(5)]
    answers = await asyncio.gather(
        *(stores.accounts.sign_up(one, replace(_session(one), id=one.login), invitation="") for one in made),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers if answer] == [FirstTakenError] * 4
    assert len(await stores.accounts.page(after="", size=9)) == 1


async def test_an_invitation_lets_exactly_one_in(stores: Stores) -> None:
    await stores.invitations.add(Invitation("i", Role.VIEWER, "users/owner", NOW, LATER))
    made = [_account(f"user{n}") for n in range(4)]
    answers = await asyncio.gather(
        *(stores.accounts.sign_up(one, _session(one), invitation="i") for one in made), return_exceptions=True
    )
    assert [type(answer) for answer in answers if answer] == [SecretUsedError] * 3
    assert await stores.invitations.get("i") is None


async def test_of_two_changes_of_one_account_exactly_one_is_written(stores: Stores) -> None:
    account = _account()
    await _signed_up(stores, account)
    answers = await asyncio.gather(
        *(stores.accounts.save(accounts.renamed(account, name)) for name in ("유미", "Yumi")), return_exceptions=True
    )
    assert [type(answer) for answer in answers if answer] == [RevisionConflictError]
    with pytest.raises(RevisionConflictError):
        await stores.accounts.save(_account("nobody"))


async def test_accounts_are_paged_by_id(stores: Stores) -> None:
    for login in ("c", "a", "b"):
        await _signed_up(stores, _account(login))
    assert [one.id for one in await stores.accounts.page(after="", size=2)] == ["a", "b"]
    assert [one.id for one in await stores.accounts.page(after="b", size=2)] == ["c"]


async def test_the_last_owner_stays_one(stores: Stores) -> None:
    owner = _account("renga", is_first=True)
    session = await _signed_up(stores, owner)
    await _signed_up(stores, _account())
    for after in (accounts.with_role(owner, Role.MANAGER), accounts.switched(owner, disabled=True)):
        with pytest.raises(LastOwnerError):
            await stores.accounts.save_role(after, end_sessions=True)
    assert await stores.accounts.get("owner") == owner
    assert await stores.sessions.get(session.id) == session


async def test_of_owners_who_all_stop_at_the_same_time_one_stays(stores: Stores) -> None:
    owners = [_account("renga", is_first=True), *(_account(f"user{n}", role=Role.OWNER) for n in range(9))]
    for one in owners:
        await _signed_up(stores, one)
    await asyncio.gather(*(stores.accounts.get(one.id) for one in owners))  # a connection each
    answers = await asyncio.gather(
        *(stores.accounts.save_role(accounts.with_role(one, Role.VIEWER), end_sessions=False) for one in owners),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers if answer] == [LastOwnerError]
    assert [one.role for one in await stores.accounts.page(after="", size=20)].count(Role.OWNER) == 1


async def test_disabling_ends_the_sessions_of_that_account_alone(stores: Stores) -> None:
    await _signed_up(stores, _account("renga", is_first=True))
    account = _account()
    await _signed_up(stores, account)
    await stores.accounts.save_role(accounts.switched(account, disabled=True), end_sessions=True)
    stored = await stores.accounts.get("yumi")
    assert stored is not None
    assert stored.disabled
    assert await stores.sessions.of("yumi", size=5) == []
    assert len(await stores.sessions.of("owner", size=5)) == 1


async def test_a_new_password_carries_one_session_over_and_ends_the_others(stores: Stores) -> None:
    account = _account()
    kept = await _signed_up(stores, account)
    await stores.sessions.add(_session(account, "2"))
    after = accounts.with_password(account, "new")
    await stores.accounts.save_password(after, kept=carried_over(kept, after))
    assert await stores.sessions.of("yumi", size=5) == [carried_over(kept, after)]
    assert await stores.accounts.get("yumi") == after
    with pytest.raises(RevisionConflictError):
        await stores.accounts.save_password(after, kept=None)


async def test_a_reset_is_used_once(stores: Stores) -> None:
    account = _account()
    await _signed_up(stores, account)
    await stores.resets.put(Reset("first", "yumi", LATER))
    await stores.resets.put(Reset("second", "yumi", LATER))
    assert await stores.resets.get("first") is None
    assert await stores.resets.get("second") == Reset("second", "yumi", LATER)
    after = accounts.with_password(account, "new")
    await stores.accounts.save_password(after, kept=None, reset="second")
    assert await stores.sessions.of("yumi", size=5) == []
    with pytest.raises(SecretUsedError):
        await stores.accounts.save_password(accounts.with_password(after, "newer"), kept=None, reset="second")
    assert await stores.accounts.get("yumi") == after


async def test_the_use_of_a_session_moves_forward_only(stores: Stores) -> None:
    session = await _signed_up(stores, _account())
    later, latest = (replace(session, used_at=NOW + timedelta(minutes=n)) for n in (1, 2))
    for touched in (latest, later):
        await stores.sessions.touch(touched)
    assert await stores.sessions.get(session.id) == latest
    await stores.sessions.touch(replace(latest, id="gone"))
    assert await stores.sessions.get("gone") is None


async def test_a_session_is_removed_by_its_own_account_alone(stores: Stores) -> None:
    session = await _signed_up(stores, _account())
    assert not await stores.sessions.remove(session.id, account="renga")
    assert await stores.sessions.remove(session.id, account="yumi")
    assert not await stores.sessions.remove(session.id, account="yumi")


async def test_sessions_are_listed_newest_first(stores: Stores) -> None:
    account = _account()
    await _signed_up(stores, account)
    for number in ("2", "3"):
        await stores.sessions.add(_session(account, number, seconds=float(number)))
    assert [one.id for one in await stores.sessions.of("yumi", size=2)] == ["yumi-3", "yumi-2"]


async def test_api_tokens_are_kept_listed_used_and_removed(stores: Stores) -> None:
    older = ApiToken("a", "yumi", "노트북", Role.VIEWER, NOW, LATER)
    newer = ApiToken("b", "yumi", "CI", Role.ANNOTATOR, NOW + timedelta(seconds=1), LATER + timedelta(days=1))
    for token in (older, newer):
        await stores.api_tokens.add(token)
    assert await stores.api_tokens.of("yumi", now=NOW, size=5) == [newer, older]
    assert await stores.api_tokens.of("yumi", now=LATER, size=5) == [newer]
    assert await stores.api_tokens.of("renga", now=NOW, size=5) == []
    used = replace(older, used_at=NOW + timedelta(hours=2))
    for touched in (used, replace(older, used_at=NOW)):
        await stores.api_tokens.touch(touched)
    assert await stores.api_tokens.get("a") == used
    assert not await stores.api_tokens.remove("a", account="renga")
    assert await stores.api_tokens.remove("a", account="yumi")
    assert await stores.api_tokens.get("a") is None


async def test_invitations_are_paged_newest_first_without_those_that_expired(stores: Stores) -> None:
    made = [Invitation(f"i{n}", Role.VIEWER, "users/owner", NOW + timedelta(seconds=n // 2), LATER) for n in range(4)]
    expired = Invitation("i9", Role.VIEWER, "users/owner", NOW, NOW + timedelta(seconds=1))
    for one in (*made, expired):
        await stores.invitations.add(one)
    now = NOW + timedelta(seconds=1)
    first = await stores.invitations.page(now=now, after=None, size=3)
    rest = await stores.invitations.page(now=now, after=(first[-1].created_at, first[-1].id), size=3)
    assert [*first, *rest] == made[::-1]
    assert await stores.invitations.remove("i0")
    assert not await stores.invitations.remove("i0")


async def test_attempts_at_once_are_all_counted(stores: Stores) -> None:
    counted = await asyncio.gather(*(stores.attempts.count("k", until=LATER) for _ in range(8)))
    assert sorted(counted) == list(range(1, 9))
    assert await stores.attempts.count("other", until=LATER) == 1
    await stores.attempts.forget("k")
    assert await stores.attempts.count("k", until=LATER) == 1


async def test_what_expires_is_taken_away_by_the_server(database: Database) -> None:
    for name in ("sessions", "api_tokens", "invitations", "password_resets", "attempts"):
        indexes = await database[name].index_information()
        assert indexes["expiry"]["key"] == [("expires_at", 1)]
        assert indexes["expiry"]["expireAfterSeconds"] == 0


async def test_no_query_reads_more_than_it_answers(database: Database) -> None:
    """Each by an index: the plans of MongoDB name no scan of a collection."""
    queries: list[tuple[str, dict[str, object]]] = [
        ("accounts", {"login": "yumi"}),
        ("accounts", {"role": "OWNER", "disabled": False}),
        ("sessions", {"account": "yumi"}),
        ("api_tokens", {"account": "yumi"}),
        ("password_resets", {"secret": "s"}),
    ]
    for collection, query in queries:
        plan = await database[collection].find(query).explain()
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), (collection, query)
