"""The cookies of a session, and the checks that a request with them was meant by whoever sent it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from annostream_gateway.identity.domain.access import host_name, is_loopback
from annostream_gateway.identity.domain.secret import csrf_token, is_csrf_token
from annostream_kit.errors import PermissionDenied

CSRF_HEADER = "x-csrf-token"
_SESSION, _CSRF = "annostream_session", "annostream_csrf"
# A cookie of this name can have come from this host alone, by HTTPS.
_HOST_PREFIX = "__Host-"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Header = Callable[[str], str | None]


class SetCookie(Protocol):
    def __call__(
        self, name: str, value: str, *, max_age: int, path: str, secure: bool, httponly: bool, samesite: str
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Cookies:
    """insecure: whether plain HTTP from other machines may carry a session. origins: of pages that may call us besides
    our own, as scheme://host[:port].
    """

    max_age_seconds: int
    insecure: bool = False
    origins: frozenset[str] = frozenset()

    def session_name(self, host: str) -> str:
        return _HOST_PREFIX + _SESSION if self._is_secure(host) else _SESSION

    def csrf_name(self, host: str) -> str:
        return _HOST_PREFIX + _CSRF if self._is_secure(host) else _CSRF

    def give(self, set_cookie: SetCookie, host: str, session_secret: str) -> None:
        self._set(set_cookie, host, session_secret, csrf_token(session_secret), self.max_age_seconds)

    def take_back(self, set_cookie: SetCookie, host: str) -> None:
        """By the same flags: a browser passes over a __Host- cookie without them."""
        self._set(set_cookie, host, "", "", 0)

    def check_request(self, method: str, header: Header, session_secret: str) -> None:
        """Raises PermissionDenied ORIGIN_NOT_ALLOWED, CSRF_TOKEN_WRONG for a change that another site may have made."""
        if method in _SAFE_METHODS:
            return
        self.check_origin(header)
        if not is_csrf_token(session_secret, header(CSRF_HEADER) or ""):
            message = f"Send the value of the cookie {_CSRF} as {CSRF_HEADER.title()}."
            raise PermissionDenied("CSRF_TOKEN_WRONG", message)

    def check_origin(self, header: Header) -> None:
        """A browser says where a page comes from; what says nothing is no browser.

        Raises PermissionDenied ORIGIN_NOT_ALLOWED.
        """
        origin = header("origin")
        if origin is None:
            foreign = header("sec-fetch-site") in {"cross-site", "same-site"}
        else:
            foreign = origin not in self.origins and urlsplit(origin).netloc.lower() != (header("host") or "").lower()
        if foreign:
            message = f"A page of {origin or 'another site'} may not do this: name it in ANNOSTREAM_ALLOWED_ORIGINS."
            raise PermissionDenied("ORIGIN_NOT_ALLOWED", message, origin=origin or "")

    def _set(self, set_cookie: SetCookie, host: str, session: str, csrf: str, max_age: int) -> None:
        secure = self._is_secure(host)
        set_cookie(
            self.session_name(host), session, max_age=max_age, path="/", secure=secure, httponly=True, samesite="lax"
        )
        # Our own page reads this one, and no request from another site brings it.
        set_cookie(
            self.csrf_name(host), csrf, max_age=max_age, path="/", secure=secure, httponly=False, samesite="strict"
        )

    def _is_secure(self, host: str) -> bool:
        """By the name that the browser uses, not by what a proxy made of it; on loopback no network is crossed."""
        return not self.insecure and not is_loopback(host_name(host))
