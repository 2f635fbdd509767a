"""Rows of a snapshot, held until a part is written."""

from __future__ import annotations

from dataclasses import replace

from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.dataset.rows import Completed, SnapshotRows
from annostream_export.domain.label import Label
from annostream_export.domain.path import ExportPaths


def _completed(*, metadata: str, attribute: str) -> Completed:
    asset = asset_pb2.Asset(name="projects/p/assets/a")
    asset.metadata["note"] = metadata
    region = annotation_pb2.Region(id="r", control_id="c", label_ids=["l"], attributes={"note": attribute})
    region.box.CopyFrom(annotation_pb2.Box(x=1, y=2, width=3, height=4))
    task = task_pb2.Task(name="projects/p/tasks/t", annotations=[annotation_pb2.Annotation(annotator="users/yumi")])
    return Completed(task, asset, ExportPaths("a.jpg", "a.jpg"), [annotation_pb2.Result(regions=[region])])


def test_what_users_may_make_large_counts_for_the_size_of_a_part() -> None:
    held = []
    for metadata, attribute in (("", ""), ("x" * 60_000, ""), ("", "x" * 60_000)):
        rows = SnapshotRows([Label("c", "l", "유미", 0)])
        rows.add([_completed(metadata=metadata, attribute=attribute)])
        held.append(rows.bytes_held)
    small, with_metadata, with_attribute = held
    assert with_metadata == with_attribute == small + 60_000


def test_a_polygon_has_its_bounding_box_and_its_area() -> None:
    done = _completed(metadata="", attribute="")
    triangle = annotation_pb2.Polygon(points=[0, 0, 4, 0, -0.0, 3])
    region = annotation_pb2.Region(id="r", control_id="c", label_ids=["l"], polygon=triangle)
    rows = SnapshotRows([Label("c", "l", "유미", 0)])
    rows.add([replace(done, results=[annotation_pb2.Result(regions=[region])])])
    (row,) = rows.regions.take().to_pylist()
    assert (row["kind"], row["area"]) == ("polygon", 6)
    assert [row[side] for side in ("x", "y", "width", "height")] == [0, 0, 4, 3]


def test_metadata_is_kept_as_canonical_json_with_whole_numbers_as_such() -> None:
    done = _completed(metadata="n", attribute="")
    done.asset.metadata.update({"a": 5, "b": 0.5, "l": [True, None, {"k": "v"}]})
    rows = SnapshotRows([Label("c", "l", "유미", 0)])
    rows.add([done])
    (row,) = rows.items.take().to_pylist()
    assert row["metadata"] == '{"a":5,"b":0.5,"l":[true,null,{"k":"v"}],"note":"n"}'
