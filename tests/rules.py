"""Who may call what: one table of every RPC of the contract, out of what each service itself declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from annostream_annotate.inbound.grpc_api import ROLES as ANNOTATE_ROLES
from annostream_export.inbound.grpc_api import ROLES as EXPORT_ROLES
from annostream_gateway.identity.inbound.gate import By, needs_of
from annostream_gateway.identity.inbound.service import OPEN, IdentityService
from annostream_gateway.rest.counts import WatchService
from annostream_ingest.inbound.grpc_api import ROLES as INGEST_ROLES
from annostream_kit.auth import Role


@dataclass(frozen=True, slots=True)
class Rule:
    """role: the least that may; None: open to all."""

    role: Role | None
    by: By = By.ANY


def _of_roles(service: str, roles: Mapping[str, Role]) -> dict[str, Rule]:
    return {f"/annostream.{service}/{name}": Rule(role) for name, role in roles.items()}


def _of_identity() -> dict[str, Rule]:
    rules = {name: Rule(one.role, one.by) for name, one in needs_of(IdentityService).items()}
    rules |= {name: Rule(None) for name in OPEN}
    return {f"/annostream.gateway.v1.IdentityService/{name}": rule for name, rule in rules.items()}


# /annostream.annotate.v1.AnnotateService/GetTask -> its rule.
RULES: dict[str, Rule] = {
    **_of_roles("annotate.v1.AnnotateService", ANNOTATE_ROLES),
    **_of_roles("export.v1.ExportService", EXPORT_ROLES),
    **_of_roles("ingest.v1.IngestService", INGEST_ROLES),
    **_of_roles("gateway.v1.WatchService", WatchService.ROLES),
    **_of_identity(),
}
