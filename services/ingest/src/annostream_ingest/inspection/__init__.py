"""Inspection of images: bytes in, facts or a typed rejection out, in worker processes of our own.

    caller --await--> DecodePool --pipe--> worker process --> annostream_imaging
                          |  kills what hangs, replaces what dies, retries once on a fresh worker

A hostile file fails alone; nothing that a worker says is trusted beyond its shape.
"""

from annostream_imaging import Digests, Limits, Reason, Rejection, hash_bytes, hash_file
from annostream_imaging.digests import DigestStream
from annostream_ingest.inspection.facts import Inspection, inspect_image
from annostream_ingest.inspection.pool import DecodePool, DecodeSettings, PoolStopped

__all__ = [
    "DecodePool",
    "DecodeSettings",
    "DigestStream",
    "Digests",
    "Inspection",
    "Limits",
    "PoolStopped",
    "Reason",
    "Rejection",
    "hash_bytes",
    "hash_file",
    "inspect_image",
]
