"""The caller's token, and a newer one in time: endpoints.json is read again when the token nears its end."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from annostream_sdk.endpoints import read_endpoints
from annostream_sdk.errors import AnnostreamError

# The supervisor rewrites the token at half its life, so at a quarter before the end a newer one is there.
_NEAR_THE_END = 0.25


class Token:
    """A JWT. path: the endpoints.json that has newer ones; None: the token stays as it is."""

    def __init__(self, text: str, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._text = text
        self._path = path
        self._clock = clock
        self._renew_at = renewal_time(text)

    def current(self) -> str:
        if self._clock() >= self._renew_at:
            self.renew()
        return self._text

    def renew(self) -> bool:
        """True when the file has another token by now."""
        if self._path is None:
            return False
        try:
            found = read_endpoints(self._path).token
        except AnnostreamError:
            return False  # The one that we have may still do; the server says so if not.
        changed = found != self._text
        self._text, self._renew_at = found, renewal_time(found)
        return changed


def renewal_time(token: str) -> float:
    """Seconds since 1970 from which to look for a newer token; infinity for a token that tells no end."""
    try:
        payload = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        end, begin = float(claims["exp"]), float(claims.get("iat", claims["exp"]))
    except (IndexError, KeyError, TypeError, ValueError):
        return float("inf")
    return end - _NEAR_THE_END * (end - begin)
