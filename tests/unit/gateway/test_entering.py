"""Signing up, logging in, passwords and resets."""

from __future__ import annotations

import asyncio

import pytest

from annostream_gateway.identity.domain.attempts import Limit
from annostream_gateway.identity.domain.policy import Policy
from annostream_gateway.identity.use_cases.entering import Entered, SignUpForm
from annostream_kit.auth import Role
from annostream_kit.errors import Refused, Unauthenticated
from tests.unit.gateway.world import ELSEWHERE, HERE, PASSWORD, World


@pytest.fixture
def world() -> World:
    return World()


async def _invitation(world: World, role: Role = Role.REVIEWER) -> str:
    return (await world.people.invite("users/owner", Role.OWNER, role, 0))[1]


async def _works(world: World, entered: Entered) -> bool:
    try:
        await world.replica().by_session(entered.secret)
    except Unauthenticated:
        return False
    return True


async def test_whoever_signs_up_is_logged_in_and_the_first_is_owner(world: World) -> None:
    first, second = await world.sign_up("renga"), await world.sign_up("yumi")
    assert (first.account.name, first.account.role) == ("users/owner", Role.OWNER)
    assert (second.account.name, second.account.role) == ("users/yumi", Role.ANNOTATOR)
    assert await _works(world, first)
    assert await _works(world, second)


@pytest.mark.parametrize("login", ["renga", "owner"])
async def test_a_login_that_somebody_has_or_is_known_by_is_taken(world: World, login: str) -> None:
    await world.sign_up("renga")
    with pytest.raises(Refused, match="LOGIN_TAKEN"):
        await world.sign_up(login)


async def test_of_many_who_sign_up_first_at_once_one_is_owner(world: World) -> None:
    entered = await asyncio.gather(*(world.sign_up(f"user{n}") for n in range(5)))
    assert sorted(one.account.role for one in entered) == [Role.ANNOTATOR] * 4 + [Role.OWNER]


async def test_elsewhere_signing_up_takes_an_invitation_which_gives_its_role_once(world: World) -> None:
    with pytest.raises(Refused, match="INVITATION_NEEDED"):
        await world.sign_up("renga", ELSEWHERE)
    await world.sign_up("renga")
    secret = await _invitation(world)
    assert (await world.sign_up("yumi", ELSEWHERE, invitation=secret)).account.role is Role.REVIEWER
    with pytest.raises(Refused, match="INVITATION_INVALID"):
        await world.sign_up("sun-i", ELSEWHERE, invitation=secret)


async def test_the_first_account_is_owner_whatever_its_invitation_says(world: World) -> None:
    secret = await _invitation(world, Role.VIEWER)
    assert (await world.sign_up("renga", ELSEWHERE, invitation=secret)).account.role is Role.OWNER


async def test_a_refused_sign_up_leaves_the_invitation_for_another_try(world: World) -> None:
    await world.sign_up("renga")
    secret = await _invitation(world)
    with pytest.raises(Refused, match="LOGIN_TAKEN"):
        await world.sign_up("renga", ELSEWHERE, invitation=secret)
    assert (await world.sign_up("yumi", ELSEWHERE, invitation=secret)).account.login == "yumi"


async def test_an_invitation_expires_and_can_be_revoked(world: World) -> None:
    await world.sign_up("renga")
    expiring = await _invitation(world)
    world.wait(days=7)
    revoked, secret = await world.people.invite("users/owner", Role.OWNER, None, 1)
    assert revoked.role is Role.ANNOTATOR
    await world.people.revoke_invitation(revoked.id)
    for one in (expiring, secret, "made up"):
        with pytest.raises(Refused, match="INVITATION_INVALID"):
            await world.sign_up("yumi", ELSEWHERE, invitation=one)
    with pytest.raises(Refused, match="INVITATION_NOT_FOUND"):
        await world.people.revoke_invitation(revoked.id)


async def test_where_signing_up_is_closed_no_invitation_opens_it() -> None:
    world = World(Policy(sign_up="closed"))
    with pytest.raises(Refused, match="SIGN_UP_CLOSED"):
        await world.sign_up("renga", HERE, invitation=await _invitation(world))


async def test_logging_in_takes_the_right_password(world: World) -> None:
    await world.sign_up("yumi")
    entered = await world.entering.log_in(" Yumi", PASSWORD, ELSEWHERE)
    assert await _works(world, entered)
    with pytest.raises(Refused, match="WRONG_CREDENTIALS"):
        await world.entering.log_in("yumi", PASSWORD + "!", ELSEWHERE)


async def test_nobody_learns_which_accounts_there_are(world: World) -> None:
    """Unknown, disabled, wrong password: one answer, after as much work."""
    await world.sign_up("renga")
    await world.sign_up("yumi")
    await world.people.switch("yumi", disabled=True)
    answers = []
    for login, typed in [("nobody", PASSWORD), ("yumi", PASSWORD), ("renga", "wrong"), ("no such login!", "x")]:
        before = world.hashes.checks
        with pytest.raises(Unauthenticated) as refused:
            await world.entering.log_in(login, typed, ELSEWHERE)
        answers.append((str(refused.value), refused.value.metadata, world.hashes.checks - before))
    assert len({str(answer) for answer in answers}) == 1
    assert answers[0][-1] == 1


