"""Whoever may call the gateway: each role by a session, an API token and a JWT, and nobody."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx

from annostream_kit.auth import Role
from tests.component.gateway.service import World, client_of

PASSWORD = "고양이 세 마리"
# Those that a person can have, the owner first: a gateway's first account is that.
OF_PEOPLE = (Role.OWNER, Role.MANAGER, Role.REVIEWER, Role.ANNOTATOR, Role.VIEWER)


@dataclass(frozen=True, slots=True)
class As:
    """One caller. role: None for nobody.  by: session, api token, jwt or nothing."""

    role: Role | None
    by: str
    client: httpx.AsyncClient = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.role.name.lower()} by {self.by}" if self.role else "nobody"


async def everybody(world: World, stack: AsyncExitStack) -> list[As]:
    """Their clients are closed with `stack`."""
    nobody = As(None, "nothing", await stack.enter_async_context(client_of(world.gateway)))
    jwts = [As(role, "jwt", nobody.client, world.as_user("nobody", role.name.lower())) for role in Role]
    owner = await _person(world, stack, Role.OWNER)
    people = [owner, *[await _person(world, stack, role, owner) for role in OF_PEOPLE[1:]]]
    tokens = [As(one.role, "api token", nobody.client, await _api_token(one)) for one in people]
    return [nobody, *jwts, *people, *tokens]


async def _person(world: World, stack: AsyncExitStack, role: Role, owner: As | None = None) -> As:
    """Signs up, where the owner is there by their invitation."""
    client = await stack.enter_async_context(client_of(world.gateway))
    form = {"login": role.name.lower(), "password": PASSWORD}
    if owner is not None:
        wanted = {"role": f"ROLE_{role.name}"}
        form["invitation"] = (await _ok(owner, "invitations", wanted))["secret"]
    await _ok(As(None, "nothing", client), "auth:signUp", form)
    csrf = next(one.value or "" for one in client.cookies.jar if one.name == "annostream_csrf")
    return As(role, "session", client, {"x-csrf-token": csrf})


async def _api_token(person: As) -> dict[str, str]:
    made = await _ok(person, "apiTokens", {"displayName": "CI"})
    return {"authorization": f"Bearer {made['secret']}"}


async def _ok(caller: As, path: str, body: dict[str, str]) -> dict[str, str]:
    answer = await caller.client.post(f"/api/v1/{path}", json=body, headers=caller.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found
