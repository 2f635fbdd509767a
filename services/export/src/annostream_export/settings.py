"""What differs by deployment for export."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import Field

from annostream_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment, prefix ANNOSTREAM_; see ServiceSettings for what all services read."""

    service: str = "export"
    # Jobs: how many of each kind a replica makes at once, and when a silent one is taken over.
    job_workers: int = Field(default=2, ge=1, le=32)
    job_lease_seconds: float = Field(default=15.0, gt=0)
    job_max_attempts: int = Field(default=5, ge=1)
    job_poll_seconds: float = Field(default=0.5, gt=0)
    # How long a snapshot waits for the read model to show what was acknowledged before it, and an export that misses
    # an image for it to show whether that was purged.
    snapshot_wait_seconds: float = Field(default=120.0, gt=0)
    snapshot_part_tasks: int = Field(default=10_000, ge=1)
    snapshot_part_bytes: int = Field(default=48 * 2**20, ge=2**16)
    # While MongoDB is read at one moment, completed tasks are put aside here, each job's in a file of its own.
    snapshot_spool_directory: Path = Path(tempfile.gettempdir()) / "annostream-export"
    snapshot_spool_bytes: int = Field(
        default=16 * 2**30, ge=2**16, description="of one snapshot's completed tasks with their assets, on disk"
    )
    snapshot_prefetch_results: int = Field(
        default=16, ge=1, le=256, description="large results on their way from S3 at once"
    )
    snapshot_prefetch_bytes: int = Field(default=64 * 2**20, ge=2**20, description="of these results together")
    export_train_fraction: float = Field(default=0.9, gt=0, lt=1)
    export_prefetch_images: int = Field(default=16, ge=1, le=256)
    export_prefetch_bytes: int = Field(default=64 * 2**20, ge=2**20)
    export_listed_files: int = Field(default=1000, ge=1, le=10_000)
    sweep_seconds: float = Field(default=30.0, gt=0, description="between looks for what may be removed")
    failed_keep_seconds: float = Field(
        default=600.0, ge=0, description="what failed snapshots and exports wrote to S3 is removed so long after"
    )
    redactor_poll_seconds: float = Field(
        default=0.5, gt=0, description="between looks of a replica for purged assets that are not settled"
    )
    rebuild_lease_seconds: float = Field(default=30.0, gt=0)
    # Generations of the read model that are no longer in use are kept this long for jobs that still read them.
    generation_keep_seconds: float = Field(default=600.0, ge=0)
