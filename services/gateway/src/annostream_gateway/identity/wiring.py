"""Identity put together: what the gateway's main needs of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from pymongo.errors import PyMongoError
from starlette.routing import Route

from annostream_gateway.identity.inbound.authenticator import IdentityAuthenticator
from annostream_gateway.identity.inbound.cookies import Cookies
from annostream_gateway.identity.inbound.jwks import jwks_route
from annostream_gateway.identity.inbound.service import IdentityService
from annostream_gateway.identity.outbound.accounts import MongoAccounts
from annostream_gateway.identity.outbound.credentials import (
    MongoApiTokens,
    MongoAttempts,
    MongoInvitations,
    MongoResets,
    MongoSessions,
)
from annostream_gateway.identity.outbound.passwords import Argon2Hashes, HashCost
from annostream_gateway.identity.outbound.schema import INDEXES, MIGRATIONS
from annostream_gateway.identity.ports import PasswordHashes, Stores, World
from annostream_gateway.identity.settings import IdentitySettings
from annostream_gateway.identity.use_cases.attempts import Attempts
from annostream_gateway.identity.use_cases.credentials import Credentials
from annostream_gateway.identity.use_cases.entering import Entering
from annostream_gateway.identity.use_cases.own_credentials import OwnCredentials
from annostream_gateway.identity.use_cases.people import People
from annostream_kit import mongo
from annostream_kit.auth import TokenVerifier
from annostream_kit.errors import MisconfiguredError
from annostream_kit.keys import KeyRing
from annostream_kit.mongo import Database
from annostream_kit.readiness import Readiness

log = structlog.get_logger()
IDENTITY = "annostream.gateway.v1.IdentityService"
_SECRET_BYTES = 32
_PING_SECONDS = 1.0


def now() -> datetime:
    """MongoDB keeps milliseconds: times that we compare are no finer."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def make_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def key_ring(settings: IdentitySettings) -> KeyRing:
    """With its keys read; raises MisconfiguredError where there are none and none may be made."""
    ring = KeyRing(
        settings.signing_keys_folder, settings.jwks_file, settings.key_times(), rotate=settings.signing_keys_rotate
    )
    ring.refresh()
    return ring


def mongo_stores(database: Database, settings: IdentitySettings) -> Stores:
    lifetimes = settings.policy().sessions
    return Stores(
        accounts=MongoAccounts(database, lifetimes),
        sessions=MongoSessions(database, lifetimes),
        api_tokens=MongoApiTokens(database),
        invitations=MongoInvitations(database),
        resets=MongoResets(database),
        attempts=MongoAttempts(database),
    )


@dataclass(frozen=True)
class Identity:
    """service: the local IdentityService. routes: what it serves beside the RPCs. ring: refreshed by keep_keys."""

    service: IdentityService
    authenticator: IdentityAuthenticator
    routes: tuple[Route, ...]
    ring: KeyRing
    refresh_seconds: float

    async def keep_keys(self) -> None:
        """Runs for as long as the process: reads the folder, rotates where due. The keys at hand outlive a fault."""
        while True:
            await asyncio.sleep(self.refresh_seconds)
            try:
                await asyncio.to_thread(self.ring.refresh)
            except (OSError, MisconfiguredError) as error:
                log.error("signing_keys_unreadable", error=str(error))


def put_together(
    settings: IdentitySettings,
    stores: Stores,
    hashes: PasswordHashes,
    ring: KeyRing,
    grpc_addresses: Mapping[str, str],
) -> Identity:
    """Everything over the given stores."""
    world = World(settings.policy(), now, make_secret)
    credentials = Credentials(stores, ring, world)
    origins = frozenset(one.strip() for one in settings.allowed_origins.split(",") if one.strip())
    cookies = Cookies(settings.session_lifetime_seconds, settings.insecure_cookies, origins)
    service = IdentityService(
        entering=Entering(stores, Attempts(stores.attempts, world), hashes, world),
        people=People(stores, world),
        own=OwnCredentials(stores, world),
        credentials=credentials,
        world=world,
        cookies=cookies,
        grpc_addresses=grpc_addresses,
    )
    verifier = TokenVerifier(settings.jwks_file)
    routes = (jwks_route(ring.public_keys, min(300, settings.signing_key_publish_ahead_seconds)),)
    authenticator = IdentityAuthenticator(credentials, verifier, cookies)
    return Identity(service, authenticator, routes, ring, settings.signing_keys_refresh_seconds)


@dataclass(frozen=True)
class Opened:
    """Identity over its own MongoDB and threads."""

    identity: Identity
    hashes: Argon2Hashes
    database: Database

    async def follow_mongodb(self, readiness: Readiness) -> None:
        """Runs for as long as the process: while MongoDB is away nobody gets in, and readiness says so."""
        while True:
            try:
                await self.database.command("ping")
            except PyMongoError as error:
                log.warning("mongodb_away", error=str(error)[:200])
                readiness.waiting("mongodb", "it does not answer")
            else:
                readiness.fine("mongodb")
            await asyncio.sleep(_PING_SECONDS)

    async def close(self) -> None:
        await self.hashes.close()
        self.database.client.close()


async def open_identity(settings: IdentitySettings, grpc_addresses: Mapping[str, str]) -> Opened:
    """Waits for MongoDB, brings its schema up, and wires identity.

    grpc_addresses: of the other services, by their names, as clients reach them.
    """
    database = mongo.connect(settings)
    await mongo.wait_until_up(database)
    await mongo.migrate(database, MIGRATIONS)
    await mongo.ensure_indexes(database, INDEXES)
    cost = HashCost(
        settings.password_hash_memory_kibibytes, settings.password_hash_iterations, settings.password_hash_lanes
    )
    hashes = Argon2Hashes(cost, workers=settings.password_hash_workers, queue=settings.password_hash_queue)
    identity = put_together(settings, mongo_stores(database, settings), hashes, key_ring(settings), grpc_addresses)
    return Opened(identity, hashes, database)
