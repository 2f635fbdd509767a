"""Objects that a client sends to S3 itself, whole or in parts: links to do so, and what becomes of the parts.

boto3, in a few threads: obstore has neither calls for single parts nor links that hold to a size.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from annostream_kit.errors import DependencyAwayError, MisconfiguredError
from annostream_kit.objects import ObjectMissingError, ObjectRefusedError, public_endpoint_url, s3_client
from annostream_kit.settings import ServiceSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THREADS = 4
_MISSING = frozenset({"NoSuchUpload", "NoSuchKey"})
_TRY_AGAIN = frozenset({408, 409, 429})
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Awaited:
    """An object that a client will send. part_sizes: bytes of each part, or of the one whole.

    multipart: S3's id of the upload in parts; empty: whole.
    """

    key: str
    part_sizes: Sequence[int]
    multipart: str = ""


class DirectUploads:
    """Every method but `links` raises as those of Objects do; ObjectMissingError where there is no such upload."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._bucket = settings.s3_bucket
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="direct-uploads")

    async def links(self, awaited: Sequence[Awaited], *, lifetime_seconds: int) -> list[list[str]]:
        """A link for each part of each: it takes exactly that key, that part and that many bytes."""

        def sign() -> list[list[str]]:
            return [self._links(each, lifetime_seconds) for each in awaited]

        return await self._in_thread(sign)

    def _links(self, awaited: Awaited, lifetime_seconds: int) -> list[str]:
        links: list[str] = []
        for number, size in enumerate(awaited.part_sizes, start=1):
            # The length is signed: more, or less, is refused by S3 before it is stored.
            parameters = {"Bucket": self._bucket, "Key": awaited.key, "ContentLength": size}
            if awaited.multipart:
                parameters |= {"UploadId": awaited.multipart, "PartNumber": number}
            method = "upload_part" if awaited.multipart else "put_object"
            links.append(self._linking.generate_presigned_url(method, Params=parameters, ExpiresIn=lifetime_seconds))
        return links

    async def begin_parts(self, key: str) -> str:
        """Returns S3's id of this upload in parts."""
        return await self._in_thread(
            lambda: self._client.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"]
        )

    async def join_parts(self, key: str, multipart: str, etags: Sequence[str]) -> None:
        """Makes the object of all parts, in order; ObjectRefusedError where the parts are not those."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
        await self._in_thread(
            lambda: self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=multipart,
                MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]  # of a TypedDict's form
            )
        )

    async def abort_parts(self, key: str) -> None:
        """Drops every upload in parts to this key, and what of them has arrived; none is fine."""
        await self._in_thread(lambda: self._abort(key))

    def _abort(self, key: str) -> None:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=key)
        # First listed, then dropped: a page's end must not move meanwhile.
        found = [upload["UploadId"] for page in pages for upload in page.get("Uploads", []) if upload["Key"] == key]
        for multipart in found:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=multipart)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _client(self) -> S3Client:
        return s3_client(self._settings, self._settings.s3_endpoint_url)

    @cached_property
    def _linking(self) -> S3Client:
        return s3_client(self._settings, public_endpoint_url(self._settings))

    async def _in_thread(self, call: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _asked, call)


def _asked(call: Callable[[], Answer]) -> Answer:
    """What boto3 raises, in our words."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # as slow to import as boto3

    try:
        return call()
    except ClientError as error:
        status = int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))
        raise _meaning_of(error.response["Error"].get("Code", ""), status, str(error)[:300]) from error
    except BotoCoreError as error:
        raise DependencyAwayError(f"S3 does not answer: {str(error)[:300]}") from error


def _meaning_of(code: str, status: int, said: str) -> Exception:
    """As `objects.meaning_of`: mend the settings, give up on this one call, or wait."""
    if code in _MISSING:
        return ObjectMissingError(said)
    if status in (401, 403) or code == "NoSuchBucket":
        return MisconfiguredError(f"S3 refuses this service's key, or has no such bucket: {said}")
    if status // 100 == 4 and status not in _TRY_AGAIN:
        return ObjectRefusedError(f"S3 refuses this call: {said}")
    return DependencyAwayError(f"S3 does not answer: {said}")
