"""MongoDB behind one door: the only module that imports motor (its maintainers end it in May 2027; see the ADR)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import structlog
from bson import CodecOptions
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorCursor,
    AsyncIOMotorDatabase,
)
from pymongo import IndexModel, ReadPreference, WriteConcern
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from annostream_kit.errors import MisconfiguredError
from annostream_kit.settings import ServiceSettings

log = structlog.get_logger()

# A document is a mapping of whatever BSON holds: Any stays inside the outbound adapters.
Document = dict[str, Any]
Database: TypeAlias = AsyncIOMotorDatabase[Document]
Collection: TypeAlias = AsyncIOMotorCollection[Document]
Cursor: TypeAlias = AsyncIOMotorCursor[Document]
Session: TypeAlias = AsyncIOMotorClientSession

_DUPLICATE_KEY = 11000
_NAMESPACE_NOT_FOUND, _INDEX_NOT_FOUND = 26, 27
_SNAPSHOT_TOO_OLD = 239
# Codes of a server that steps down, starts, stops, is overloaded or out of disk; they come as OperationFailure.
_AWAY_CODES = frozenset(
    {6, 7, 50, 64, 89, 91, 112, 134, 189, 202, 246, 262, 317, 358, 384, 9001}
    | {10107, 11600, 11601, 11602, 13435, 13436, 14031}
)
_FORBIDDEN_CODES = frozenset({13, 18, 8000})
_TRANSIENT = ("RetryableWriteError", "TransientTransactionError")
Answer = TypeVar("Answer")


def connect(settings: ServiceSettings) -> Database:
    """This service's database: writes are majority and journaled, times are aware and in UTC.

    Raises MisconfiguredError for an address that is none; whether a server answers there shows at the first call.
    """
    try:
        client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            settings.mongodb_uri,
            appname=f"annostream-{settings.service}",
            tz_aware=True,
            retryWrites=True,
            serverSelectionTimeoutMS=5_000,
            socketTimeoutMS=30_000,
            maxPoolSize=64,
            uuidRepresentation="standard",
        )
    except (ValueError, ConfigurationError) as error:  # a ValueError for a port that is none
        raise MisconfiguredError(f"ANNOSTREAM_MONGODB_URI is no address of a MongoDB: {error}") from error
    return client.get_database(
        settings.database,
        codec_options=CodecOptions(tz_aware=True),
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )


def is_away(error: BaseException) -> bool:
    """Whether the server, not the message, is at fault: then waiting mends it."""
    if isinstance(error, ConnectionFailure):
        return True
    if isinstance(error, BulkWriteError):
        codes = {e.get("code") for e in error.details.get("writeErrors", [])}
        return bool(error.details.get("writeConcernErrors")) or bool(codes & _AWAY_CODES)
    if isinstance(error, OperationFailure) and error.code in _AWAY_CODES:
        return True
    return isinstance(error, PyMongoError) and any(error.has_error_label(label) for label in _TRANSIENT)


def is_forbidden(error: BaseException) -> bool:
    """Whether the server refuses our account: a wrong password, or a right that it lacks."""
    return isinstance(error, OperationFailure) and error.code in _FORBIDDEN_CODES


def only_duplicates(error: BulkWriteError) -> bool:
    """Whether every failed write of an unordered bulk met a key that exists."""
    errors = error.details.get("writeErrors", [])
    return bool(errors) and all(e.get("code") == _DUPLICATE_KEY for e in errors) and not is_away(error)


async def in_transaction(database: Database, work: Callable[[Session], Coroutine[Any, Any, Answer]]) -> Answer:
    """Runs `work` in a transaction, again on a write conflict; everything in it must be safe to repeat."""
    async with await database.client.start_session() as session:
        return await session.with_transaction(
            work, read_concern=ReadConcern("snapshot"), write_concern=WriteConcern(w="majority", j=True)
        )


class MomentPassedError(Exception):
    """Reading at one moment took longer than the server keeps history (minSnapshotHistoryWindowInSeconds)."""


@asynccontextmanager
async def at_one_moment(database: Database) -> AsyncIterator[Session]:
    """A session whose reads all show the database at one MongoDB snapshot time (kept for 5 minutes by default).

    Raises MomentPassedError where that time is no longer kept.
    """
    try:
        async with await database.client.start_session(snapshot=True, causal_consistency=False) as session:
            yield session
    except OperationFailure as error:
        if error.code != _SNAPSHOT_TOO_OLD:
            raise
        raise MomentPassedError("MongoDB no longer keeps the moment that was read.") from error


async def ensure_indexes(database: Database, indexes: Mapping[str, Sequence[IndexModel]]) -> None:
    """Makes what is missing; an index that exists stays."""
    for collection, models in indexes.items():
        await database[collection].create_indexes(list(models))


async def streamed(cursor: Cursor) -> AsyncGenerator[Document, None]:
    """Its documents as they are asked for; where the reader stops early, the server's cursor ends too."""
    try:
        async for row in cursor:
            yield row
    finally:
        if cursor.alive:  # type: ignore[truthy-function]  # a property, whatever the stub says
            await cursor.close()


async def drop_index(rows: Collection, name: str) -> None:
    """Drops what is there; one that is gone already, or whose collection never was, is no error."""
    try:
        await rows.drop_index(name)
    except OperationFailure as error:
        if error.code not in (_NAMESPACE_NOT_FOUND, _INDEX_NOT_FOUND):
            raise


class NewerSchemaError(Exception):
    """The stored schema is newer than this program."""


Migration = Callable[[Database], Awaitable[None]]


async def migrate(database: Database, migrations: Sequence[Migration]) -> None:
    """Brings the stored schema to version len(migrations); each migration must be safe to repeat.

    Raises NewerSchemaError where the database was written by a newer program.
    """
    newest = len(migrations)
    row = await database["schema"].find_one({"_id": "schema"})
    stored = int(row["version"]) if row else 0
    if stored > newest:
        raise NewerSchemaError(
            f"The database {database.name} has schema version {stored}, this program knows {newest}: "
            "start a newer Annostream, or give this one another database."
        )
    for version in range(stored, newest):
        await migrations[version](database)
        await database["schema"].update_one({"_id": "schema"}, {"$max": {"version": version + 1}}, upsert=True)
        log.info("schema_migrated", database=database.name, version=version + 1)


async def wait_until_up(database: Database) -> None:
    """Returns when the server answers; raises MisconfiguredError at once where it refuses our account."""
    while True:
        try:
            await database.command("ping")
        except PyMongoError as error:
            if is_forbidden(error):
                message = f"MongoDB refuses this service's account ({error}): check ANNOSTREAM_MONGODB_URI."
                raise MisconfiguredError(message) from error
            if not is_away(error):
                raise
            log.warning("mongodb_away", error=str(error)[:200])
            await asyncio.sleep(0.5)
        else:
            return
