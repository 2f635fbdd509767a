"""What differs by deployment of annotate."""

from __future__ import annotations

from pydantic import Field, model_validator

from annostream_kit.settings import ServiceSettings

# A task with 16 small results of 64 KiB, and what else an answer says beside one large result.
BESIDE_A_RESULT_BYTES = 2 * 2**20


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
    max_inline_draft_bytes: int = Field(default=4 * 2**20, ge=0, le=8 * 2**20)
    max_result_bytes: int = Field(default=48 * 2**20, ge=1024)
    max_searched_tasks: int = Field(default=5_000, ge=1)
    counter_linger_seconds: float = Field(default=0.5, ge=0)

    @model_validator(mode="after")
    def _a_result_fits_into_a_message(self) -> Settings:
        if self.max_result_bytes + BESIDE_A_RESULT_BYTES > self.max_grpc_message_bytes:
            raise ValueError(
                "ANNOSTREAM_MAX_RESULT_BYTES and 2 MiB for its task are more than ANNOSTREAM_MAX_GRPC_MESSAGE_BYTES: "
                "such a result could be taken, and never be read. Lower the first, or raise the second."
            )
        return self
