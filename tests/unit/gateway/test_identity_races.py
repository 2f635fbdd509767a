"""What another replica does in the same moment: decided anew where that is safe, else said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annostream_gateway.identity.domain import account as accounts
from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.session import Session
from annostream_gateway.identity.ports import SecretUsedError
from annostream_gateway.identity.use_cases.entering import Entering
from annostream_gateway.identity.use_cases.people import People
from annostream_kit.auth import Role
from annostream_kit.errors import Refused
from tests.fakes.gateway import Memory, MemoryAccounts
from tests.unit.gateway.world import HERE, PASSWORD, World


class Racing(MemoryAccounts):
    """Before each of the first `races` writes, somebody else renames the account or uses up what it needs."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.races = 0
        self.first_is_taken = False

    async def get(self, account: str) -> Account | None:
        return None if self.first_is_taken else await super().get(account)

    async def sign_up(self, account: Account, session: Session, *, invitation: str) -> None:
        self.first_is_taken = False
        if self._is_raced():
            raise SecretUsedError(invitation)
        await super().sign_up(account, session, invitation=invitation)

    async def save(self, account: Account) -> None:
        await self._race(account)
        await super().save(account)

    async def save_role(self, account: Account, *, end_sessions: bool) -> None:
        await self._race(account)
        await super().save_role(account, end_sessions=end_sessions)

    async def save_password(self, account: Account, *, kept: Session | None, reset: str = "") -> None:
        if reset and self._is_raced():
            raise SecretUsedError(reset)
        await self._race(account)
        await super().save_password(account, kept=kept, reset=reset)

    async def _race(self, account: Account) -> None:
        if self._is_raced():
            before = await super().get(account.id)
            assert before is not None
            await super().save(accounts.renamed(before, "other"))

    def _is_raced(self) -> bool:
        self.races -= 1
        return self.races >= 0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def racing(world: World) -> Racing:
    made = Racing(world.memory)
    stores = replace(world.stores, accounts=made)
    world.entering = Entering(stores, world.entering._attempts, world.hashes, world.surroundings)
    world.people = People(stores, world.surroundings)
    return made


async def test_who_comes_second_as_first_account_is_an_ordinary_one(world: World, racing: Racing) -> None:
    await world.sign_up("renga")
    racing.first_is_taken = True  # read as free, and taken when it is written
    entered = await world.sign_up("yumi")
    assert (entered.account.name, entered.account.role) == ("users/yumi", Role.ANNOTATOR)


async def test_an_invitation_that_was_used_in_this_moment_is_invalid(world: World, racing: Racing) -> None:
    await world.sign_up("renga")
    _, secret = await world.people.invite("users/owner", Role.OWNER, None, 0)
    racing.races = 1
    with pytest.raises(Refused, match="INVITATION_INVALID"):
        await world.sign_up("yumi", invitation=secret)


async def test_a_role_is_changed_on_top_of_what_others_change(world: World, racing: Racing) -> None:
    await world.sign_up("renga")
    await world.sign_up("yumi")
    racing.races = 4
    changed = await world.people.change_role("yumi", Role.REVIEWER)
    assert (changed.role, changed.display_name) == (Role.REVIEWER, "other")
    racing.races = 5
    with pytest.raises(Refused, match="CHANGED_MEANWHILE"):
        await world.people.change_role("yumi", Role.VIEWER)


async def test_a_password_is_not_decided_anew_by_us(world: World, racing: Racing) -> None:
    entered = await world.sign_up("renga")
    racing.races = 1
    with pytest.raises(Refused, match="CHANGED_MEANWHILE"):
        await world.entering.change_password("owner", entered.session, PASSWORD, "a new password", HERE)
    with pytest.raises(Refused, match="WRONG_CREDENTIALS"):
        await world.entering.change_password("nobody", entered.session, PASSWORD, "a new password", HERE)
    await world.entering.log_in("renga", PASSWORD, HERE)


async def test_a_reset_that_was_used_in_this_moment_is_invalid_and_one_that_was_raced_stays(
    world: World, racing: Racing
) -> None:
    await world.sign_up("renga")
    _, secret = await world.people.create_reset("owner")
    racing.races = 1
    with pytest.raises(Refused, match="RESET_INVALID"):
        await world.entering.reset_password(secret, "a new password", HERE)
    stored = await racing.get("owner")
    assert stored is not None
    racing._is_raced = iter([False, True]).__next__  # type: ignore[method-assign]  # the account, not the reset
    with pytest.raises(Refused, match="CHANGED_MEANWHILE"):
        await world.entering.reset_password(secret, "a new password", HERE)
    del racing._is_raced
    await world.entering.reset_password(secret, "a new password", HERE)


async def test_a_rehash_that_was_raced_is_left_to_the_next_log_in(world: World, racing: Racing) -> None:
    await world.sign_up("renga")
    world.hashes.cost = "2"
    racing.races = 1
    await world.entering.log_in("renga", PASSWORD, HERE)
    assert (await world.people.get("owner")).password_hash.startswith("1:")
    await world.entering.log_in("renga", PASSWORD, HERE)
    assert (await world.people.get("owner")).password_hash.startswith("2:")


async def test_a_bearer_of_a_credential_that_was_forgotten_is_made_and_not_kept(world: World) -> None:
    entered = await world.sign_up("renga")
    known = await world.credentials.by_session(entered.secret)
    world.credentials.forget(known.id)
    made = {world.credentials.bearer(known).token for _ in range(2)}
    assert len(made) == 2
