"""What differs by deployment, for ingest alone; every name carries its unit."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pydantic import Field, model_validator

from annostream_kit.settings import ServiceSettings

_MIB = 1 << 20


class Settings(ServiceSettings):
    """Read from the environment (prefix ANNOSTREAM_)."""

    service: str = "ingest"

    max_upload_bytes: int = Field(default=256 * _MIB, ge=1)
    max_metadata_bytes: int = Field(default=64 * 1024, ge=2, le=64 * 1024)
    max_image_pixels: int = Field(default=200_000_000, ge=1)
    max_image_frames: int = Field(default=10_000, ge=1)

    decode_workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    decode_timeout_seconds: float = Field(default=30.0, gt=0)
    decode_memory_bytes: int = Field(default=2048 * _MIB, ge=256 * _MIB)
    max_images_per_worker: int = Field(default=2_000, ge=1)

    max_assets_in_flight: int = Field(default=32, ge=1, description="of one stream, that are not answered yet")
    intake_linger_seconds: float = Field(default=0.04, ge=0, description="for company, while many assets are in work")
    stream_idle_seconds: float = Field(default=60.0, gt=0)
    spool_directory: Path = Path(tempfile.gettempdir()) / "annostream-ingest"
    max_spooled_bytes: int = Field(default=4096 * _MIB, ge=1, description="of all streams, in memory and in files")
    max_spooled_memory_bytes: int = Field(default=64 * _MIB, ge=0, description="of these, in memory")
    max_file_writes: int = Field(default=2, ge=1, description="files of more than 1 MiB written to S3 at once")

    upload_lifetime_seconds: int = Field(
        default=86_400, ge=1, le=7 * 86_400, description="of the links of CreateUploads"
    )
    upload_part_bytes: int = Field(
        default=16 * _MIB, ge=5 * _MIB, description="a larger file is uploaded in such parts"
    )
    max_uploads_per_call: int = Field(default=100, ge=1, le=500)
    max_completions_in_flight: int = Field(
        default=8, ge=1, description="each holds up to 8 MiB and its place in the spool"
    )

    max_examined_per_page: int = Field(default=5_000, ge=100, description="index keys a page of ListAssets looks at")
    project_memory_seconds: float = Field(default=2.0, ge=0)
    consumer_linger_seconds: float = Field(default=0.25, ge=0, description="of annotate's topic: only projects matter")
    blob_grace_seconds: float = Field(default=86_400.0, ge=60)
    rejection_retention_days: float = Field(default=30.0, gt=0)
    sweeper_interval_seconds: float = Field(default=300.0, gt=0)

    @model_validator(mode="after")
    def _spool_holds_an_upload(self) -> Settings:
        if self.max_spooled_bytes < self.max_upload_bytes:
            raise ValueError("max_spooled_bytes must not be less than max_upload_bytes: one upload must fit.")
        return self