async def test_an_account_is_guessed_at_a_few_times_only_known_or_not() -> None:
    world = World(Policy(per_account=Limit(3, 300), per_address=Limit(1000, 300)))
    await world.sign_up("yumi")
    for login in ("yumi", "nobody"):
        reasons = []
        for _ in range(5):
            with pytest.raises(Refused) as refused:
                await world.entering.log_in(login, "wrong password", ELSEWHERE)
            reasons.append(refused.value.reason)
        assert reasons == ["WRONG_CREDENTIALS"] * 3 + ["TOO_MANY_ATTEMPTS"] * 2
    checks = world.hashes.checks
    with pytest.raises(Refused, match="TOO_MANY_ATTEMPTS"):
        await world.entering.log_in("yumi", PASSWORD, ELSEWHERE)
    assert world.hashes.checks == checks
    world.wait(seconds=300)
    assert (await world.entering.log_in("yumi", PASSWORD, ELSEWHERE)).account.login == "yumi"


async def test_an_address_guesses_a_few_times_only_whatever_logins_it_tries() -> None:
    world = World(Policy(per_address=Limit(5, 300)))
    await world.sign_up("yumi")
    for n in range(5):
        with pytest.raises(Refused, match="WRONG_CREDENTIALS"):
            await world.entering.log_in(f"user{n}", "wrong", ELSEWHERE)
    for attempt in (world.entering.log_in("yumi", PASSWORD, ELSEWHERE), world.sign_up("sun-i", ELSEWHERE)):
        with pytest.raises(Refused, match="TOO_MANY_ATTEMPTS"):
            await attempt
    await world.entering.log_in("yumi", PASSWORD, HERE)


async def test_the_right_password_takes_the_accounts_attempts_back() -> None:
    world = World(Policy(per_account=Limit(2, 300)))
    await world.sign_up("yumi")
    for _ in range(5):
        await world.entering.log_in("yumi", PASSWORD, ELSEWHERE)


async def test_logging_out_ends_this_session_alone(world: World) -> None:
    first = await world.sign_up("yumi")
    second = await world.entering.log_in("yumi", PASSWORD, HERE)
    await world.entering.log_out(first.session)
    assert not await _works(world, first)
    assert await _works(world, second)


async def test_a_new_password_ends_all_other_sessions(world: World) -> None:
    first = await world.sign_up("yumi")
    second = await world.entering.log_in("yumi", PASSWORD, HERE)
    with pytest.raises(Refused, match="WRONG_CREDENTIALS"):
        await world.entering.change_password(second.account.id, second.session, "wrong", "a new password", HERE)
    await world.entering.change_password(second.account.id, second.session, PASSWORD, "a new password", HERE)
    assert not await _works(world, first)
    assert await _works(world, second)
    with pytest.raises(Refused, match="WRONG_CREDENTIALS"):
        await world.entering.log_in("yumi", PASSWORD, HERE)
    await world.entering.log_in("yumi", "a new password", HERE)


async def test_a_log_in_that_was_on_its_way_when_the_password_changed_comes_to_nothing(world: World) -> None:
    entered = await world.sign_up("yumi")
    _, secret = await world.people.create_reset("owner")
    await world.entering.reset_password(secret, "a new password", HERE)
    await world.stores.sessions.add(entered.session)
    assert not await _works(world, entered)


async def test_a_stolen_session_guesses_the_password_a_few_times_only() -> None:
    world = World(Policy(per_account=Limit(2, 300)))
    stolen = await world.sign_up("yumi")
    reasons = []
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            await world.entering.change_password("owner", stolen.session, "wrong", "a new password", HERE)
        reasons.append(refused.value.reason)
    assert reasons == ["WRONG_CREDENTIALS"] * 2 + ["TOO_MANY_ATTEMPTS"]


async def test_a_reset_link_works_once_and_ends_all_sessions(world: World) -> None:
    entered = await world.sign_up("yumi")
    _, void = await world.people.create_reset("owner")
    _, secret = await world.people.create_reset("owner")
    with pytest.raises(Refused, match="PASSWORD_TOO_SHORT"):
        await world.entering.reset_password(secret, "short", HERE)
    await world.entering.reset_password(secret, "a new password", HERE)
    assert not await _works(world, entered)
    await world.entering.log_in("yumi", "a new password", HERE)
    for used in (secret, void, "made up"):
        with pytest.raises(Refused, match="RESET_INVALID"):
            await world.entering.reset_password(used, "another password", HERE)


async def test_a_reset_link_expires(world: World) -> None:
    await world.sign_up("yumi")
    reset, secret = await world.people.create_reset("owner")
    world.now = reset.expires_at
    with pytest.raises(Refused, match="RESET_INVALID"):
        await world.entering.reset_password(secret, "a new password", HERE)


async def test_hashes_of_older_parameters_are_made_anew_at_log_in(world: World) -> None:
    entered = await world.sign_up("yumi")
    world.hashes.cost = "2"
    await world.entering.log_in("yumi", PASSWORD, HERE)
    stored = await world.people.get("owner")
    assert stored.password_hash.startswith("2:")
    assert await _works(world, entered)


async def test_a_form_is_refused_before_anything_is_hashed_or_stored(world: World) -> None:
    for form in (
        SignUpForm("-", PASSWORD),
        SignUpForm("yumi", "short"),
        SignUpForm("yumi", PASSWORD, display_name="\u202eevil"),
    ):
        with pytest.raises(Refused, match=r"INVALID_LOGIN|PASSWORD_TOO_SHORT|INVALID_DISPLAY_NAME"):
            await world.entering.sign_up(form, HERE)
    assert world.memory.accounts == {}
