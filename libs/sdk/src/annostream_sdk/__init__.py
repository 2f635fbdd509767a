"""Python client of Annostream: `annostream_sdk.Client`, `annostream_sdk.aio.Client`, and the `annostream` command.

Each name is imported when it is first asked for: the command's help does not wait for gRPC.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annostream_sdk.aio.connection import Limits
    from annostream_sdk.aio.projects import box_schema, polygon_schema
    from annostream_sdk.endpoints import Endpoints, KafkaConnection, find_endpoints, read_endpoints
    from annostream_sdk.errors import AnnostreamError
    from annostream_sdk.ingestion import Became, IngestSummary, Outcome
    from annostream_sdk.regions import RegionText, Submission
    from annostream_sdk.sync import Client

__all__ = [
    "AnnostreamError",
    "Became",
    "Client",
    "Endpoints",
    "IngestSummary",
    "KafkaConnection",
    "Limits",
    "Outcome",
    "RegionText",
    "Submission",
    "box_schema",
    "find_endpoints",
    "polygon_schema",
    "read_endpoints",
]
_HOMES = {
    "aio.connection": ("Limits",),
    "aio.projects": ("box_schema", "polygon_schema"),
    "endpoints": ("Endpoints", "KafkaConnection", "find_endpoints", "read_endpoints"),
    "errors": ("AnnostreamError",),
    "ingestion": ("Became", "IngestSummary", "Outcome"),
    "regions": ("RegionText", "Submission"),
    "sync": ("Client",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
