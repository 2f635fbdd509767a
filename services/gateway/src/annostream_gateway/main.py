"""Wiring: the only module that knows all others."""

from __future__ import annotations

import sys

import structlog
import uvloop
from pydantic import ValidationError

from annostream_gateway.rest.app import Rest
from annostream_gateway.rest.callers import BearerAuthenticator
from annostream_gateway.rest.serve import serve
from annostream_gateway.settings import Settings
from annostream_kit import logging
from annostream_kit.auth import TokenVerifier
from annostream_kit.errors import MisconfiguredError

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Serves until the process is told to end."""
    verifier = TokenVerifier(settings.jwks_file)
    verifier.check()
    rest = Rest(settings, BearerAuthenticator(verifier))
    try:
        await serve(rest.app(), settings, rest.stopping)
    finally:
        await rest.close()
    log.info("stopped")


def main() -> None:
    """The console script annostream-gateway; exit code 1 with one sentence where an operator can mend it."""
    settings = _read()
    logging.configure(settings.service, form=settings.log_format, level=settings.log_level)
    try:
        uvloop.run(run(settings))
    except (MisconfiguredError, OSError) as error:
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
