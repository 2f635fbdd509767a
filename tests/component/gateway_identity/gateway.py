"""The gateway's identity over HTTP and a real MongoDB, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from annostream_gateway.identity.wiring import Opened, open_identity
from annostream_gateway.main import rest_over
from annostream_gateway.settings import Settings
from annostream_kit.mongo import Database

PASSWORD = "고양이 세 마리"
HERE = "http://localhost:8080"


class Browser:
    """Keeps cookies, and sends the CSRF token as our page does."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.origin: str | None = str(client.base_url).rstrip("/")

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._client.get(f"/api/v1/{path}", headers=headers)

    async def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Any: JSON."""
        return await self.send("POST", path, body, headers)

    async def delete(self, path: str, **headers: str) -> httpx.Response:
        return await self.send("DELETE", path, None, headers)

    async def send(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> httpx.Response:
        url = f"/api/v1/{path}" if not path.startswith("/") else path
        sent = {"origin": self.origin, "x-csrf-token": self.csrf_token, **headers}
        present = {name: value for name, value in sent.items() if value}
        return await self._client.request(method, url, json=body, headers=present)

    async def sign_up(self, login: str, **fields: str) -> httpx.Response:
        return await self.post("auth:signUp", {"login": login, "password": PASSWORD, **fields})

    @property
    def csrf_token(self) -> str:
        return next((one.value or "" for one in self._client.cookies.jar if one.name.endswith("annostream_csrf")), "")

    @property
    def session_secret(self) -> str:
        return next(one.value or "" for one in self._client.cookies.jar if one.name.endswith("annostream_session"))


@dataclass
class Gateway:
    """settings: as they were made for this test; browser(): a new one without cookies."""

    settings: Settings
    opened: Opened
    app: Any
    clients: list[httpx.AsyncClient]

    def browser(self, base_url: str = HERE, *, address: str = "127.0.0.1") -> Browser:
        transport = httpx.ASGITransport(app=self.app, client=(address, 50_000))
        self.clients.append(httpx.AsyncClient(transport=transport, base_url=base_url))
        return Browser(self.clients[-1])

    @property
    def database(self) -> Database:
        return self.opened.database


@asynccontextmanager
async def gateway_of(settings: Settings) -> AsyncIterator[Gateway]:
    opened = await open_identity(settings, settings.advertised_addresses())
    rest = rest_over(settings, opened.identity)
    gateway = Gateway(settings, opened, rest.app(), [])
    try:
        yield gateway
    finally:
        for client in gateway.clients:
            await client.aclose()
        await opened.database.client.drop_database(opened.database.name)
        await rest.close()
        await opened.close()
