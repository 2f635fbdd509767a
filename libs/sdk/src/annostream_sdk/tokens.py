"""The caller's token, and a newer one in time: from endpoints.json, or for the API token of a log-in."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from annostream_sdk.endpoints import read_endpoints
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.gateway import Gateway
from annostream_sdk.stored_login import StoredLogin

# The supervisor rewrites the token at half its life, so at a quarter before the end a newer one is there.
_NEAR_THE_END = 0.25
# Looking for a newer one takes a while where nobody answers: so long the old one has to do.
_LOOK_AGAIN_SECONDS = 5.0


class Token:
    """A JWT. path: the endpoints.json that has newer ones; login: what is exchanged for newer ones. Without both, the
    token stays as it is.
    """

    def __init__(
        self,
        text: str,
        path: Path | None = None,
        clock: Callable[[], float] = time.time,
        *,
        login: StoredLogin | None = None,
    ) -> None:
        self._text = text
        self._path = path
        self._login = login
        self._clock = clock
        self._renew_at = renewal_time(text)

    def current(self) -> str:
        if self._clock() >= self._renew_at:
            self.renew()
        return self._text

    def renew(self) -> bool:
        """True when there is another token by now."""
        try:
            found = self._newer()
        except AnnostreamError:
            self._renew_at = self._clock() + _LOOK_AGAIN_SECONDS
            return False  # The one that we have may still do; the server says so if not.
        changed = found != self._text
        self._text, self._renew_at = found, renewal_time(found)
        return changed

    def _newer(self) -> str:
        """Blocks for milliseconds where the gateway is near, once in the life of a token."""
        if self._path is not None:
            return read_endpoints(self._path).token
        if self._login is not None:
            return Gateway(self._login.address).exchange(self._login.api_token).access_token
        return self._text


def renewal_time(token: str) -> float:
    """Seconds since 1970 from which to look for a newer token; infinity for a token that tells no end."""
    try:
        payload = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        end, begin = float(claims["exp"]), float(claims.get("iat", claims["exp"]))
    except (IndexError, KeyError, TypeError, ValueError):
        return float("inf")
    return end - _NEAR_THE_END * (end - begin)
