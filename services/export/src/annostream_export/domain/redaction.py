"""A redaction: an asset that was purged for good, which readers of snapshots made before leave out.

It lies beside the manifest as `redactions/<asset id>.json`: an object for each asset, whose bytes follow from its name,
so that whoever writes it, and however often, writes the same.
"""

from __future__ import annotations

import orjson

FORMAT = "annostream.snapshot.redaction.v1"


def redactions_prefix(snapshot: str) -> str:
    """Keys of a snapshot's redactions begin so."""
    return f"{snapshot}/redactions/"


def redaction_key(snapshot: str, asset: str) -> str:
    """asset: projects/{project}/assets/{asset}."""
    return f"{redactions_prefix(snapshot)}{asset.rsplit('/', 1)[-1]}.json"


def redaction_object(snapshot: str, asset: str) -> bytes:
    """No reason and no time: the reason may name a person, and a time would differ from writer to writer."""
    fields = {"format": FORMAT, "snapshot": snapshot, "asset": asset}
    return orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def project_of(asset: str) -> str:
    """The project's id in an asset's name."""
    return asset.split("/", 2)[1]
