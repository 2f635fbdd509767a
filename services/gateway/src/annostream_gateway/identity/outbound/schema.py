"""Every index of identity's database. What has expired vanishes by itself, within a minute or so."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from annostream_kit.mongo import Database, Migration

_EXPIRY = IndexModel([("expires_at", ASCENDING)], name="expiry", expireAfterSeconds=0)
_NEWEST_OF_ACCOUNT = IndexModel(
    [("account", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="newest_of_account"
)
INDEXES = {
    "accounts": [
        IndexModel([("login", ASCENDING)], name="login", unique=True),
        IndexModel([("role", ASCENDING)], name="role"),
    ],
    "sessions": [_EXPIRY, _NEWEST_OF_ACCOUNT],
    "api_tokens": [_EXPIRY, _NEWEST_OF_ACCOUNT],
    "invitations": [_EXPIRY, IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)], name="newest")],
    "password_resets": [_EXPIRY, IndexModel([("secret", ASCENDING)], name="secret", unique=True)],
    "attempts": [_EXPIRY],
}


async def _first(database: Database) -> None:
    """The first form. A transaction that makes a document meets no other that makes it too: it is made here."""
    await database["guards"].update_one({"_id": "owners"}, {"$setOnInsert": {"n": 0}}, upsert=True)


MIGRATIONS: tuple[Migration, ...] = (_first,)
