"""Downloads of an export's files: streamed, several at once, checked by SHA-256, renamed when whole."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from annostream_sdk.aio.remote_files import OnBytes, RemoteFile
from annostream_sdk.archive import safe_path
from annostream_sdk.errors import AnnostreamError

_FILES_AT_ONCE = 8
_ATTEMPTS = 6
_READ_BYTES = 1024**2
_FIRST_DELAY_SECONDS = 0.2
# A link that has run out is answered so by S3: the list is asked for again.
_LINK_EXPIRED = {401, 403}


@dataclass
class Downloaded:
    """What lies on disk now; size_bytes of all of it."""

    paths: list[Path] = field(default_factory=list)
    size_bytes: int = 0


class LinkExpiredError(Exception):
    """The link no longer opens the file."""


class _IncompleteError(Exception):
    """The connection broke, or the server failed for a moment."""


async def download_all(
    list_files: Callable[[], AsyncIterator[RemoteFile]], folder: Path, on_bytes: OnBytes | None = None
) -> Downloaded:
    """list_files: called again for fresh links.

    Raises AnnostreamError: DOWNLOAD_FAILED, CHECKSUM_MISMATCH, UNSAFE_PATH.
    """
    folder.mkdir(parents=True, exist_ok=True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for _ in range(_ATTEMPTS):
            try:
                return await _round(session, list_files(), folder, on_bytes)
            except LinkExpiredError:
                continue
    raise AnnostreamError("DOWNLOAD_FAILED", "The links to the files run out too soon: check the clocks.")


async def _round(
    session: aiohttp.ClientSession, files: AsyncIterator[RemoteFile], folder: Path, on_bytes: OnBytes | None
) -> Downloaded:
    """Up to 8 files are on their way at a time; the list is read no faster than that."""
    downloaded, running = Downloaded(), set[asyncio.Task[Path]]()
    try:
        async for file in files:
            if len(running) >= _FILES_AT_ONCE:
                running = await _settled(running, downloaded)
            running.add(asyncio.ensure_future(_fetch(session, file, folder, on_bytes)))
            downloaded.size_bytes += file.size_bytes
        while running:
            running = await _settled(running, downloaded)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return downloaded


async def _settled(running: set[asyncio.Task[Path]], downloaded: Downloaded) -> set[asyncio.Task[Path]]:
    done, waiting = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        running.discard(task)
    downloaded.paths += [task.result() for task in done]
    return waiting


async def _fetch(session: aiohttp.ClientSession, file: RemoteFile, folder: Path, on_bytes: OnBytes | None) -> Path:
    target = safe_path(folder, file.path)
    if await asyncio.to_thread(_is_there, target, file):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    delay, problem = _FIRST_DELAY_SECONDS, ""
    for _ in range(_ATTEMPTS):
        try:
            await _attempt(session, file, target, on_bytes)
        except (_IncompleteError, aiohttp.ClientError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
            await asyncio.sleep(delay)
            delay *= 2
        else:
            return target
    raise AnnostreamError("DOWNLOAD_FAILED", f"{file.path} cannot be read: {problem}.", {"path": file.path})


async def _attempt(session: aiohttp.ClientSession, file: RemoteFile, target: Path, on_bytes: OnBytes | None) -> None:
    partial = target.with_name(target.name + ".part")
    async with session.get(file.url) as response:
        if response.status in _LINK_EXPIRED:
            raise LinkExpiredError
        if response.status != 200:
            raise _IncompleteError(f"the store answered {response.status}")
        digest = await _write(response, partial, on_bytes)
    if digest != file.sha256:
        partial.unlink()
        raise AnnostreamError(
            "CHECKSUM_MISMATCH",
            f"{file.path} came with another content than was written: SHA-256 {digest}, not {file.sha256}. Try again.",
            {"path": file.path},
        )
    partial.replace(target)


async def _write(response: aiohttp.ClientResponse, partial: Path, on_bytes: OnBytes | None) -> str:
    digest = hashlib.sha256()
    with partial.open("wb") as file:
        async for chunk in response.content.iter_chunked(_READ_BYTES):
            digest.update(chunk)
            file.write(chunk)
            if on_bytes is not None:
                on_bytes(len(chunk))
    return digest.hexdigest()


def _is_there(target: Path, file: RemoteFile) -> bool:
    try:
        if target.stat().st_size != file.size_bytes:
            return False
        with target.open("rb") as existing:
            return hashlib.file_digest(existing, "sha256").hexdigest() == file.sha256
    except FileNotFoundError:
        return False
