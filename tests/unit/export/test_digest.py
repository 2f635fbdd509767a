"""The content digest: order-independent, and different on any change of content."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.dataset.rows import Completed, SnapshotRows, UnknownLabelError
from annostream_export.domain.digest import ContentDigest
from annostream_export.domain.label import Label
from annostream_export.domain.path import ExportPaths

LABELS = [Label("boxes", "l0", "cat", 0), Label("boxes", "l1", "dog", 1)]


def _region(region: str = "a", label: str = "l0", x: float = 1.5) -> annotation_pb2.Region:
    shape = annotation_pb2.Box(x=x, y=2, width=3, height=4)
    return annotation_pb2.Region(id=region, control_id="boxes", label_ids=[label], box=shape)


def _completed(
    number: int = 0, results: Sequence[tuple[str, list[annotation_pb2.Region]]] = (("users/yumi", []),)
) -> Completed:
    task = task_pb2.Task(name=f"projects/p/tasks/t{number}", revision=3)
    for place, (who, _) in enumerate(results):
        task.annotations.add(name=f"{task.name}/annotations/a{place}", annotator=who)
    asset = asset_pb2.Asset(name=f"projects/p/assets/a{number}", path=f"{number}.jpg", sha256="00", blob_key="b")
    asset.image.width, asset.image.height = 10, 20
    asset.metadata.update({"room": "kitchen"})
    return Completed(task, asset, ExportPaths("a", "a"), [annotation_pb2.Result(regions=r) for _, r in results])


def _digest(*completed: Completed, labels: Sequence[Label] = LABELS) -> str:
    rows = SnapshotRows(labels)
    rows.add(completed)
    return rows.digest.hexdigest()


def _two() -> Completed:
    return _completed(0, [("users/yumi", [_region("a"), _region("b", "l1")]), ("users/suni", [_region("c")])])


@given(st.randoms(use_true_random=False))
def test_the_order_of_arrival_is_not_content(chance: random.Random) -> None:
    regions, labels = [_region(str(n), x=n) for n in range(5)], list(LABELS)
    expected = _digest(_completed(0, [("users/yumi", list(regions)), ("users/suni", [_region()])]))
    chance.shuffle(regions)
    chance.shuffle(labels)
    swapped = _completed(0, [("users/suni", [_region()]), ("users/yumi", regions)])
    swapped.task.annotations[0].name, swapped.task.annotations[1].name = "projects/p/x/1", "projects/p/x/0"
    assert _digest(swapped, labels=labels) == expected


def _changed(change: Callable[[Completed], object]) -> Completed:
    made = _two()
    change(made)
    return made


_CHANGES: dict[str, Callable[[Completed], object]] = {
    "path": lambda c: setattr(c.asset, "path", "other.jpg"),
    "bytes": lambda c: setattr(c.asset, "sha256", "11"),
    "width": lambda c: setattr(c.asset.image, "width", 11),
    "orientation": lambda c: setattr(c.asset.image, "orientation", 6),
    "metadata": lambda c: c.asset.metadata.update({"room": "hall"}),
    "annotator": lambda c: setattr(c.task.annotations[0], "annotator", "users/renga"),
    "label": lambda c: c.results[0].regions[0].label_ids.__setitem__(0, "l1"),
    "place": lambda c: setattr(c.results[0].regions[0].box, "x", 1.5000000001),
    "attribute": lambda c: c.results[0].regions[0].attributes.update({"occluded": "yes"}),
    "score": lambda c: setattr(c.results[0].regions[0], "score", 0.5),
    "origin": lambda c: setattr(c.results[0].regions[0], "origin", annotation_pb2.Region.ORIGIN_PREDICTION),
    "region": lambda c: c.results[0].regions.pop(),
}


@pytest.mark.parametrize("what", _CHANGES)
def test_each_change_of_content_changes_the_digest(what: str) -> None:
    assert _digest(_changed(_CHANGES[what])) != _digest(_two())


@given(st.floats(0, 20_000), st.floats(0, 20_000))
def test_two_places_have_two_digests(one: float, other: float) -> None:
    digests = [_digest(_completed(0, [("users/yumi", [_region(x=x)])])) for x in (one, other)]
    assert (digests[0] == digests[1]) == (one == other)


_NOT_CONTENT: dict[str, Callable[[Completed], object]] = {
    "revision": lambda c: setattr(c.task, "revision", 9),
    "time": lambda c: c.task.annotations[0].submit_time.FromSeconds(99),
    "where bytes lie": lambda c: setattr(c.asset, "blob_key", "elsewhere"),
}


@pytest.mark.parametrize("what", _NOT_CONTENT)
def test_what_is_not_content_changes_nothing(what: str) -> None:
    assert _digest(_changed(_NOT_CONTENT[what])) == _digest(_two())


def test_a_renamed_label_is_other_content() -> None:
    assert _digest(_two(), labels=[LABELS[0], replace(LABELS[1], name="puppy")]) != _digest(_two())


def test_one_item_more_is_other_content() -> None:
    assert _digest(_completed(0)) != _digest(_completed(0), _completed(1))


def test_a_label_that_the_project_does_not_have_is_not_written() -> None:
    with pytest.raises(UnknownLabelError):
        _digest(_completed(0, [("users/yumi", [_region(label="l9")])]))


def test_items_out_of_order_are_refused() -> None:
    digest = ContentDigest(LABELS)
    digest.add("b", {})
    with pytest.raises(ValueError, match="order of their tasks"):
        digest.add("a", {})
