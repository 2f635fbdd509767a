"""Sessions and API tokens under whatever people, clocks and replicas do: who should be in is, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from annostream_gateway.identity.domain.policy import Policy
from annostream_gateway.identity.domain.secret import Kind, secret_id
from annostream_gateway.identity.domain.session import Lifetimes
from annostream_gateway.identity.use_cases.credentials import Credentials
from annostream_kit.auth import Role
from annostream_kit.errors import Refused, Unauthenticated
from tests.unit.gateway.world import HERE, PASSWORD, World

Answer = TypeVar("Answer")
LIFETIMES = Lifetimes(timedelta(hours=10), timedelta(hours=30), timedelta(minutes=1))
# So long a replica may go by what it has read.
CHECK = timedelta(seconds=2)
ROLES = st.sampled_from([Role.VIEWER, Role.ANNOTATOR, Role.REVIEWER, Role.MANAGER, Role.OWNER])


@dataclass
class Expected:
    """What a credential should do. used_at: when it last opened a door."""

    secret: str
    account: str
    begun_at: datetime
    used_at: datetime
    expires_at: datetime | None = None
    role: Role | None = None
    ended_at: datetime | None = None


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    return asyncio.run(work)


class CredentialsMachine(RuleBasedStateMachine):
    """Two replicas, one set of stores, and a plain model beside them."""

    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Policy(sign_up="open", sessions=LIFETIMES, credential_check=CHECK))
        self.replicas = [self.world.replica(), self.world.replica()]
        run(self.world.sign_up("renga"))
        run(self.world.sign_up("yumi"))
        self.role, self.disabled, self.password = Role.ANNOTATOR, False, PASSWORD
        self.role_changed_at = self.disabled_at = self.world.now
        self.credentials: list[Expected] = []

    @rule(target=known)
    def log_in(self) -> Any:
        self.world.memory.attempts.clear()
        try:
            entered = run(self.world.entering.log_in("yumi", self.password, HERE))
        except Unauthenticated:
            assert self.disabled
            return multiple()
        assert not self.disabled
        return self._expect(Expected(entered.secret, "yumi", self.world.now, self.world.now))

    @rule(target=known, role=ROLES, days=st.integers(1, 3))
    def make_api_token(self, role: Role, days: int) -> Any:
        account = run(self.world.people.get("yumi"))
        if role > self.role:
            with pytest.raises(Refused, match="ROLE_TOO_HIGH"):
                run(self.world.own.create_api_token(account, "CI", role, days))
            return multiple()
        token, secret = run(self.world.own.create_api_token(account, "CI", role, days))
        now = self.world.now
        return self._expect(Expected(secret, "yumi", now, now, token.expires_at, role=role))

    @rule(seconds=st.one_of(st.integers(0, 130), st.integers(3600, 12 * 3600)))
    def wait(self, seconds: int) -> None:
        self.world.wait(seconds=seconds)

    @rule(one=known, replica=st.integers(0, 1))
    def use(self, one: Expected, replica: int) -> None:
        try:
            by, credentials = self._by(one), self.replicas[replica]
            found = run(credentials.by_api_token(one.secret) if by == "token" else credentials.by_session(one.secret))
        except Unauthenticated:
            assert not self._is_surely_live(one)
            return
        assert found.account.name == "users/yumi"
        assert not self._is_surely_over(one)
        one.used_at = self.world.now
        if self.world.now >= self.role_changed_at + CHECK:
            assert found.role is min(one.role or self.role, self.role)
        self._check_bearer(credentials, one, found.role)

    @rule(one=known)
    def end(self, one: Expected) -> None:
        account = run(self.world.people.get("yumi"))
        listed = {session.id for session in run(self.world.own.sessions(account))}
        if self._by(one) == "token":
            tokens = run(self.world.own.api_tokens(account))
            for token in [token for token in tokens if token.expires_at == one.expires_at and token.role == one.role]:
                run(self.world.own.revoke_api_token("yumi", token.id))
            for same in self.credentials:
                if (same.expires_at, same.role) == (one.expires_at, one.role):
                    self._end(same)
        elif (session := self._session_id(one)) in listed:
            run(self.world.own.end_session(account, session))
            self._end(one)

    @rule(role=ROLES)
    def change_role(self, role: Role) -> None:
        run(self.world.people.change_role("yumi", role))
        self.role, self.role_changed_at = role, self.world.now

    @rule(disabled=st.booleans())
    def switch(self, disabled: bool) -> None:
        run(self.world.people.switch("yumi", disabled=disabled))
        if disabled and not self.disabled:
            self.disabled_at = self.world.now
        if disabled:
            for one in self.credentials:
                if self._by(one) == "session":
                    self._end(one)
        self.disabled = disabled

    @rule(new=st.sampled_from(["first password", "second password"]))
    def reset_password(self, new: str) -> None:
        self.world.memory.attempts.clear()
        _, secret = run(self.world.people.create_reset("yumi"))
        run(self.world.entering.reset_password(secret, new, HERE))
        self.password = new
        for one in self.credentials:
            if self._by(one) == "session":
                self._end(one)

    @invariant()
    def the_owner_is_never_locked_out(self) -> None:
        owners = [one for one in self.world.memory.accounts.values() if one.is_working_owner]
        assert owners

    @invariant()
    def no_secret_is_at_rest(self) -> None:
        stored = repr((self.world.memory.sessions, self.world.memory.api_tokens, self.world.memory.resets))
        assert not any(one.secret in stored for one in self.credentials)

    def _check_bearer(self, credentials: Credentials, one: Expected, role: Role) -> None:
        bearer = credentials.bearer(run(self._again(credentials, one)))
        _, subject, roles, issued, expires = bearer.token.split(" ")
        assert (subject, roles) == ("users/yumi", role.name.lower())
        assert int(issued) <= self.world.now.timestamp() < int(expires)
        assert one.role is None or role <= one.role
        end = one.expires_at or one.begun_at + LIFETIMES.absolute
        assert int(expires) <= max(end.timestamp(), int(issued) + 1)

    async def _again(self, credentials: Credentials, one: Expected) -> Any:
        by = credentials.by_api_token if self._by(one) == "token" else credentials.by_session
        return await by(one.secret)

    def _expect(self, one: Expected) -> Expected:
        self.credentials.append(one)
        return one

    def _end(self, one: Expected) -> None:
        one.ended_at = one.ended_at or self.world.now

    def _by(self, one: Expected) -> str:
        return "token" if one.expires_at else "session"

    def _ends(self, one: Expected) -> datetime:
        return one.expires_at or min(one.used_at + LIFETIMES.idle, one.begun_at + LIFETIMES.absolute)

    def _is_surely_live(self, one: Expected) -> bool:
        """A use is not written down each time, so that a session may end a little early."""
        early = timedelta(0) if one.expires_at else LIFETIMES.write_every + CHECK
        return one.ended_at is None and not self.disabled and self.world.now < self._ends(one) - early

    def _is_surely_over(self, one: Expected) -> bool:
        """Beyond what a replica may still remember."""
        now = self.world.now
        over = [self._ends(one)]
        if one.ended_at:
            over.append(one.ended_at + CHECK)
        if self.disabled:
            over.append(self.disabled_at + CHECK)
        return any(now >= moment for moment in over)

    def _session_id(self, one: Expected) -> str:
        return secret_id(Kind.SESSION, one.secret)


CredentialsMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCredentials = CredentialsMachine.TestCase
