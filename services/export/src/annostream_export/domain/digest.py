"""The content digest: equal content, equal digest, whatever the order in which it arrived.

Content is what a trainer could see: the labels (id, name, class index, retired), each completed task's asset (path,
hash, upright size, orientation, metadata) and each annotation's annotator and regions (label, geometry, attributes,
score, origin). Revisions, times, colours, hotkeys and where bytes lie are not content.

    SHA-256( line(format) line(labels by class index) line(item) … by task name )     line(x) = canonical JSON + "\\n"

Canonical: keys sorted, UTF-8, no spaces, numbers as the shortest decimal that reads back; annotations in the order of
(annotator, name), regions in the order of their ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import orjson

from annostream_export.domain.label import Label

FORMAT = "annostream.snapshot.v1"


class ContentDigest:
    """Takes items in the order of their tasks; raises ValueError for one out of order."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._digest = hashlib.sha256()
        self._last = ""
        self._line(FORMAT)
        self._line(
            [
                [label.class_index, label.control_id, label.id, label.name, label.retired]
                for label in sorted(labels, key=lambda label: (label.class_index, label.control_id, label.id))
            ]
        )

    def add(self, task: str, item: Mapping[str, object]) -> None:
        if task <= self._last:
            raise ValueError(f"{task} comes after {self._last}: items are taken in the order of their tasks.")
        self._last = task
        self._line(item)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()

    def _line(self, value: object) -> None:
        self._digest.update(orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
