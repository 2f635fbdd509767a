"""One's own sessions and API tokens: listed, made, ended."""

from __future__ import annotations

from annostream_gateway.identity.domain import account as accounts
from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.api_token import ApiToken, chosen_lifetime
from annostream_gateway.identity.domain.secret import Kind, api_token, secret_id
from annostream_gateway.identity.domain.session import Session, is_live
from annostream_gateway.identity.ports import Stores, World
from annostream_kit.auth import Role
from annostream_kit.errors import NotFound, ResourceExhausted

_LISTED_SESSIONS = 100


class OwnCredentials:
    def __init__(self, stores: Stores, world: World) -> None:
        self._sessions = stores.sessions
        self._api_tokens = stores.api_tokens
        self._policy = world.policy
        self._world = world

    async def sessions(self, account: Account) -> list[Session]:
        """The newest first; those that have ended are not listed, though they may still be stored."""
        found = await self._sessions.of(account.id, size=_LISTED_SESSIONS)
        now = self._world.clock()
        return [one for one in found if is_live(one, account, self._policy.sessions, now)]

    async def end_session(self, account: Account, session: str) -> None:
        if not await self._sessions.remove(session, account=account.id):
            raise NotFound("SESSION_NOT_FOUND", "You have no such session.", session=f"sessions/{session}")

    async def api_tokens(self, account: Account) -> list[ApiToken]:
        size = self._policy.api_tokens_per_account
        return await self._api_tokens.of(account.id, now=self._world.clock(), size=size)

    async def create_api_token(
        self, account: Account, display_name: str, asked: Role | None, lifetime_days: int
    ) -> tuple[ApiToken, str]:
        """With the secret, which is kept nowhere."""
        name, role = accounts.checked_display_name(display_name), accounts.granted(asked, account.role)
        policy = self._policy
        lifetime = chosen_lifetime(
            lifetime_days, default_days=policy.api_token_default_days, max_days=policy.api_token_max_days
        )
        if len(await self.api_tokens(account)) >= policy.api_tokens_per_account:
            message = f"An account has at most {policy.api_tokens_per_account} API tokens: revoke one first."
            raise ResourceExhausted("TOO_MANY_API_TOKENS", message, most=policy.api_tokens_per_account)
        secret, now = api_token(self._world.make_secret()), self._world.clock()
        made = ApiToken(secret_id(Kind.API_TOKEN, secret), account.id, name, role, now, now + lifetime)
        await self._api_tokens.add(made)
        return made, secret

    async def revoke_api_token(self, account: str, token: str) -> None:
        """account: its id."""
        if not await self._api_tokens.remove(token, account=account):
            raise NotFound("API_TOKEN_NOT_FOUND", "You have no such API token.", api_token=f"apiTokens/{token}")
