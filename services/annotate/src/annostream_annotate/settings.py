"""What differs by deployment of annotate."""

from __future__ import annotations

from pydantic import Field

from annostream_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Every limit has its unit in its name."""

    service: str = "annotate"

    lease_seconds: float = Field(default=600.0, gt=0)
    max_leases_per_annotator: int = Field(default=64, ge=1)
    sweep_interval_seconds: float = Field(default=1.0, gt=0)
    sweep_batch_tasks: int = Field(default=200, ge=1)
    people_window_seconds: float = Field(default=300.0, gt=0)
    project_cache_seconds: float = Field(default=1.0, ge=0)
    queue_front_cache_seconds: float = Field(default=0.25, ge=0)
    queue_empty_cache_seconds: float = Field(default=0.1, ge=0)

    max_inline_result_bytes: int = Field(default=16 * 1024, ge=0, le=64 * 1024)
    max_result_bytes: int = Field(default=48 * 2**20, ge=1024)
    counter_linger_seconds: float = Field(default=0.5, ge=0)
