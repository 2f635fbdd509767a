"""S3-compatible storage behind one door: obstore for bytes, boto3 for presigning."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from annostream_kit.errors import DependencyAwayError, MisconfiguredError
from annostream_kit.settings import ServiceSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = structlog.get_logger()
_RANGE_BYTES = 8 << 20
_DELETE_KEYS = 1000
_PARTS_ABOVE_BYTES = 16 << 20
# obstore has no exception for most answers; its text begins with the status, and what the server wrote comes after.
_STATUS = re.compile(r"Server returned non-2xx status code: (\d{3})")
_FORBIDDEN = frozenset({401, 403})
_TRY_AGAIN = frozenset({408, 429})
# Of what is written once. Private: a link is for whoever was given it, no proxy's to share.
_FOR_GOOD = {"Cache-Control": "private, max-age=31536000, immutable"}
Answer = TypeVar("Answer")


class ObjectMissingError(Exception):
    """There is no object of that key."""


class ObjectRefusedError(Exception):
    """S3 refuses this one call for good (a key too long, say): no wait mends it, and other calls may well be fine."""


@dataclass(frozen=True, slots=True)
class Stored:
    key: str
    size_bytes: int


class ObjectWriter:
    """Writes one object as a stream: nothing is visible before `close`."""

    def __init__(self, writer: obstore.AsyncWritableFile) -> None:
        self._writer = writer

    async def write(self, data: bytes) -> None:
        await _away(self._writer.write(data))

    async def close(self) -> None:
        await _away(self._writer.close())


class Objects:
    """The bucket of this installation.

    Every method raises DependencyAwayError while S3 does not answer, MisconfiguredError where it refuses our account
    or has no such bucket, and ObjectRefusedError for a call that it will never take.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.bucket = settings.s3_bucket
        self._lifetime = settings.url_lifetime_seconds
        self._settings = settings
        self._store = _store(settings, settings.s3_endpoint_url)
        public = settings.s3_public_endpoint_url
        # The signature covers the host: a link for another address is made for it.
        self._linking = _store(settings, public) if public else self._store

    @cached_property
    def _presigner(self) -> S3Client:
        return s3_client(self._settings, public_endpoint_url(self._settings))

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def key_of(self, uri: str) -> str:
        """The key in an s3:// URI of our bucket; raises ValueError for any other."""
        prefix = f"s3://{self.bucket}/"
        if not uri.startswith(prefix):
            raise ValueError(f"{uri} is not in the bucket {self.bucket}.")
        return uri[len(prefix) :]

    async def put_new(self, key: str, data: bytes | Path, *, media_type: str = "") -> bool:
        """Writes unless the key exists (If-None-Match: *); False where it does.

        A file above 16 MiB goes in parts, for which S3 has no such condition: we look first, and as `key` is a hash
        of the content, a race writes the same bytes. What is never written twice may be kept by whoever fetches it.
        """
        if isinstance(data, Path) and data.stat().st_size > _PARTS_ABOVE_BYTES:
            if await self.size_of(key) is not None:
                return False
            await self._put(key, data, {**_attributes(media_type), **_FOR_GOOD})
            return True
        try:
            attributes = {**_attributes(media_type), **_FOR_GOOD}
            await _away(
                obstore.put_async(self._store, key, data, mode="create", attributes=attributes, use_multipart=False)
            )
        except AlreadyExistsError:
            return False
        return True

    async def put(self, key: str, data: bytes | Path, *, media_type: str = "") -> None:
        await self._put(key, data, _attributes(media_type))

    async def _put(self, key: str, data: bytes | Path, attributes: dict[str, str]) -> None:
        # Three parts of 5 MiB at once, not twelve: what is in memory meanwhile must not grow with the file.
        await _away(obstore.put_async(self._store, key, data, attributes=attributes, max_concurrency=3))

    async def get(self, key: str) -> bytes:
        """The whole object; raises ObjectMissingError."""
        answer = await _away(obstore.get_async(self._store, key))
        return bytes(await _away(answer.bytes_async()))

    async def stream(self, key: str, *, size_bytes: int | None = None) -> AsyncIterator[bytes]:
        """The object in chunks of at most 8 MiB; raises ObjectMissingError.

        One request a range: a reader may take its time, and a server that dies in between costs one range.
        size_bytes: of one who has asked for it already.
        """
        size = await self.size_of(key) if size_bytes is None else size_bytes
        if size is None:
            raise ObjectMissingError(f"There is no object {key}.")
        for start in range(0, size, _RANGE_BYTES):
            end = min(start + _RANGE_BYTES, size)
            yield bytes(await _away(obstore.get_range_async(self._store, key, start=start, end=end)))

    async def size_of(self, key: str) -> int | None:
        """Bytes, or None where there is no such object."""
        try:
            return int((await _away(obstore.head_async(self._store, key)))["size"])
        except ObjectMissingError:
            return None

    async def delete(self, keys: Sequence[str]) -> None:
        """Deletes; a key that does not exist is fine."""
        for first in range(0, len(keys), _DELETE_KEYS):
            await _away(obstore.delete_async(self._store, list(keys[first : first + _DELETE_KEYS])))

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        """Every object below `prefix`, which is a folder: whole parts between slashes."""
        with _s3():
            async for page in obstore.list(self._store, prefix):
                for entry in page:
                    yield Stored(key=entry["path"], size_bytes=entry["size"])

    def writer(self, key: str, *, media_type: str = "", buffer_bytes: int = 8 << 20) -> ObjectWriter:
        """A streaming writer (multipart above `buffer_bytes`); not closing it leaves nothing visible."""
        return ObjectWriter(
            obstore.open_writer_async(
                self._store, key, attributes=_attributes(media_type), buffer_size=buffer_bytes, max_concurrency=3
            )
        )

    async def presigned_gets(self, keys: Sequence[str]) -> Sequence[str]:
        """A link to each for `url_lifetime_seconds`, hundreds at a time; no call is made."""
        lifetime = timedelta(seconds=self._lifetime)
        return await _away(obstore.sign_async(self._linking, "GET", [*keys], lifetime)) if keys else ()

    def presigned_get(self, key: str, *, media_type: str = "", file_name: str = "") -> str:
        """A link for `url_lifetime_seconds`; no call is made."""
        parameters = {"Bucket": self.bucket, "Key": key}
        if media_type:
            parameters["ResponseContentType"] = media_type
        if file_name:
            parameters["ResponseContentDisposition"] = _disposition(file_name)
        url: str = self._presigner.generate_presigned_url("get_object", Params=parameters, ExpiresIn=self._lifetime)
        return url


