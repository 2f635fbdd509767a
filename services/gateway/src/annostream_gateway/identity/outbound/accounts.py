"""Accounts in MongoDB. What changes together with an account changes in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.session import Lifetimes, Session
from annostream_gateway.identity.outbound.documents import account_document, account_of, session_document
from annostream_gateway.identity.ports import (
    FirstTakenError,
    LastOwnerError,
    LoginTakenError,
    RevisionConflictError,
    SecretUsedError,
)
from annostream_kit.auth import Role
from annostream_kit.mongo import Database, Document, in_transaction
from annostream_kit.mongo import Session as Transaction


class MongoAccounts:
    """The AccountStore."""

    def __init__(self, database: Database, lifetimes: Lifetimes) -> None:
        self._database = database
        self._lifetimes = lifetimes
        self._rows = database["accounts"]
        self._sessions = database["sessions"]
        self._invitations = database["invitations"]
        self._resets = database["password_resets"]
        self._guards = database["guards"]

    async def get(self, account: str) -> Account | None:
        return _found(await self._rows.find_one({"_id": account}))

    async def by_login(self, login: str) -> Account | None:
        return _found(await self._rows.find_one({"login": login}))

    async def page(self, *, after: str, size: int) -> list[Account]:
        rows = await self._rows.find({"_id": {"$gt": after}}).sort("_id", 1).limit(size).to_list(size)
        return [account_of(row) for row in rows]

    async def display_names(self, accounts: Sequence[str]) -> dict[str, str]:
        wanted: Document = {"_id": {"$in": list(accounts)}}
        rows = await self._rows.find(wanted, {"display_name": 1}).to_list(len(accounts))
        return {row["_id"]: row["display_name"] for row in rows}

    async def sign_up(self, account: Account, session: Session, *, invitation: str) -> None:
        async def work(transaction: Transaction) -> None:
            if invitation:
                used = await self._invitations.delete_one({"_id": invitation}, session=transaction)
                if not used.deleted_count:
                    raise SecretUsedError(invitation)
            await self._rows.insert_one(account_document(account), session=transaction)
            await self._sessions.insert_one(session_document(session, self._lifetimes), session=transaction)

        try:
            await in_transaction(self._database, work)
        except DuplicateKeyError as error:
            by_id = "_id" in ((error.details or {}).get("keyPattern") or {})
            raise (FirstTakenError if by_id else LoginTakenError)(account.login) from error

    async def save(self, account: Account) -> None:
        await self._replace(account, None)

    async def save_role(self, account: Account, *, end_sessions: bool) -> None:
        async def work(transaction: Transaction) -> None:
            # Two owners who stop being one at the same time write to one document: the second of them looks again.
            await self._guards.update_one({"_id": "owners"}, {"$inc": {"n": 1}}, session=transaction)
            await self._replace(account, transaction)
            working: Document = {"role": Role.OWNER.name, "disabled": False}
            if await self._rows.find_one(working, {"_id": 1}, session=transaction) is None:
                raise LastOwnerError(account.id)
            if end_sessions:
                await self._sessions.delete_many({"account": account.id}, session=transaction)

        await in_transaction(self._database, work)

    async def save_password(self, account: Account, *, kept: Session | None, reset: str = "") -> None:
        async def work(transaction: Transaction) -> None:
            if reset:
                used = await self._resets.delete_one({"secret": reset}, session=transaction)
                if not used.deleted_count:
                    raise SecretUsedError(reset)
            await self._replace(account, transaction)
            others: Document = {"account": account.id, "_id": {"$ne": kept.id if kept else ""}}
            await self._sessions.delete_many(others, session=transaction)
            if kept:
                mine: Document = {"_id": kept.id}
                version: Document = {"$set": {"password_version": kept.password_version}}
                await self._sessions.update_one(mine, version, session=transaction)

        await in_transaction(self._database, work)

    async def _replace(self, account: Account, transaction: Transaction | None) -> None:
        before: Document = {"_id": account.id, "revision": account.revision - 1}
        answer = await self._rows.replace_one(before, account_document(account), session=transaction)
        if not answer.matched_count:
            raise RevisionConflictError(account.id)


def _found(row: Document | None) -> Account | None:
    return account_of(row) if row else None
