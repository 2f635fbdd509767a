"""A person who labels by REST, and what all of them together were told."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from annostream_embedded.stack import Stack
from tests.end_to_end.browser.people import PASSWORD, invitation

_DRAWING_SECONDS = (0.5, 2.5)
_MOST_TRIES = 20


@dataclass
class Told:
    """What was acknowledged. submits: task -> the box's x.  holders: task -> who has it now.  seconds: of each call."""

    submits: dict[str, float] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    next_seconds: list[float] = field(default_factory=list)
    submit_seconds: list[float] = field(default_factory=list)

    def handed_out(self, task: str, to: str) -> None:
        assert task not in self.holders, f"{task} was given to {to} while {self.holders[task]} had it"
        assert task not in self.submits, f"{task} was given to {to} after it was submitted"
        self.holders[task] = to

    def submitted(self, task: str, x: float) -> None:
        del self.holders[task]
        self.submits[task] = x


class Session:
    """One account with an API token, over connections of its own."""

    def __init__(self, http: aiohttp.ClientSession, login: str, told: Told) -> None:
        self._http, self._login, self._told = http, login, told

    @classmethod
    async def begun(cls, stack: Stack, login: str, told: Told) -> Session:
        """Signs up, makes an API token, and goes on with that alone."""
        address = str(stack.endpoints["http"])
        account = {"login": login, "password": PASSWORD, "invitation": invitation(stack, "annotator")}
        # On 127.0.0.1 aiohttp keeps no cookies unless it is told to.
        async with aiohttp.ClientSession(address, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            answer = await _json(http.post("/api/v1/auth:signUp", json=account))
            cookies = {cookie.key: cookie.value for cookie in http.cookie_jar}
            headers = {"x-csrf-token": cookies["annostream_csrf"], "origin": address}
            token = await _json(http.post("/api/v1/apiTokens", json={"displayName": "test"}, headers=headers))
        assert answer["account"]["login"] == login
        http = aiohttp.ClientSession(address, headers={"authorization": f"Bearer {token['secret']}"})
        return cls(http, login, told)

    async def close(self) -> None:
        await self._http.close()

    async def label(self, project: str, label_id: str, until: float) -> None:
        """One task after another, in a person's time for a box, until it is late or nothing is left."""
        while time.monotonic() < until:
            began = time.monotonic()
            answer = await self._post(f"/api/v1/{project}/tasks:lease", {})
            self._told.next_seconds.append(time.monotonic() - began)
            if not answer["tasks"]:
                return
            (leased,) = answer["tasks"]
            self._told.handed_out(leased["task"]["name"], self._login)
            await asyncio.sleep(random.uniform(*_DRAWING_SECONDS))
            await self._submit(leased, label_id)

    async def _submit(self, leased: dict[str, Any], label_id: str) -> None:
        task, x = leased["task"]["name"], round(random.uniform(0, 40), 3)
        box = {"x": x, "y": 1, "width": 20, "height": 20}
        region = {"id": "r0", "controlId": "boxes", "labelIds": [label_id], "box": box, "origin": "ORIGIN_HUMAN"}
        body = {"leaseToken": leased["lease"]["token"], "result": {"regions": [region]}}
        began = time.monotonic()
        answer = await self._post(f"/api/v1/{task}:submit", body)
        self._told.submit_seconds.append(time.monotonic() - began)
        assert "annotation" in answer, answer
        self._told.submitted(task, x)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Repeats, with the same key, what the server asks to be repeated."""
        headers = {"idempotency-key": secrets.token_hex(12)}
        for _ in range(_MOST_TRIES):
            async with self._http.post(path, json=body, headers=headers) as answer:
                if answer.status not in {429, 503}:
                    return await _checked(answer)
                wait = float(answer.headers.get("retry-after", "1"))
            await asyncio.sleep(wait)
        raise AssertionError(f"{path} was put off {_MOST_TRIES} times")


async def _json(asking: Any) -> dict[str, Any]:
    """Any: aiohttp has no stubs here."""
    async with asking as answer:
        return await _checked(answer)


async def _checked(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found
