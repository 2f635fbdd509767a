"""What differs by deployment for the gateway."""

from __future__ import annotations

from annostream_gateway.identity.settings import IdentitySettings
from annostream_gateway.rest.settings import RestSettings


class Settings(RestSettings, IdentitySettings):
    """Read from the environment, prefix ANNOSTREAM_."""

    service: str = "gateway"
    advertised_ingest_address: str = ""
    """where clients reach ingest by gRPC, as host:port,…; empty: ANNOSTREAM_INGEST_ADDRESS"""
    advertised_annotate_address: str = ""
    """the same for annotate"""
    advertised_export_address: str = ""
    """the same for export"""

    def advertised_addresses(self) -> dict[str, str]:
        """Of the services that clients call by gRPC, as far as they are known."""
        known = {
            "ingest": self.advertised_ingest_address or self.ingest_address,
            "annotate": self.advertised_annotate_address or self.annotate_address,
            "export": self.advertised_export_address or self.export_address,
        }
        # As gRPC writes several addresses of one target.
        return {name: text.removeprefix("ipv4:") for name, text in known.items() if text}
