"""Static files out of memory, with the headers that keep a page to itself."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_INDEX = "index.html"
# Vite writes assets/name-<hash>.js: another content has another name.
_HASHED = re.compile(r"assets/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9.]+\Z")
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_MIN_GZIP_BYTES = 1024
_PACKED = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".woff2", ".woff", ".gz", ".br"})
_NOT_BUILT = "The web app is not built: run `make web` in a checkout. REST is at /api/v1, its document at /api/docs.\n"


def security_headers(s3_origin: str) -> dict[str, str]:
    """Content-Security-Policy and its kin: nothing from elsewhere but images and uploads of the bucket."""
    s3 = f" {s3_origin}" if s3_origin else ""
    policy = [
        "default-src 'self'",
        f"img-src 'self' blob: data:{s3}",
        f"connect-src 'self'{s3}",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
    return {
        "content-security-policy": "; ".join(policy),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
    }


@dataclass(frozen=True, slots=True)
class StaticFile:
    """gzipped: empty where that would not be smaller."""

    data: bytes
    gzipped: bytes
    media_type: str
    etag: str
    cache_control: str

    def answer(self, request: Request, headers: Mapping[str, str]) -> Response:
        """304 where the browser has it, gzip where it takes that."""
        headers = {**headers, "etag": self.etag, "cache-control": self.cache_control, "vary": "accept-encoding"}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        data = self.data
        if self.gzipped and "gzip" in request.headers.get("accept-encoding", ""):
            data, headers = self.gzipped, {**headers, "content-encoding": "gzip"}
        return Response(data, media_type=self.media_type, headers=headers)


def static_file(path: str, data: bytes) -> StaticFile:
    """path: within its folder, with slashes."""
    media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
    packed = b""
    if len(data) >= _MIN_GZIP_BYTES and PurePosixPath(path).suffix not in _PACKED:
        packed = gzip.compress(data, mtime=0)
    return StaticFile(
        data,
        packed if len(packed) < len(data) else b"",
        media_type,
        f'"{hashlib.sha256(data).hexdigest()[:32]}"',
        _FOR_EVER if _HASHED.match(path) else _ASK_AGAIN,
    )


def read_folder(folder: Traversable) -> dict[str, StaticFile]:
    """Path -> file, of everything under `folder` but hidden files; empty where there is none."""
    found: dict[str, StaticFile] = {}

    def walk(here: Traversable, at: str) -> None:
        for entry in here.iterdir():
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                walk(entry, f"{at}{entry.name}/")
            else:
                found[at + entry.name] = static_file(at + entry.name, entry.read_bytes())

    if folder.is_dir():
        walk(folder, "")
    return found


class WebApp:
    """An ASGI application: the files, and index.html for each route of the browser's own."""

    def __init__(self, files: Mapping[str, StaticFile], headers: Mapping[str, str]) -> None:
        self._files = files
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return Response(status_code=405, headers={**self._headers, "allow": "GET, HEAD"})
        path = request.scope["path"].lstrip("/")
        if not path or path not in self._files:
            if PurePosixPath(path).suffix:
                return self._plain(404, "There is no such file.\n")
            path = _INDEX
        if path not in self._files:
            return self._plain(503 if request.scope["path"] == "/" else 404, _NOT_BUILT)
        return self._files[path].answer(request, self._headers)

    def _plain(self, status: int, text: str) -> Response:
        return Response(text, status_code=status, media_type="text/plain", headers=dict(self._headers))
