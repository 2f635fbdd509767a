"""Routes × roles, out of the descriptors: whoever calls gets what one table of rules says, over real services."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import orjson
import pytest
import pytest_asyncio

from annostream_gateway.identity.inbound.gate import By
from annostream_gateway.rest import contract
from annostream_gateway.rest.routes import Route, routes
from tests.component.gateway.callers import As, everybody
from tests.component.gateway.service import World
from tests.rules import RULES, Rule

# The log-out ends the sessions that the others use.
ROUTES = sorted(routes(contract.load()), key=lambda route: route.name == "LogOut")
_REFUSALS = {"NOT_LOGGED_IN", "TOKEN_MISSING", "TOKEN_INVALID", "ROLE_TOO_LOW", "SESSION_NEEDED", "CSRF_TOKEN_WRONG"}
_PASSED_ON = (0, "passed on")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def callers(world: World) -> AsyncIterator[list[As]]:
    async with AsyncExitStack() as stack:
        yield await everybody(world, stack)


def ruled(rule: Rule, caller: As) -> tuple[int, str]:
    """Status and reason by the table."""
    if rule.role is None:
        return _PASSED_ON
    if caller.role is None:
        return 401, "NOT_LOGGED_IN"
    if caller.role < rule.role:
        return 403, "ROLE_TOO_LOW"
    by_session = rule.by is By.ANY or caller.by == "session" or (rule.by is By.NO_API_TOKEN and caller.by == "jwt")
    return _PASSED_ON if by_session else (403, "SESSION_NEEDED")


async def answered(route: Route, caller: As) -> tuple[int, str]:
    """Calls with the names of things that are not there. A stream is left as soon as it begins."""
    path = re.sub(r"\{[^=}]+=([^}]+)\}", r"\1", route.template.text).replace("*", "nothing")
    body = dict[str, str]() if route.has_body else None
    async with caller.client.stream(route.method, path, headers=caller.headers, json=body) as answer:
        if answer.status_code == 200:
            return _PASSED_ON
        problem = orjson.loads(await answer.aread())
    assert answer.status_code != 500, problem
    assert problem["status"] == answer.status_code
    return (answer.status_code, problem["reason"]) if problem["reason"] in _REFUSALS else _PASSED_ON


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.rpc))
async def test_whoever_calls_is_refused_or_passed_on_as_the_rules_say(route: Route, callers: list[As]) -> None:
    told = await asyncio.gather(*(answered(route, caller) for caller in callers))
    assert {str(one): said for one, said in zip(callers, told, strict=True)} == {
        str(one): ruled(RULES[route.rpc], one) for one in callers
    }
