"""Kafka's jars: those of the lock file, fetched by jgo, checked, and shared by all data directories."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from annostream_embedded.errors import EmbeddedError
from annostream_embedded.settings import Settings

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.4.0"
_THREADS = 8

Advance = Callable[[int, int, int], None]  # jars done, jars in all, bytes done


@dataclass(frozen=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def locked_jars() -> list[Jar]:
    """`group:artifact:version sha256` a line."""
    lines = files("annostream_embedded").joinpath(f"kafka-{KAFKA_VERSION}.lock").read_text().splitlines()
    return [_jar(*line.split()) for line in lines if line]


def _jar(coordinates: str, digest: str) -> Jar:
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, digest)


def kafka_classpath(settings: Settings, advance: Advance) -> list[Path]:
    """The jars' paths; fetches what the cache lacks. Raises EmbeddedError when the repository cannot serve one."""
    folder = settings.cache_folder / f"kafka-{KAFKA_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    jars = locked_jars()
    missing = [jar for jar in jars if not _is_whole(folder / jar.file_name, jar.sha256)]
    if missing:
        _fetch_all(missing, folder, settings.maven_repository, advance)
    return [folder / jar.file_name for jar in jars]


def _fetch_all(missing: list[Jar], folder: Path, repository: str | None, advance: Advance) -> None:
    # Slow to import, and needed at the first start only; here, for threads that import at once can lock each other.
    from jgo.maven import MavenContext  # noqa: PLC0415

    remotes = None if repository is None else {"configured": repository.rstrip("/")}
    total = done_bytes = 0
    partial = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder))
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            fetched = [
                pool.submit(_fetch, jar, folder, MavenContext(repo_cache=partial, remote_repos=remotes, timeout=60))
                for jar in missing
            ]
            for total, future in enumerate(as_completed(fetched), start=1):
                done_bytes += future.result()
                advance(total, len(missing), done_bytes)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fetch(jar: Jar, folder: Path, context: "MavenContext") -> int:
    try:
        fetched: Path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except (OSError, RuntimeError) as error:
        raise EmbeddedError(
            f"{jar.file_name} could not be fetched ({error}). Is the Maven repository reachable from here? Another one "
            "is set by ANNOSTREAM_MAVEN_REPOSITORY, your own Kafka by ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS."
        ) from error
    if not _is_whole(fetched, jar.sha256):
        raise EmbeddedError(
            f"{jar.file_name} came with another content than the lock file names: try again, and ask whoever runs the "
            "Maven repository if it stays so."
        )
    size = fetched.stat().st_size
    fetched.replace(folder / jar.file_name)
    return size


def _is_whole(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except FileNotFoundError:
        return False
