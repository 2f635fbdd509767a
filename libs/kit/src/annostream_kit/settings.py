"""What differs by deployment: every service reads these from the environment (prefix ANNOSTREAM_)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Settings of any service; a service subclasses it and adds its own."""

    model_config = SettingsConfigDict(env_prefix="ANNOSTREAM_", extra="ignore", use_attribute_docstrings=True)

    service: str
    grpc_listen: str = "127.0.0.1:0"
    """host:port; port 0 takes a free one"""
    max_grpc_message_bytes: int = Field(default=64 * 2**20, ge=2**20)
    """of one gRPC message, in and out"""
    max_page_bytes: int = Field(default=3 * 2**20, ge=2**16)
    """about so many bytes a page of a list holds, and at least one item; the next page goes on from there"""
    stop_seconds: float = Field(default=6.0, gt=0)
    """how long calls may end after SIGTERM"""

    mongodb_uri: str
    """mongodb://user:password@host/?replicaSet=…; a replica set"""
    mongodb_database: str = ""
    """annostream_<service> where empty; nobody reads another service's"""

    kafka_bootstrap_servers: str
    """host:port,…"""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: str = "SCRAM-SHA-256"
    """where the protocol has SASL"""
    kafka_username: str = ""
    kafka_password: str = Field(default="", repr=False)
    kafka_session_timeout_seconds: float = Field(default=10.0, ge=1)
    """after which the partitions of a process that died pass to others; a broker allows no less than 6 by default"""

    s3_endpoint_url: str = ""
    """empty: AWS"""
    s3_public_endpoint_url: str = ""
    """what presigned links begin with, where browsers and clients reach S3 by another address; empty: the same"""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: str = Field(default="", repr=False)
    s3_bucket: str = "annostream"
    url_lifetime_seconds: int = Field(default=3600, ge=60, le=7 * 86400)
    """of presigned links; ingest gives the same one again for the first half of it"""

    jwks_file: Path
    """the public keys of whoever issues tokens; read again when it changes"""
    service_token_file: Path | None = None
    """the token of this service's own calls; read again when it changes"""
    ingest_address: str = ""
    """gRPC target of ingest"""
    annotate_address: str = ""
    """gRPC target of annotate"""

    relay_batch_documents: int = Field(default=500, ge=1)
    """documents whose events the relay sends at once"""
    relay_lease_seconds: float = Field(default=5.0, gt=0)
    """after how long another replica's relay takes over from a silent one"""
    relay_linger_seconds: float = Field(default=0.05, ge=0)
    """how long the relay waits after a small batch, so that many small ones become a larger one"""
    consumer_batch_records: int = Field(default=500, ge=1)
    """records that a consumer applies at once"""
    consumer_linger_seconds: float = Field(default=0.05, ge=0)
    """how long a consumer waits after a small batch, so that many small ones become a larger one"""
    consumer_max_attempts: int = Field(default=5, ge=1)
    """before a message goes to the dead letters"""
    max_event_bytes: int = Field(default=512 * 1024, ge=1024, le=960 * 1024)
    """a larger event goes to S3, and names it by `ce_dataref`"""
    position_wait_seconds: float = Field(default=30.0, gt=0)
    """how long GetPosition waits for the relay"""

    log_format: Literal["json", "console"] = "json"
    log_level: str = "INFO"

    @model_validator(mode="after")
    def _a_page_is_a_message(self) -> Self:
        if self.max_page_bytes > self.max_grpc_message_bytes:
            raise ValueError(
                "ANNOSTREAM_MAX_PAGE_BYTES is more than ANNOSTREAM_MAX_GRPC_MESSAGE_BYTES: a page is one message."
            )
        return self

    @property
    def database(self) -> str:
        """The name of this service's own database; nobody reads another's."""
        return self.mongodb_database or f"annostream_{self.service}"
