"""What differs by deployment for REST and the web page."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field

from annostream_kit.settings import ServiceSettings

_MIB = 1 << 20


class RestSettings(ServiceSettings):
    """Read from the environment, prefix ANNOSTREAM_; see ServiceSettings for what all services read."""

    kafka_bootstrap_servers: str = ""
    """the gateway needs no Kafka"""
    export_address: str = ""
    """gRPC target of export"""
    http_listen: str = "127.0.0.1:8080"
    """host:port; port 0 takes a free one"""
    http_trusted_proxies: str = ""
    """addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto hold, by commas"""
    http_keep_alive_seconds: int = Field(default=75, ge=1)
    """how long a connection may be idle between requests"""
    max_http_header_bytes: int = Field(default=64 * 1024, ge=4096)
    """of one request's line and headers"""
    max_http_body_bytes: int = Field(default=32 * _MIB, ge=1024)
    """of one request"""
    max_http_bodies_bytes: int = Field(default=256 * _MIB, ge=1024)
    """of all requests that are being answered; beyond it they get 429"""
    http_body_seconds: float = Field(default=30.0, gt=0)
    """how long a request's body may take to arrive"""
    call_timeout_seconds: float = Field(default=60.0, gt=0)
    """how long a service may take to answer; streams are not meant"""
    max_http_streams: int = Field(default=1000, ge=1)
    """event streams open at once; beyond it they get 429"""
    http_stream_seconds: float = Field(default=900.0, gt=0)
    """after which an event stream is closed: the browser comes again, and shows anew who it is"""
    http_heartbeat_seconds: float = Field(default=15.0, gt=0)
    """how often a silent event stream says that it lives"""
    max_watched_projects: int = Field(default=1000, ge=1)
    """projects whose counters are looked up at once, whoever watches them"""
    count_interval_seconds: float = Field(default=1.0, gt=0)
    """how often a watched project's counters are looked up"""
    s3_origin: str = ""
    """where the browser fetches and puts images, scheme://host[:port]; empty: that of presigned links"""

    @property
    def browser_s3_origin(self) -> str:
        """Empty where neither is set."""
        links = self.s3_public_endpoint_url or self.s3_endpoint_url
        if self.s3_origin or not links:
            return self.s3_origin
        parts = urlsplit(links)
        return f"{parts.scheme}://{parts.netloc}"
