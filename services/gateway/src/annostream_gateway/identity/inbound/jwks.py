"""GET /.well-known/jwks.json: the public keys by which anybody verifies our tokens (RFC 7517)."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/.well-known/jwks.json"


def jwks_route(public_keys: Callable[[], bytes], max_age_seconds: int) -> Route:
    """max_age_seconds: no more than a key is public before it signs."""

    async def answer(_: Request) -> Response:
        headers = {"cache-control": f"public, max-age={max_age_seconds}"}
        return Response(public_keys(), media_type="application/jwk-set+json", headers=headers)

    return Route(PATH, answer, methods=["GET"])
