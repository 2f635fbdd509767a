"""The bucket as somebody else's client sees it: boto3, with the credentials of endpoints.json."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

_PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 0.2


class Bucket:
    """Reads repeat for a minute while S3 is away: a kill test may have it killed just now."""

    def __init__(self, endpoint: Mapping[str, str]) -> None:
        self._endpoint = endpoint

    def client(self, **changes: str) -> Any:
        """boto3's client has no types of its own."""
        s3 = {**self._endpoint, **changes}
        return boto3.client(
            "s3",
            endpoint_url=s3["endpoint_url"],
            region_name=s3["region"],
            aws_access_key_id=s3["access_key"],
            aws_secret_access_key=s3["secret_key"],
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 5}),
        )

    def get(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                body: bytes = self.client().get_object(Bucket=bucket, Key=key)["Body"].read()
            except (exceptions.BotoCoreError, exceptions.ClientError) as error:
                if time.monotonic() > deadline or not _is_away(error):
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return body

    def keys(self, prefix: str) -> list[str]:
        pages = self.client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self._endpoint["bucket"], Prefix=prefix)
        return [o["Key"] for page in found for o in page.get("Contents", [])]


def _is_away(error: exceptions.BotoCoreError | exceptions.ClientError) -> bool:
    if isinstance(error, exceptions.ClientError):
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"]) >= 500
    broken = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.ResponseStreamingError)
    return isinstance(error, broken)
