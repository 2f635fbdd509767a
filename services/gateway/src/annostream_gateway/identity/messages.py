"""The border: identity <-> protobuf."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from annostream.gateway.v1 import account_pb2, identity_service_pb2
from annostream_gateway.identity.domain.access import Access
from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.api_token import ApiToken
from annostream_gateway.identity.domain.one_use import Invitation
from annostream_gateway.identity.domain.session import Lifetimes, Session, expires_at
from annostream_kit.auth import Role
from annostream_kit.errors import InvalidArgument

_ROLES = {
    Role.VIEWER: account_pb2.ROLE_VIEWER,
    Role.ANNOTATOR: account_pb2.ROLE_ANNOTATOR,
    Role.REVIEWER: account_pb2.ROLE_REVIEWER,
    Role.MANAGER: account_pb2.ROLE_MANAGER,
    # A service account may what a manager may, and a little more that no person asks for.
    Role.SERVICE: account_pb2.ROLE_MANAGER,
    Role.OWNER: account_pb2.ROLE_OWNER,
}
_FROM_WIRE: dict[int, Role] = {wire: role for role, wire in _ROLES.items() if role is not Role.SERVICE}
_Access = identity_service_pb2.GetSignUpPolicyResponse
_ACCESS = {
    Access.OPEN: _Access.ACCESS_OPEN,
    Access.INVITATION: _Access.ACCESS_INVITATION,
    Access.CLOSED: _Access.ACCESS_CLOSED,
}


def role_to_wire(role: Role) -> account_pb2.Role.ValueType:
    return _ROLES[role]


def role_from_wire(wire: int) -> Role | None:
    """None for an unspecified one; raises InvalidArgument INVALID_ROLE."""
    if wire == account_pb2.ROLE_UNSPECIFIED:
        return None
    role = _FROM_WIRE.get(wire)
    if role is None:
        raise InvalidArgument("INVALID_ROLE", f"There is no role {wire}: viewer, annotator, reviewer, manager, owner.")
    return role


def access_to_wire(access: Access) -> identity_service_pb2.GetSignUpPolicyResponse.Access.ValueType:
    return _ACCESS[access]


def account_to_wire(account: Account) -> account_pb2.Account:
    return account_pb2.Account(
        name=account.name,
        login=account.login,
        display_name=account.display_name,
        role=role_to_wire(account.role),
        disabled=account.disabled,
        create_time=time_to_wire(account.created_at),
    )


def session_to_wire(session: Session, lifetimes: Lifetimes, *, current: str) -> account_pb2.Session:
    """current: the id of the session that asks."""
    return account_pb2.Session(
        name=session.name,
        create_time=time_to_wire(session.created_at),
        last_used_time=time_to_wire(session.used_at),
        expire_time=time_to_wire(expires_at(session, lifetimes)),
        user_agent=session.user_agent,
        client_address=session.client_address,
        current=session.id == current,
    )


def api_token_to_wire(token: ApiToken) -> account_pb2.ApiToken:
    return account_pb2.ApiToken(
        name=token.name,
        display_name=token.display_name,
        role=role_to_wire(token.role),
        create_time=time_to_wire(token.created_at),
        expire_time=time_to_wire(token.expires_at),
        last_used_time=None if token.used_at is None else time_to_wire(token.used_at),
    )


def invitation_to_wire(invitation: Invitation) -> account_pb2.Invitation:
    return account_pb2.Invitation(
        name=invitation.name,
        role=role_to_wire(invitation.role),
        creator=invitation.creator,
        create_time=time_to_wire(invitation.created_at),
        expire_time=time_to_wire(invitation.expires_at),
    )


def time_to_wire(time: datetime) -> Timestamp:
    wire = Timestamp()
    wire.FromDatetime(time.astimezone(UTC))
    return wire
