"""Python client of Annostream: `annostream_sdk.Client`, `annostream_sdk.aio.Client`, and the `annostream` command."""

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
