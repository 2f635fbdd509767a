"""Sessions, API tokens, invitations, resets and counters of attempts in MongoDB: one document each, one write each."""

from __future__ import annotations

from datetime import datetime

from pymongo import DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from annostream_gateway.identity.domain.api_token import ApiToken
from annostream_gateway.identity.domain.one_use import Invitation, Reset
from annostream_gateway.identity.domain.session import Lifetimes, Session, expires_at
from annostream_gateway.identity.outbound.documents import (
    api_token_document,
    api_token_of,
    invitation_document,
    invitation_of,
    reset_of,
    session_document,
    session_of,
)
from annostream_gateway.identity.ports import Page
from annostream_kit.mongo import Database, Document

_NEWEST_FIRST = [("created_at", DESCENDING), ("_id", DESCENDING)]


class MongoSessions:
    """The SessionStore."""

    def __init__(self, database: Database, lifetimes: Lifetimes) -> None:
        self._rows = database["sessions"]
        self._lifetimes = lifetimes

    async def get(self, session: str) -> Session | None:
        row = await self._rows.find_one({"_id": session})
        return session_of(row) if row else None

    async def add(self, session: Session) -> None:
        await self._rows.insert_one(session_document(session, self._lifetimes))

    async def touch(self, session: Session) -> None:
        latest: Document = {"used_at": session.used_at, "expires_at": expires_at(session, self._lifetimes)}
        await self._rows.update_one({"_id": session.id}, {"$max": latest})

    async def remove(self, session: str, *, account: str) -> bool:
        return bool((await self._rows.delete_one({"_id": session, "account": account})).deleted_count)

    async def of(self, account: str, *, size: int) -> list[Session]:
        rows = await self._rows.find({"account": account}).sort(_NEWEST_FIRST).limit(size).to_list(size)
        return [session_of(row) for row in rows]


class MongoApiTokens:
    """The ApiTokenStore."""

    def __init__(self, database: Database) -> None:
        self._rows = database["api_tokens"]

    async def get(self, token: str) -> ApiToken | None:
        row = await self._rows.find_one({"_id": token})
        return api_token_of(row) if row else None

    async def add(self, token: ApiToken) -> None:
        await self._rows.insert_one(api_token_document(token))

    async def touch(self, token: ApiToken) -> None:
        await self._rows.update_one({"_id": token.id}, {"$max": {"used_at": token.used_at}})

    async def remove(self, token: str, *, account: str) -> bool:
        return bool((await self._rows.delete_one({"_id": token, "account": account})).deleted_count)

    async def of(self, account: str, *, now: datetime, size: int) -> list[ApiToken]:
        live: Document = {"account": account, "expires_at": {"$gt": now}}
        rows = await self._rows.find(live).sort(_NEWEST_FIRST).limit(size).to_list(size)
        return [api_token_of(row) for row in rows]


class MongoInvitations:
    """The InvitationStore."""

    def __init__(self, database: Database) -> None:
        self._rows = database["invitations"]

    async def get(self, invitation: str) -> Invitation | None:
        row = await self._rows.find_one({"_id": invitation})
        return invitation_of(row) if row else None

    async def add(self, invitation: Invitation) -> None:
        await self._rows.insert_one(invitation_document(invitation))

    async def remove(self, invitation: str) -> bool:
        return bool((await self._rows.delete_one({"_id": invitation})).deleted_count)

    async def page(self, *, now: datetime, after: Page | None, size: int) -> list[Invitation]:
        scope: Document = {"expires_at": {"$gt": now}}
        if after:
            time, last = after
            # The range on the time keeps to the index.
            scope["created_at"] = {"$lte": time}
            scope["$or"] = [{"created_at": {"$lt": time}}, {"_id": {"$lt": last}}]
        rows = await self._rows.find(scope).sort(_NEWEST_FIRST).limit(size).to_list(size)
        return [invitation_of(row) for row in rows]


class MongoResets:
    """The ResetStore: an account's only one has the account's id."""

    def __init__(self, database: Database) -> None:
        self._rows = database["password_resets"]

    async def get(self, reset: str) -> Reset | None:
        row = await self._rows.find_one({"secret": reset})
        return reset_of(row) if row else None

    async def put(self, reset: Reset) -> None:
        row: Document = {"secret": reset.id, "expires_at": reset.expires_at}
        await self._rows.replace_one({"_id": reset.account}, row, upsert=True)


class MongoAttempts:
    """The AttemptStore."""

    def __init__(self, database: Database) -> None:
        self._rows = database["attempts"]

    async def count(self, key: str, *, until: datetime) -> int:
        try:
            return await self._add_one(key, until)
        except DuplicateKeyError:
            return await self._add_one(key, until)  # Another's upsert came between: it is there now.

    async def forget(self, key: str) -> None:
        await self._rows.delete_one({"_id": key})

    async def _add_one(self, key: str, until: datetime) -> int:
        change: Document = {"$inc": {"n": 1}, "$setOnInsert": {"expires_at": until}}
        row = await self._rows.find_one_and_update(
            {"_id": key}, change, upsert=True, return_document=ReturnDocument.AFTER
        )
        assert row is not None  # noqa: S101  # an upsert answers what it made
        return int(row["n"])
