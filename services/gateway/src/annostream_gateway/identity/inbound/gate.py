"""What each RPC of identity asks of its caller: declared beside it, checked before it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol, TypeVar

from annostream_gateway.identity.domain.access import Client
from annostream_gateway.identity.inbound.authenticator import IdentityCaller
from annostream_gateway.identity.inbound.cookies import SetCookie
from annostream_gateway.identity.use_cases.credentials import Known
from annostream_kit.auth import Role
from annostream_kit.errors import PermissionDenied, Unauthenticated

Server = TypeVar("Server")
Wire = TypeVar("Wire")
Answer = TypeVar("Answer")
_FORWARDING = ("x-forwarded-for", "x-real-ip", "forwarded")


class Context(Protocol):
    """What the HTTP side gives a local service. caller: None where nobody is known, in an open RPC."""

    @property
    def caller(self) -> object: ...

    @property
    def client_host(self) -> str: ...

    @property
    def set_cookie(self) -> SetCookie: ...

    def header(self, name: str) -> str | None: ...


class By(Enum):
    """ANY: session, API token or JWT. SESSION: a person at a browser. NO_API_TOKEN: what a stolen one must not do."""

    ANY = auto()
    SESSION = auto()
    NO_API_TOKEN = auto()


@dataclass(frozen=True, slots=True)
class Needs:
    """The caller's least role, and by which credentials."""

    role: Role
    by: By


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was let in."""

    context: Context
    caller: IdentityCaller

    @property
    def known(self) -> Known:
        """Of a session or an API token alone."""
        assert self.caller.known is not None  # noqa: S101  # as By.SESSION has checked
        return self.caller.known

    @property
    def client(self) -> Client:
        return client_of(self.context)


def client_of(context: Context) -> Client:
    return Client(
        address=context.client_host,
        host=context.header("host") or "",
        user_agent=context.header("user-agent") or "",
        forwarded=any(context.header(name) for name in _FORWARDING),
    )


def needs(
    role: Role, by: By = By.ANY
) -> Callable[
    [Callable[[Server, Wire, Call], Awaitable[Answer]]], Callable[[Server, Wire, Context], Awaitable[Answer]]
]:
    """The caller's least role, and by which credentials."""

    def guard(
        method: Callable[[Server, Wire, Call], Awaitable[Answer]],
    ) -> Callable[[Server, Wire, Context], Awaitable[Answer]]:
        async def call(self: Server, request: Wire, context: Context) -> Answer:
            return await method(self, request, Call(context, _admitted(context.caller, role, by, method.__name__)))

        call.__name__ = method.__name__
        call.needs = Needs(role, by)  # type: ignore[attr-defined]  # read by needs_of
        return call

    return guard


def needs_of(service: type) -> dict[str, Needs]:
    """What each RPC that is not open asks of its caller."""
    return {name: one.needs for name, one in vars(service).items() if hasattr(one, "needs")}


def _admitted(caller: object, role: Role, by: By, what: str) -> IdentityCaller:
    if not isinstance(caller, IdentityCaller):
        raise Unauthenticated("NOT_LOGGED_IN", f"{what} is for those who are logged in.")
    if caller.role < role:
        needed = role.name.lower()
        message = f"{what} needs the role {needed}; {caller.subject} is {caller.role.name.lower()}."
        raise PermissionDenied("ROLE_TOO_LOW", message, needed=needed, subject=caller.subject)
    has_session = caller.known is not None and caller.known.session is not None
    has_api_token = caller.known is not None and caller.known.api_token is not None
    if (by is By.SESSION and not has_session) or (by is By.NO_API_TOKEN and has_api_token):
        raise PermissionDenied("SESSION_NEEDED", f"{what} is for a browser that is logged in, not for this token.")
    return caller
