"""The bucket's rule for browsers (CORS): pages of these origins may put and get, and read the ETag of what they put."""

from xml.sax.saxutils import escape

from annostream_embedded.errors import NotReady
from annostream_embedded.ports import Ports
from annostream_embedded.s3_request import S3Access, send
from annostream_embedded.settings import Settings

_METHODS = ("PUT", "GET", "HEAD")
_REMEMBER_SECONDS = 3600


def origins(settings: Settings, ports: Ports) -> list[str]:
    """Those of the setting; else the gateway's own, by both names of loopback."""
    given = [origin.strip() for origin in settings.s3_cors_origins.split(",") if origin.strip()]
    return given or [f"http://{host}:{ports.http_port()}" for host in ("127.0.0.1", "localhost")]


def allow(access: S3Access, allowed: list[str]) -> None:
    """Replaces the rule. Raises NotReady."""
    answer = send(access, "PUT", f"/{access.bucket}", rule(allowed), query="cors")
    if answer not in {200, 204}:
        raise NotReady(f"S3 answers {answer} to the rule for browsers")


def rule(allowed: list[str]) -> bytes:
    parts = [f"<AllowedOrigin>{escape(origin)}</AllowedOrigin>" for origin in allowed]
    parts += [f"<AllowedMethod>{method}</AllowedMethod>" for method in _METHODS]
    parts += ["<AllowedHeader>*</AllowedHeader>", "<ExposeHeader>ETag</ExposeHeader>"]
    parts.append(f"<MaxAgeSeconds>{_REMEMBER_SECONDS}</MaxAgeSeconds>")
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<CORSConfiguration xmlns="{space}"><CORSRule>{"".join(parts)}</CORSRule></CORSConfiguration>'.encode()
