"""The border between identity and its documents in MongoDB."""

from __future__ import annotations

from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.api_token import ApiToken
from annostream_gateway.identity.domain.one_use import Invitation, Reset
from annostream_gateway.identity.domain.session import Lifetimes, Session, expires_at
from annostream_kit.auth import Role
from annostream_kit.mongo import Document


def account_document(account: Account) -> Document:
    return {
        "_id": account.id,
        "login": account.login,
        "display_name": account.display_name,
        "role": account.role.name,
        "password_hash": account.password_hash,
        "created_at": account.created_at,
        "disabled": account.disabled,
        "password_version": account.password_version,
        "revision": account.revision,
    }


def account_of(row: Document) -> Account:
    return Account(
        row["_id"],
        row["login"],
        row["display_name"],
        Role[row["role"]],
        row["password_hash"],
        row["created_at"],
        row["disabled"],
        row["password_version"],
        row["revision"],
    )


def session_document(session: Session, lifetimes: Lifetimes) -> Document:
    return {
        "_id": session.id,
        "account": session.account,
        "created_at": session.created_at,
        "used_at": session.used_at,
        "password_version": session.password_version,
        "user_agent": session.user_agent,
        "client_address": session.client_address,
        "expires_at": expires_at(session, lifetimes),
    }


def session_of(row: Document) -> Session:
    return Session(
        row["_id"],
        row["account"],
        row["created_at"],
        row["used_at"],
        row["password_version"],
        row["user_agent"],
        row["client_address"],
    )


def api_token_document(token: ApiToken) -> Document:
    return {
        "_id": token.id,
        "account": token.account,
        "display_name": token.display_name,
        "role": token.role.name,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "used_at": token.used_at,
    }


def api_token_of(row: Document) -> ApiToken:
    return ApiToken(
        row["_id"],
        row["account"],
        row["display_name"],
        Role[row["role"]],
        row["created_at"],
        row["expires_at"],
        row["used_at"],
    )


def invitation_document(invitation: Invitation) -> Document:
    return {
        "_id": invitation.id,
        "role": invitation.role.name,
        "creator": invitation.creator,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    }


def invitation_of(row: Document) -> Invitation:
    return Invitation(row["_id"], Role[row["role"]], row["creator"], row["created_at"], row["expires_at"])


def reset_of(row: Document) -> Reset:
    return Reset(row["secret"], row["_id"], row["expires_at"])
