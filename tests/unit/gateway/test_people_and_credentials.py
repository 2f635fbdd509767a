"""Roles, disabling, API tokens, and the JWTs that credentials become."""

from __future__ import annotations

from datetime import timedelta

import pytest

from annostream_gateway.identity.domain.policy import Policy
from annostream_gateway.identity.domain.session import Lifetimes
from annostream_kit.auth import Role
from annostream_kit.errors import Refused
from tests.unit.gateway.world import HERE, PASSWORD, START, World


@pytest.fixture
def world() -> World:
    return World()


async def test_the_last_owner_can_be_neither_lowered_nor_disabled(world: World) -> None:
    await world.sign_up("renga")
    await world.sign_up("yumi")
    with pytest.raises(Refused, match="LAST_OWNER"):
        await world.people.change_role("owner", Role.MANAGER)
    with pytest.raises(Refused, match="LAST_OWNER"):
        await world.people.switch("owner", disabled=True)
    await world.people.change_role("yumi", Role.OWNER)
    assert (await world.people.change_role("owner", Role.MANAGER)).role is Role.MANAGER
    with pytest.raises(Refused, match="LAST_OWNER"):
        await world.people.switch("yumi", disabled=True)


async def test_what_is_not_there_is_said(world: World) -> None:
    await world.sign_up("renga")
    with pytest.raises(Refused, match="ACCOUNT_NOT_FOUND"):
        await world.people.change_role("nobody", Role.VIEWER)
    with pytest.raises(Refused, match="INVALID_ROLE"):
        await world.people.change_role("owner", None)
    with pytest.raises(Refused, match="SESSION_NOT_FOUND"):
        await world.own.end_session(await world.people.get("owner"), "none")
    with pytest.raises(Refused, match="API_TOKEN_NOT_FOUND"):
        await world.own.revoke_api_token("owner", "none")


async def test_a_manager_invites_up_to_their_own_role(world: World) -> None:
    with pytest.raises(Refused, match="ROLE_TOO_HIGH"):
        await world.people.invite("users/yumi", Role.MANAGER, Role.OWNER, 0)
    invitation, _ = await world.people.invite("users/yumi", Role.MANAGER, Role.MANAGER, 3)
    assert invitation.expires_at == START + timedelta(days=3)
    assert await world.people.invitations(after=None, size=5) == [invitation]


async def test_an_api_token_has_at_most_its_accounts_present_role(world: World) -> None:
    await world.sign_up("renga")
    account = (await world.sign_up("yumi")).account
    with pytest.raises(Refused, match="ROLE_TOO_HIGH"):
        await world.own.create_api_token(account, "CI", Role.MANAGER, 0)
    made, secret = await world.own.create_api_token(account, "CI", None, 0)
    assert secret.startswith("annostream_")
    assert secret not in repr(world.memory)
    assert (made.role, made.expires_at) == (Role.ANNOTATOR, START + timedelta(days=90))
    await world.people.change_role("yumi", Role.VIEWER)
    assert (await world.credentials.by_api_token(secret)).role is Role.VIEWER
    await world.people.change_role("yumi", Role.OWNER)
    world.wait(seconds=2)
    assert (await world.credentials.by_api_token(secret)).role is Role.ANNOTATOR


async def test_the_use_of_an_api_token_is_written_once_a_minute(world: World) -> None:
    account = (await world.sign_up("yumi")).account
    _, secret = await world.own.create_api_token(account, "CI", None, 0)
    written = []
    for _ in range(25):
        world.wait(seconds=5)
        await world.credentials.by_api_token(secret)
        (listed,) = await world.own.api_tokens(account)
        written.append(listed.used_at)
    assert sorted({one - START for one in written if one}) == [timedelta(seconds=n) for n in (5, 65, 125)]


async def test_api_tokens_are_bounded_and_expired_ones_make_room() -> None:
    world = World(Policy(api_tokens_per_account=2))
    account = (await world.sign_up("yumi")).account
    for _ in range(2):
        await world.own.create_api_token(account, "CI", None, 1)
    with pytest.raises(Refused, match="TOO_MANY_API_TOKENS"):
        await world.own.create_api_token(account, "CI", None, 1)
    world.wait(days=1)
    await world.own.create_api_token(account, "CI", None, 1)


