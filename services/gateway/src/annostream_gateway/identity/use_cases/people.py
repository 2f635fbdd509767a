"""Accounts as others see and change them: lists, roles, disabling, reset links, invitations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from annostream_gateway.identity.domain import account as accounts
from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.api_token import chosen_lifetime
from annostream_gateway.identity.domain.one_use import Invitation, Reset
from annostream_gateway.identity.domain.secret import Kind, secret_id
from annostream_gateway.identity.ports import LastOwnerError, Page, RevisionConflictError, Stores, World
from annostream_kit.auth import Role
from annostream_kit.errors import Aborted, InvalidArgument, NotFound

log = structlog.get_logger()
_TRIES = 5
_MOST_NAMES = 500
_USERS = "users/"


class People:
    def __init__(self, stores: Stores, world: World) -> None:
        self._accounts = stores.accounts
        self._invitations = stores.invitations
        self._resets = stores.resets
        self._world = world

    async def get(self, account_id: str) -> Account:
        account = await self._accounts.get(account_id)
        if account is None:
            message = f"There is no account users/{account_id}."
            raise NotFound("ACCOUNT_NOT_FOUND", message, account=f"users/{account_id}")
        return account

    async def page(self, *, after: str, size: int) -> list[Account]:
        return await self._accounts.page(after=after, size=size)

    async def display_names(self, names: Sequence[str]) -> dict[str, str]:
        """By users/{user}. Whatever else the other services name, such as a service account, is left out."""
        if len(names) > _MOST_NAMES:
            message = f"{len(names)} names are too many: ask for at most {_MOST_NAMES} at a time."
            raise InvalidArgument("TOO_MANY_NAMES", message, most=_MOST_NAMES)
        asked = [one.removeprefix(_USERS) for one in names if one.startswith(_USERS)]
        found = await self._accounts.display_names(asked)
        return {_USERS + one: name for one, name in found.items()}

    async def rename(self, account_id: str, display_name: str) -> Account:
        return await self._change(account_id, lambda one: accounts.renamed(one, display_name), self._accounts.save)

    async def change_role(self, account_id: str, role: Role | None) -> Account:
        if role is None:
            raise InvalidArgument("INVALID_ROLE", "Name a role: viewer, annotator, reviewer, manager or owner.")

        async def save(after: Account) -> None:
            await self._accounts.save_role(after, end_sessions=False)

        return await self._change(account_id, lambda one: accounts.with_role(one, role), save)

    async def switch(self, account_id: str, *, disabled: bool) -> Account:
        async def save(after: Account) -> None:
            await self._accounts.save_role(after, end_sessions=disabled)

        return await self._change(account_id, lambda one: accounts.switched(one, disabled=disabled), save)

    async def create_reset(self, account_id: str) -> tuple[Reset, str]:
        """With the secret."""
        account, secret = await self.get(account_id), self._world.make_secret()
        expires_at = self._world.clock() + self._world.policy.password_reset_lifetime
        reset = Reset(secret_id(Kind.RESET, secret), account.id, expires_at)
        await self._resets.put(reset)
        log.info("password_reset_made", account=account.name)
        return reset, secret

    async def invite(self, creator: str, own: Role, asked: Role | None, lifetime_days: int) -> tuple[Invitation, str]:
        """With the secret. creator: a subject."""
        role = accounts.granted(asked or Role.ANNOTATOR, own)
        policy = self._world.policy
        lifetime = chosen_lifetime(
            lifetime_days, default_days=policy.invitation_default_days, max_days=policy.invitation_max_days
        )
        secret, now = self._world.make_secret(), self._world.clock()
        invitation = Invitation(secret_id(Kind.INVITATION, secret), role, creator, now, now + lifetime)
        await self._invitations.add(invitation)
        return invitation, secret

    async def invitations(self, *, after: Page | None, size: int) -> list[Invitation]:
        return await self._invitations.page(now=self._world.clock(), after=after, size=size)

    async def revoke_invitation(self, invitation: str) -> None:
        if not await self._invitations.remove(invitation):
            message = "There is no such invitation, or it was used."
            raise NotFound("INVITATION_NOT_FOUND", message, invitation=f"invitations/{invitation}")

    async def _change(
        self, account_id: str, decide: Callable[[Account], Account], save: Callable[[Account], Awaitable[None]]
    ) -> Account:
        for _ in range(_TRIES):
            before = await self.get(account_id)
            after = decide(before)
            try:
                await save(after)
            except RevisionConflictError:
                continue
            except LastOwnerError as error:
                raise accounts.last_owner(before) from error
            log.info("account_changed", account=after.name, role=after.role.name.lower(), disabled=after.disabled)
            return after
        raise Aborted("CHANGED_MEANWHILE", "The account keeps being changed in this very moment: try again.")