def public_endpoint_url(settings: ServiceSettings) -> str:
    return settings.s3_public_endpoint_url or settings.s3_endpoint_url


def s3_client(settings: ServiceSettings, endpoint_url: str) -> S3Client:
    """boto3's, for what obstore has not."""
    # A service that never needs it, and each start, is spared half a second of CPU.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    # A session of its own: boto3's common one is not made safely by two threads at once.
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint_url or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        config=Config(
            # Without this, custom endpoints get presigned links of signature version 2.
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=3,
            read_timeout=60,
            # A link must not ask its user for a checksum that no browser sends.
            request_checksum_calculation="when_required",
        ),
    )


def _store(settings: ServiceSettings, endpoint_url: str) -> S3Store:
    return S3Store(
        settings.s3_bucket,
        endpoint=endpoint_url or None,
        region=settings.s3_region,
        access_key_id=settings.s3_access_key,
        secret_access_key=settings.s3_secret_key,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": True,
            "timeout": timedelta(seconds=60),
            "connect_timeout": timedelta(seconds=3),
        },
        retry_config={
            "max_retries": 6,
            "retry_timeout": timedelta(seconds=10),
            "backoff": {
                "base": 2,
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=2),
            },
        },
    )


def _attributes(media_type: str) -> dict[str, str]:
    return {"Content-Type": media_type} if media_type else {}


async def _away(call: Awaitable[Answer]) -> Answer:
    with _s3():
        return await call


@contextmanager
def _s3() -> Iterator[None]:
    """What obstore raises, in our words."""
    try:
        yield
    except AlreadyExistsError:
        raise
    except (BaseError, OSError) as error:
        raise meaning_of(error) from error


def meaning_of(error: Exception) -> Exception:
    """What obstore raised, in our words: mend the settings, give up on this one call, or wait."""
    said = str(error)[:300]
    found = _STATUS.search(str(error))
    status = int(found[1]) if found else 0
    if "NoSuchBucket" in str(error):
        return MisconfiguredError(f"The bucket is missing: {said}")
    if isinstance(error, FileNotFoundError):
        return ObjectMissingError(said)
    if status in _FORBIDDEN:
        return MisconfiguredError(
            f"S3 refuses this service's key: check ANNOSTREAM_S3_ACCESS_KEY and its secret. {said}"
        )
    if status // 100 == 4 and status not in _TRY_AGAIN:
        return ObjectRefusedError(f"S3 refuses this call: {said}")
    return DependencyAwayError(f"S3 does not answer: {said}")


def _disposition(file_name: str) -> str:
    """RFC 6266: any name, and an ASCII form of it for readers that know no other."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
