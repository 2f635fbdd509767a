"""The files below what a user names: in order, lazily, each with its path relative to the folder named."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from annostream_sdk.errors import AnnostreamError


@dataclass(frozen=True)
class SourceFile:
    """A file to ingest. name: its relative path with forward slashes, as the asset will carry it."""

    path: Path
    name: str


def source_files(paths: Iterable[str | Path]) -> Iterator[SourceFile]:
    """Like `cp -r`: below a folder, paths are relative to it; a file named by itself goes by its own name.

    Sorted by name within each folder; hidden files and folders and links that lead back are left out (what is named by
    itself is taken). One folder's names are in memory at a time, never the whole tree. Raises AnnostreamError:
    FILE_NOT_FOUND, before anything is yielded.
    """
    named = [Path(path) for path in paths]
    for path in named:
        if not path.exists():
            raise AnnostreamError("FILE_NOT_FOUND", f"There is no file or folder {path}.", {"path": str(path)})
    return _all_files(named)


def _all_files(named: list[Path]) -> Iterator[SourceFile]:
    for path in named:
        if path.is_dir():
            yield from _below(path, "", frozenset({_identity(path)}))
        else:
            yield SourceFile(path, path.name)


def _below(folder: Path, prefix: str, ancestors: frozenset[tuple[int, int]]) -> Iterator[SourceFile]:
    for name in _visible_names(folder):
        path = folder / name
        if path.is_dir():
            identity = _identity(path)
            if identity not in ancestors:
                yield from _below(path, f"{prefix}{name}/", ancestors | {identity})
        elif (
            path.is_file() or not path.exists()
        ):  # A link to nothing is told when it is read; pipes and such are passed.
            yield SourceFile(path, prefix + name)


def _visible_names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208  # names alone
    except OSError as error:
        raise AnnostreamError(
            "UNREADABLE_FOLDER", f"The folder {folder} cannot be read: {error.strerror}.", {"path": str(folder)}
        ) from error


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
