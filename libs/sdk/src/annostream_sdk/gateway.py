"""The few HTTP calls with which a program gets in: log in for an API token, exchange it, give it back."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from http.cookiejar import Cookie, CookieJar
from typing import Any, cast
from urllib.parse import urlsplit

from annostream_sdk.errors import SERVER_NOT_THERE, AnnostreamError

_CSRF_COOKIE = "annostream_csrf"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MAX_ANSWER_BYTES = 1024**2


@dataclass(frozen=True)
class Exchanged:
    """access_token: a JWT. grpc: service -> addresses (host:port)."""

    access_token: str = field(repr=False)
    grpc: dict[str, tuple[str, ...]]


class Gateway:
    """One gateway, and the cookies of a log-in there. Methods block; AnnostreamError has the server's reason."""

    def __init__(self, address: str, *, timeout_seconds: float = 10.0) -> None:
        self.address = address.rstrip("/")
        self._timeout = timeout_seconds
        self._cookies = CookieJar()
        # Proxies of the environment are for the world outside, not for our services.
        without_proxies = urllib.request.ProxyHandler({})
        self._opener = urllib.request.build_opener(without_proxies, urllib.request.HTTPCookieProcessor(self._cookies))

    def log_in(self, login: str, password: str) -> str:
        """The account's name, users/{user}."""
        answer = self._call("POST", "auth:logIn", {"login": login, "password": password})
        return str(answer["account"]["name"])

    def log_out(self) -> None:
        self._call("POST", "auth:logOut", {})

    def create_api_token(self, display_name: str, lifetime_days: int) -> tuple[str, str]:
        """The secret, and when it expires (RFC 3339). After log_in."""
        answer = self._call("POST", "apiTokens", {"displayName": display_name, "lifetimeDays": lifetime_days})
        return str(answer["secret"]), str(answer["apiToken"]["expireTime"])

    def exchange(self, api_token: str) -> Exchanged:
        answer = self._call("POST", "auth:exchangeApiToken", {"apiToken": api_token})
        addresses = cast(dict[str, str], answer.get("grpcAddresses") or {})
        return Exchanged(str(answer["accessToken"]), {name: _split(text) for name, text in addresses.items()})

    def revoke(self, api_token: str) -> None:
        """By itself."""
        self._call("DELETE", "apiTokens/self", None, {"Authorization": f"Bearer {api_token}"})

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Any: JSON."""
        sent = {"Accept": "application/json", **(headers or {}), **self._csrf_header()}
        data = None
        if body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        url = f"{self.address}/api/v1/{path}"
        request = urllib.request.Request(url, data, sent, method=method)  # noqa: S310  # checked_address has checked it
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return _object(answer.read(_MAX_ANSWER_BYTES), self.address)
        except urllib.error.HTTPError as error:
            raise _refusal(error, self.address) from error
        except (OSError, HTTPException) as error:
            message = f"No Annostream answers at {self.address} ({error}). Is the address right, and is it up?"
            raise AnnostreamError(SERVER_NOT_THERE, message, {"address": self.address}) from error

    def _csrf_header(self) -> dict[str, str]:
        cookies = cast(list[Cookie], list(self._cookies))
        found = [one.value for one in cookies if one.name.endswith(_CSRF_COOKIE) and one.value]
        return {"X-CSRF-Token": found[0]} if found else {}


def checked_address(text: str, *, plain_http: bool = False) -> str:
    """scheme://host[:port]; http where none is given for this machine, else https.

    Raises AnnostreamError INVALID_ADDRESS, PLAIN_HTTP: a password does not cross a network in the clear unasked.
    """
    bare = text.strip().rstrip("/")
    host = urlsplit(f"//{bare.partition('://')[2] or bare}").hostname or ""
    is_here = host in _LOOPBACK or host.endswith(".localhost")
    address = bare if "://" in bare else f"{'http' if is_here else 'https'}://{bare}"
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query or parts.username:
        raise AnnostreamError("INVALID_ADDRESS", f"{text!r} is no address: give one like https://label.example.")
    if parts.scheme == "http" and not is_here and not plain_http:
        raise AnnostreamError(
            "PLAIN_HTTP",
            f"{address} would send your password in the clear: use https, or --plain-http in a network that you trust.",
        )
    return address


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _object(content: bytes, address: str) -> dict[str, Any]:
    try:
        return cast(dict[str, Any], dict(json.loads(content or b"{}")))
    except (ValueError, TypeError) as error:
        message = f"What answers at {address} is no Annostream: give the address that `annostream up` prints."
        raise AnnostreamError("NOT_ANNOSTREAM", message, {"address": address}) from error


def _refusal(error: urllib.error.HTTPError, address: str) -> AnnostreamError:
    """Problem details (RFC 9457), as our gateway writes them."""
    with error:
        problem = _object(error.read(_MAX_ANSWER_BYTES), address)
    detail = str(problem.get("detail") or f"The server answered {error.code}.")
    return AnnostreamError(str(problem.get("reason") or f"HTTP_{error.code}"), detail, problem.get("metadata") or {})
