"""Serving HTTP by uvicorn: one socket, an orderly end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from annostream_gateway.rest.settings import RestSettings

log = structlog.get_logger()


class _Server(uvicorn.Server):
    """Tells event streams that the process is to end: they would keep it for as long as their browsers stay."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises the signal again at the end, which would kill us before everything is closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _signalled(self) -> None:
        """A second signal ends the grace."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stopping.set()


async def serve(app: ASGIApp, settings: RestSettings, stopping: asyncio.Event) -> None:
    """Until SIGTERM or SIGINT; raises OSError where the address is taken."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.http_trusted_proxies),
        forwarded_allow_ips=settings.http_trusted_proxies,
        timeout_keep_alive=settings.http_keep_alive_seconds,
        timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
        h11_max_incomplete_event_size=settings.max_http_header_bytes,
    )
    with _listen(settings.http_listen) as listening:
        log.info("serving", listen=settings.http_listen, port=listening.getsockname()[1])
        await _Server(config, stopping).serve(sockets=[listening])


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=1024)
    except (OSError, ValueError) as error:
        message = f"{address} cannot be listened on ({error}): is it in use? Set ANNOSTREAM_HTTP_LISTEN to another."
        raise OSError(message) from error
