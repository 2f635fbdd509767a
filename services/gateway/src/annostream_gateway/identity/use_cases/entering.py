"""Signing up, logging in and out, and passwords."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from annostream_gateway.identity.domain import account as accounts
from annostream_gateway.identity.domain import password, session
from annostream_gateway.identity.domain.access import Access, Client, access
from annostream_gateway.identity.domain.account import FIRST_ID, Account
from annostream_gateway.identity.domain.one_use import Invitation
from annostream_gateway.identity.domain.secret import Kind, secret_id
from annostream_gateway.identity.domain.session import Session
from annostream_gateway.identity.ports import (
    FirstTakenError,
    LoginTakenError,
    PasswordHashes,
    RevisionConflictError,
    SecretUsedError,
    Stores,
    World,
)
from annostream_gateway.identity.use_cases.attempts import Attempts
from annostream_kit.errors import Aborted, AlreadyExists, FailedPrecondition, PermissionDenied, Refused, Unauthenticated

log = structlog.get_logger()
# No login is longer; more is not worth a look.
_LOGIN_CHARACTERS = 64


@dataclass(frozen=True)
class SignUpForm:
    login: str
    password: str = field(repr=False)
    display_name: str = ""
    invitation: str = field(default="", repr=False)


@dataclass(frozen=True)
class Entered:
    """Somebody is in. secret: of the session."""

    account: Account
    session: Session
    secret: str = field(repr=False)


class Entering:
    def __init__(self, stores: Stores, attempts: Attempts, hashes: PasswordHashes, world: World) -> None:
        self._accounts = stores.accounts
        self._sessions = stores.sessions
        self._invitations = stores.invitations
        self._resets = stores.resets
        self._attempts = attempts
        self._hashes = hashes
        self._policy = world.policy
        self._world = world

    async def is_first(self) -> bool:
        """Whether nobody has an account yet."""
        return await self._accounts.get(FIRST_ID) is None

    async def sign_up(self, form: SignUpForm, client: Client) -> Entered:
        """That a login is taken is said here: whoever signs up must be able to choose another."""
        await self._attempts.admit(client.address)
        login = accounts.checked_login(form.login)
        name = accounts.checked_display_name(form.display_name) if form.display_name else login
        new_password = password.checked(form.password, login=login, min_characters=self._policy.min_password_characters)
        invitation = await self._invitation(form, client)
        role = invitation.role if invitation else self._policy.sign_up_role
        password_hash = await self._hashes.make(new_password)
        make = partial(accounts.opened, login, name, password_hash, role, now=self._world.clock())
        entered = await self._add_account(make, client, invitation.id if invitation else "")
        log.info("account_opened", account=entered.account.name, role=entered.account.role.name.lower())
        return entered

    async def log_in(self, login: str, typed: str, client: Client) -> Entered:
        """The same answer after the same work whether the account is unknown, disabled, or the password wrong."""
        login = login.strip().lower()[:_LOGIN_CHARACTERS]
        await self._attempts.admit(client.address, login)
        account = await self._accounts.by_login(login)
        right = await self._is_right(account, typed)
        if account is None or account.disabled or not right:
            raise _wrong_credentials("The login or the password is wrong.")
        account = await self._rehash(account, typed)
        await self._attempts.forget(login)
        begun, secret = self._begin(account, client)
        await self._sessions.add(begun)
        log.info("logged_in", account=account.name)
        return Entered(account, begun, secret)

    async def log_out(self, ended: Session) -> None:
        await self._sessions.remove(ended.id, account=ended.account)

    async def change_password(self, account_id: str, kept: Session, current: str, new: str, client: Client) -> None:
        """All other sessions end."""
        account = await self._accounts.get(account_id)
        if account is None:
            raise _wrong_credentials("The current password is wrong.")
        await self._attempts.admit(client.address, account.login)
        if not await self._is_right(account, current):
            raise _wrong_credentials("The current password is wrong.")
        after = await self._with_password(account, new)
        try:
            await self._accounts.save_password(after, kept=session.carried_over(kept, after))
        except RevisionConflictError as error:
            raise _changed_meanwhile() from error
        await self._attempts.forget(account.login)
        log.info("password_changed", account=account.name)

    async def reset_password(self, secret: str, new: str, client: Client) -> Account:
        """With the secret of a reset link; all sessions end."""
        await self._attempts.admit(client.address)
        reset = await self._resets.get(secret_id(Kind.RESET, secret))
        account = await self._accounts.get(reset.account) if reset else None
        if reset is None or account is None or reset.expires_at <= self._world.clock():
            raise _reset_invalid()
        after = await self._with_password(account, new)
        try:
            await self._accounts.save_password(after, kept=None, reset=reset.id)
        except SecretUsedError as error:
            raise _reset_invalid() from error
        except RevisionConflictError as error:
            raise _changed_meanwhile() from error
        log.info("password_reset", account=account.name)
        return after

    async def _invitation(self, form: SignUpForm, client: Client) -> Invitation | None:
        allowed = access(self._policy.sign_up, client)
        if allowed is Access.CLOSED:
            raise PermissionDenied("SIGN_UP_CLOSED", "Nobody can sign up here: ask an owner.")
        if not form.invitation:
            if allowed is Access.INVITATION:
                raise PermissionDenied(
                    "INVITATION_NEEDED", "Signing up here takes an invitation: ask a manager for one."
                )
            return None
        found = await self._invitations.get(secret_id(Kind.INVITATION, form.invitation))
        if found is None or found.expires_at <= self._world.clock():
            raise _invitation_invalid()
        return found

    async def _add_account(self, make: Callable[..., Account], client: Client, invitation: str) -> Entered:
        if await self.is_first():
            with suppress(FirstTakenError):
                return await self._add(make(is_first=True), client, invitation)
        account = make(is_first=False)
        try:
            return await self._add(account, client, invitation)
        except FirstTakenError as error:
            # users/owner is the first account's, whatever its login is.
            raise _login_taken(account.login) from error

    async def _add(self, account: Account, client: Client, invitation: str) -> Entered:
        begun, secret = self._begin(account, client)
        try:
            await self._accounts.sign_up(account, begun, invitation=invitation)
        except LoginTakenError as error:
            raise _login_taken(account.login) from error
        except SecretUsedError as error:
            raise _invitation_invalid() from error
        return Entered(account, begun, secret)

    async def _is_right(self, account: Account | None, typed: str) -> bool:
        return await self._hashes.check(account.password_hash if account else None, password.normalised(typed))

    async def _with_password(self, account: Account, new: str) -> Account:
        checked = password.checked(new, login=account.login, min_characters=self._policy.min_password_characters)
        return accounts.with_password(account, await self._hashes.make(checked))

    async def _rehash(self, account: Account, typed: str) -> Account:
        """The password is at hand in the clear at log-in alone."""
        if not self._hashes.is_outdated(account.password_hash):
            return account
        after = accounts.rehashed(account, await self._hashes.make(password.normalised(typed)))
        try:
            await self._accounts.save(after)
        except RevisionConflictError:
            return account  # The next log-in does it.
        return after

    def _begin(self, account: Account, client: Client) -> tuple[Session, str]:
        secret = self._world.make_secret()
        return session.begun(secret_id(Kind.SESSION, secret), account, client, now=self._world.clock()), secret


def _wrong_credentials(message: str) -> Refused:
    return Unauthenticated("WRONG_CREDENTIALS", message)


def _login_taken(login: str) -> Refused:
    return AlreadyExists("LOGIN_TAKEN", f"The login {login} is taken: choose another.", login=login)


def _invitation_invalid() -> Refused:
    return FailedPrecondition("INVITATION_INVALID", "This invitation is unknown, used or expired: ask for a new one.")


def _reset_invalid() -> Refused:
    return FailedPrecondition("RESET_INVALID", "This link is unknown, used or expired: ask an owner for a new one.")


def _changed_meanwhile() -> Refused:
    return Aborted("CHANGED_MEANWHILE", "The account was changed in this very moment: try again.")
