"""Unpacks an export's zip file, and lets nothing of it out of its folder."""

import asyncio
import os
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from annostream_sdk.errors import AnnostreamError

_COPY_BYTES = 1024**2


def safe_path(folder: Path, name: str) -> Path:
    """The path of a relative name below a folder. Raises AnnostreamError: UNSAFE_PATH for any name that leads out."""
    parts = PurePosixPath(name).parts
    outside = not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name
    if outside or PurePosixPath(name).is_absolute() or (os.name == "nt" and ":" in name):
        raise AnnostreamError("UNSAFE_PATH", f"The export has a file named {name!r}, which leads elsewhere: refused.")
    target = folder.joinpath(*parts)
    if not target.resolve().is_relative_to(folder.resolve()):
        raise AnnostreamError("UNSAFE_PATH", f"{target} is a link that leads elsewhere: refused.")
    return target


async def unpack(archive: Path, folder: Path) -> None:
    """Raises AnnostreamError: UNSAFE_PATH (nothing is written then), DAMAGED_ARCHIVE."""
    try:
        await asyncio.to_thread(_unpack, archive, folder)
    except zipfile.BadZipFile as error:
        raise AnnostreamError("DAMAGED_ARCHIVE", f"{archive} is no whole zip file: {error}. Fetch it again.") from error


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        entries = packed.infolist()
        for entry in entries:
            _refuse_link(entry)
            safe_path(folder, entry.filename)
        for entry in entries:
            _write(packed, entry, folder)


def _write(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = safe_path(folder, entry.filename)
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(entry) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, _COPY_BYTES)


def _refuse_link(entry: zipfile.ZipInfo) -> None:
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise AnnostreamError("UNSAFE_PATH", f"The archive has a link named {entry.filename!r}: refused.")
