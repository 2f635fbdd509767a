"""Every RPC has a rule on who may call it, the protos say the same, and a gateway that lacks one does not start."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from annostream_gateway.identity.inbound.service import IdentityService
from annostream_gateway.rest import contract, reasons
from annostream_gateway.rest.app import check_rules
from annostream_gateway.rest.backends import Local
from annostream_gateway.rest.counts import WatchService
from annostream_gateway.rest.routes import Route
from annostream_kit.auth import Role
from tests.rules import RULES
from tests.unit.gateway.messages import ROUTES

RPCS = {f"/{service.full_name}/{one.name}": one for service in contract.load().services for one in service.methods}


def test_every_rpc_of_the_contract_has_a_rule_and_no_rule_lacks_its_rpc() -> None:
    assert set(RPCS) == set(RULES)


@pytest.mark.parametrize("rpc", RPCS)
def test_the_proto_says_who_may_call(rpc: str) -> None:
    comment = contract.load().comments.get(RPCS[rpc].full_name, "")
    rule = RULES[rpc]
    assert reasons.is_open(comment) is (rule.role is None)
    if rule.role is not None:
        assert (reasons.role(comment) or "viewer") == rule.role.name.lower()


class Service:
    """Carries out nothing: who may call it is all that is asked."""

    OPEN = frozenset({"LogIn", "GetSession"})
    ROLES: ClassVar = {"ChangePassword": Role.VIEWER, "LogIn": Role.VIEWER, "ListAccounts": Role.MANAGER}


def _named(name: str) -> Route:
    return next(route for route in ROUTES if route.name == name)


@pytest.mark.parametrize(
    ("rpc", "fault"),
    [
        ("ChangeRole", "who may call it is said nowhere"),
        ("LogIn", "or twice"),
        ("GetSession", "differ on whether it is open"),
    ],
)
def test_a_gateway_with_an_rpc_that_has_no_rule_does_not_start(rpc: str, fault: str) -> None:
    route = _named(rpc)
    with pytest.raises(ValueError, match=f"{rpc}.*{fault}"):
        check_rules([route], {route.service: Local(Service())})


def test_what_has_one_rule_is_served() -> None:
    listed = [_named("ChangePassword"), _named("ListAccounts")]
    check_rules(listed, {listed[0].service: Local(Service())})


@pytest.mark.parametrize("service", [IdentityService, WatchService])
def test_the_gateways_own_services_have_rules_for_all_that_they_serve(service: Any) -> None:
    made = object.__new__(service)
    routes = [route for route in ROUTES if route.service.endswith(f".{service.__name__}")]
    assert routes
    check_rules(routes, {routes[0].service: Local(made)})
