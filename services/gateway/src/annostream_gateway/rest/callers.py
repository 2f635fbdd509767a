"""Who calls, by whatever the request carries; and what a local service may know and do of the request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from annostream_kit.auth import Role, TokenVerifier


class Caller(Protocol):
    """bearer: the short-lived JWT with which the services are called."""

    @property
    def subject(self) -> str: ...

    @property
    def role(self) -> Role: ...

    @property
    def bearer(self) -> str: ...


class Authenticator(Protocol):
    async def caller(self, request: Request) -> Caller:
        """Raises Refused: UNAUTHENTICATED where nobody is known, PERMISSION_DENIED where the request was not meant."""
        ...


@dataclass(frozen=True, slots=True)
class BearerCaller:
    subject: str
    role: Role
    bearer: str = field(repr=False)


class BearerAuthenticator:
    """`Authorization: Bearer <JWT>`, checked here and passed on."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def caller(self, request: Request) -> BearerCaller:
        authorization = request.headers.get("authorization")
        known = self._verifier.verify(authorization)
        return BearerCaller(known.subject, known.role, (authorization or "").partition(" ")[2].strip())


class LocalContext:
    """What a service within the gateway gets beside its request. caller: None where its RPC is open."""

    def __init__(self, request: Request, caller: Caller | None) -> None:
        self.caller = caller
        self._request = request
        self._cookies = Response()

    @property
    def client_host(self) -> str:
        """The address that the request came from; empty where the server knows none."""
        return self._request.client.host if self._request.client else ""

    def header(self, name: str) -> str | None:
        return self._request.headers.get(name)

    def cookie(self, name: str) -> str | None:
        return self._request.cookies.get(name)

    def set_cookie(self, name: str, value: str, **flags: Any) -> None:
        """flags: as Starlette's set_cookie has them (max_age, path, secure, httponly, samesite), hence Any."""
        self._cookies.set_cookie(name, value, **flags)

    def delete_cookie(self, name: str, **flags: Any) -> None:
        self._cookies.delete_cookie(name, **flags)

    def hand_cookies_to(self, response: Response) -> None:
        response.raw_headers += [pair for pair in self._cookies.raw_headers if pair[0] == b"set-cookie"]