async def test_a_session_is_one_jwt_until_that_nears_its_end(world: World) -> None:
    entered = await world.sign_up("yumi")
    seen = set()
    for _ in range(40):
        seen.add(world.credentials.bearer(await world.credentials.by_session(entered.secret)).token)
        world.wait(seconds=30)
    assert len(seen) == 3  # 20 minutes, 7.5 of the 10 of each


async def test_a_session_ends_when_it_is_idle_and_at_last_in_any_case() -> None:
    world = World(Policy(sessions=Lifetimes(timedelta(hours=10), timedelta(hours=30), timedelta(minutes=1))))
    used, idle = await world.sign_up("yumi"), await world.entering.log_in("yumi", PASSWORD, HERE)
    for hours in range(29):
        await world.credentials.by_session(used.secret)
        world.wait(hours=1)
        if hours == 9:
            with pytest.raises(Refused, match="SESSION_ENDED"):
                await world.credentials.by_session(idle.secret)
    world.wait(hours=1)
    with pytest.raises(Refused, match="SESSION_ENDED"):
        await world.credentials.by_session(used.secret)


async def test_a_changed_role_is_in_the_next_jwt(world: World) -> None:
    await world.sign_up("renga")
    entered = await world.sign_up("yumi")
    first = world.credentials.bearer(await world.credentials.by_session(entered.secret)).token
    await world.people.change_role("yumi", Role.MANAGER)
    world.credentials.forget_account("yumi")
    second = world.credentials.bearer(await world.credentials.by_session(entered.secret)).token
    assert ("annotator" in first, "manager" in second) == (True, True)


async def test_a_role_that_another_replica_changed_is_in_the_next_jwt_too(world: World) -> None:
    await world.sign_up("renga")
    entered = await world.sign_up("yumi")
    world.credentials.bearer(await world.credentials.by_session(entered.secret))
    await world.people.change_role("yumi", Role.VIEWER)
    world.wait(seconds=2)
    assert "viewer" in world.credentials.bearer(await world.credentials.by_session(entered.secret)).token


async def test_a_jwt_ends_with_its_credential(world: World) -> None:
    account = (await world.sign_up("yumi")).account
    made, secret = await world.own.create_api_token(account, "CI", None, 1)
    world.now = made.expires_at - timedelta(seconds=20)
    bearer = world.credentials.bearer(await world.credentials.by_api_token(secret))
    assert bearer.expires_at == made.expires_at


async def test_what_a_replica_remembers_is_bounded() -> None:
    world = World(Policy(remembered_credentials=3))
    entered = await world.sign_up("yumi")
    secrets = [entered.secret] + [
        (await world.own.create_api_token(entered.account, f"CI {n}", None, 0))[1] for n in range(5)
    ]
    await world.credentials.by_session(secrets[0])
    for secret in secrets[1:]:
        world.credentials.bearer(await world.credentials.by_api_token(secret))
    before = len(world.minter.minted)
    for secret in secrets[-3:]:
        world.credentials.bearer(await world.credentials.by_api_token(secret))
    assert len(world.minter.minted) == before
    world.credentials.bearer(await world.credentials.by_api_token(secrets[1]))
    assert len(world.minter.minted) == before + 1


async def test_a_name_is_changed(world: World) -> None:
    await world.sign_up("yumi")
    assert (await world.people.rename("owner", " 유미 ")).display_name == "유미"
    assert [one.display_name for one in await world.people.page(after="", size=5)] == ["유미"]


async def test_display_names_are_of_those_who_are_known(world: World) -> None:
    await world.sign_up("renga")
    await world.people.rename("owner", "렝가")
    await world.sign_up("yumi")
    asked = ["users/yumi", "users/owner", "users/yumi", "users/nobody", "serviceAccounts/yumi", "users/", ""]
    assert await world.people.display_names(asked) == {"users/owner": "렝가", "users/yumi": "yumi"}
    assert await world.people.display_names([]) == {}


async def test_more_than_500_display_names_at_a_time_are_refused(world: World) -> None:
    await world.sign_up("renga")
    assert await world.people.display_names(["users/owner"] * 500) == {"users/owner": "renga"}
    with pytest.raises(Refused, match="TOO_MANY_NAMES"):
        await world.people.display_names(["users/owner"] * 501)
