"""Who sends a request: by a session's cookie, an API token, or a JWT."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import Request

from annostream_gateway.identity.domain.secret import is_api_token
from annostream_gateway.identity.inbound.cookies import Cookies
from annostream_gateway.identity.use_cases.credentials import Credentials, Known
from annostream_kit.auth import Role, TokenVerifier
from annostream_kit.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class IdentityCaller:
    """bearer: the JWT with which the services are called. known: None for whoever brought a JWT."""

    subject: str
    role: Role
    bearer: str = field(repr=False)
    known: Known | None = None


class IdentityAuthenticator:
    def __init__(self, credentials: Credentials, verifier: TokenVerifier, cookies: Cookies) -> None:
        self._credentials = credentials
        self._verifier = verifier
        self._cookies = cookies

    async def caller(self, request: Request) -> IdentityCaller:
        """Raises Unauthenticated, and PermissionDenied for a change that another site's page may have made."""
        authorization = request.headers.get("authorization")
        if authorization:
            # No page of another site can set this header: it needs no CSRF token.
            return await self._by_authorization(authorization)
        secret = request.cookies.get(self._cookies.session_name(request.headers.get("host", "")))
        if not secret:
            message = "Log in, or send `Authorization: Bearer` with an API token: `annostream login` makes one."
            raise Unauthenticated("NOT_LOGGED_IN", message)
        self._cookies.check_request(request.method, request.headers.get, secret)
        return self._caller(await self._credentials.by_session(secret))

    async def _by_authorization(self, authorization: str) -> IdentityCaller:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "bearer" and is_api_token(text.strip()):
            return self._caller(await self._credentials.by_api_token(text.strip()))
        caller = self._verifier.verify(authorization)
        return IdentityCaller(caller.subject, caller.role, text.strip())

    def _caller(self, known: Known) -> IdentityCaller:
        return IdentityCaller(known.account.name, known.role, self._credentials.bearer(known).token, known)
