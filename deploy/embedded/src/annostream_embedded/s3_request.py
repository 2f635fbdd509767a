"""One signed request to an S3 server (AWS Signature Version 4), for probes and for making the bucket."""

import hashlib
import hmac
import http.client
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from annostream_embedded.errors import NotReady

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class S3Access:
    """How one caller reaches S3."""

    endpoint_url: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str

    def endpoint(self) -> dict[str, str]:
        return dict(self.__dict__)

    def environment(self) -> dict[str, str]:
        return {f"ANNOSTREAM_S3_{name.upper()}": value for name, value in self.__dict__.items()}


def send(access: S3Access, method: str, path: str, body: bytes = b"", *, query: str = "") -> int:
    """The HTTP status. `path` is "/bucket/key", `query` one word as "cors". Raises NotReady when nothing answers."""
    url = urlsplit(access.endpoint_url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=_TIMEOUT_SECONDS)
    try:
        now = datetime.now(UTC)
        headers = signed_headers(access, method, quote(path), body, host=url.netloc, now=now, query=query)
        connection.request(method, quote(path) + (f"?{query}" if query else ""), body=body, headers=headers)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(f"S3 answers: {error}") from error
    finally:
        connection.close()
    return response.status


def signed_headers(
    access: S3Access, method: str, path: str, body: bytes, *, host: str, now: datetime, query: str = ""
) -> dict[str, str]:
    """Source: AWS, "Authenticating Requests: Using the Authorization Header (Signature Version 4)"."""
    digest = hashlib.sha256(body).hexdigest()
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{access.region}/s3/aws4_request"
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical_query = f"{query}=" if query else ""
    request = f"{method}\n{path}\n{canonical_query}\n{lines}\n{names}\n{digest}"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = b"AWS4" + access.secret_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"AWS4-HMAC-SHA256 Credential={access.access_key}/{scope}"
    return {**headers, "authorization": f"{credential}, SignedHeaders={names}, Signature={signature}"}
