"""The stores and services that ingest needs, each behind a port."""
