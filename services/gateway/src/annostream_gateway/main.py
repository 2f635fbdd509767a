"""Wiring: the only module that knows all others."""

from __future__ import annotations

import asyncio
import sys

import structlog
import uvloop
from pydantic import ValidationError

from annostream_gateway.identity.wiring import IDENTITY, Identity, open_identity
from annostream_gateway.rest.app import Rest
from annostream_gateway.rest.schemas import Schema
from annostream_gateway.rest.serve import serve
from annostream_gateway.settings import Settings
from annostream_kit import logging
from annostream_kit.errors import MisconfiguredError
from annostream_kit.mongo import NewerSchemaError

log = structlog.get_logger()
# As OpenAPI names them: a browser's session, whose changes need the CSRF token too; an API token or JWT of a program.
SECURITY: dict[str, Schema] = {
    "session": {"type": "apiKey", "in": "cookie", "name": "annostream_session"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API token (annostream_…), or a JWT."},
}


async def run(settings: Settings) -> None:
    """Serves until the process is told to end."""
    opened = await open_identity(settings, settings.advertised_addresses())
    rest = rest_over(settings, opened.identity)
    upkeep = [
        asyncio.create_task(opened.identity.keep_keys()),
        asyncio.create_task(opened.follow_mongodb(rest.readiness)),
    ]
    try:
        await serve(rest.app(), settings, rest.stopping)
    finally:
        for task in upkeep:
            task.cancel()
        await asyncio.gather(*upkeep, return_exceptions=True)
        await rest.close()
        await opened.close()
    log.info("stopped")


def rest_over(settings: Settings, identity: Identity) -> Rest:
    """REST whose callers identity knows."""
    local = {IDENTITY: identity.service}
    return Rest(settings, identity.authenticator, local=local, security=SECURITY, routes=identity.routes)


def main() -> None:
    """The console script annostream-gateway; exit code 1 with one sentence where an operator can mend it."""
    settings = _read()
    logging.configure(settings.service, form=settings.log_format, level=settings.log_level)
    try:
        uvloop.run(run(settings))
    except (MisconfiguredError, NewerSchemaError, OSError) as error:
        log.error("service_cannot_run", error=str(error))
        sys.exit(1)


def _read() -> Settings:
    try:
        return Settings()  # type: ignore[call-arg]  # the environment has them
    except ValidationError as error:
        for problem in error.errors():
            name = "ANNOSTREAM_" + "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}: {problem['msg']}. Set it in the environment.", file=sys.stderr)
        sys.exit(1)
