"""The data directory: where everything lies, who holds it, and writing a file whole or not at all."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annostream_embedded.errors import EmbeddedError

DEFAULT_DATA_DIR = Path(".annostream")


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """A reader sees the old file or the new one, never a part; nobody else can read a secret, not even shortly."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The file's object; {} when there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return content


@dataclass(frozen=True)
class DataDirectory:
    root: Path

    @classmethod
    def at(cls, path: Path | str) -> "DataDirectory":
        return cls(Path(path).absolute())

    @property
    def endpoints(self) -> Path:
        return self.root / "endpoints.json"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def topics_applied(self) -> Path:
        """There once the topics of this data were made."""
        return self.root / "topics.applied"

    @property
    def credentials(self) -> Path:
        return self.root / "credentials.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def identity(self) -> Path:
        return self.root / "identity"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def server(self, name: str) -> Path:
        return self.root / name

    def create(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise EmbeddedError(
                f"The data directory {self.root} cannot be made ({error.strerror}). Choose another with --data-dir."
            ) from error

    def free_bytes(self) -> int:
        """Of its disk."""
        return shutil.disk_usage(self.root).free

    def check_free_bytes(self, min_free_bytes: int) -> None:
        free = self.free_bytes()
        if free < min_free_bytes:
            raise EmbeddedError(
                f"The disk of {self.root} has {free / 1024**2:,.0f} MiB free, and {min_free_bytes / 1024**2:,.0f} MiB "
                "are needed. Make room, choose another disk with --data-dir, or lower ANNOSTREAM_MIN_FREE_BYTES."
            )

    def holder(self) -> int | None:
        """The process id of the supervisor that runs on this data, or None."""
        try:
            with self._lock_file.open("r+") as file:
                return None if _try_lock(file.fileno()) else int(file.read() or 0)
        except FileNotFoundError:
            return None

    def check_not_held(self) -> None:
        if (holder := self.holder()) is not None:
            raise self._held_by(holder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """One supervisor a data directory; the lock goes with the process, however it dies."""
        with self._lock_file.open("a+") as file:
            if not _try_lock(file.fileno()):
                file.seek(0)
                raise self._held_by(int(file.read() or 0))
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def _held_by(self, holder: int) -> EmbeddedError:
        return EmbeddedError(
            f"Annostream runs already on {self.root} (process {holder}). Use it as it is, stop it with "
            f"`annostream down --data-dir {self.root}`, or start a second one with another --data-dir and --ports-from."
        )

    @property
    def _lock_file(self) -> Path:
        return self.root / "supervisor.lock"


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
