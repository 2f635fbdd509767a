"""What differs by deployment for the gateway."""

from __future__ import annotations

from annostream_gateway.identity.settings import IdentitySettings
from annostream_gateway.rest.settings import RestSettings


class Settings(RestSettings, IdentitySettings):
    """Read from the environment, prefix ANNOSTREAM_."""

    service: str = "gateway"
