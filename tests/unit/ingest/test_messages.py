"""The border to protobuf."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from google.protobuf.struct_pb2 import Struct

from annostream.annotate.v1 import project_pb2
from annostream.ingest.v1 import asset_pb2, events_pb2
from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream_ingest.domain.asset import Asset, AssetDeleted, AssetIngested, AssetPurged, Image, State, delete, purge
from annostream_ingest.domain.project import Project
from annostream_ingest.domain.refusal import AssetRejected, Rejection
from annostream_ingest.messages import (
    arrival_of,
    asset_event,
    asset_ids,
    asset_to_wire,
    listing_of,
    project_of,
    rejection_event,
)
from annostream_ingest.outbound.documents import asset_of, asset_to_document
from annostream_kit.errors import InvalidArgument
from tests.fakes.ingest import START

WHOLE = Asset(
    "cats", "a1", State.ACTIVE, 3, START, START, "key", "a/유미.jpg", "ab" * 32, "cd" * 16, 10, "image/jpeg", "thumb",
    Image("jpeg", 4, 3, 6, 1, "RGB", 2**64 - 1, datetime(2020, 1, 2, tzinfo=UTC), "Pixel", (1.5, 2.5)), '{"k":[1,"b"]}',
)  # fmt: skip


def test_an_asset_is_the_same_after_mongodb() -> None:
    assert asset_of({"_id": "cats/a1", **asset_to_document(WHOLE)}) == WHOLE


def test_an_asset_is_told_whole() -> None:
    wire = asset_to_wire(WHOLE)
    assert wire.name == "projects/cats/assets/a1"
    assert wire.blob_key == f"projects/cats/blobs/sha256/ab/ab/{'ab' * 32}"
    assert wire.image.phash == 2**64 - 1
    assert (wire.image.location.latitude, wire.image.capture_time.ToDatetime()) == (1.5, datetime(2020, 1, 2))  # noqa: DTZ001
    assert dict(wire.metadata.items())["k"][1] == "b"  # type: ignore[index]  # a ListValue


def test_the_event_of_a_purge_tells_nothing_of_what_was() -> None:
    fact = purge(WHOLE, reason="asked to", by="users/owner", now=START)
    assert isinstance(fact, AssetPurged)
    event = asset_event(fact)
    message = events_pb2.AssetPurged.FromString(event.data)
    left = {field.name for field, _ in message.asset.ListFields()}
    assert left == {"name", "state", "revision"}
    assert (message.reason, event.subject, event.revision) == ("asked to", WHOLE.name, 4)


def test_the_same_fact_makes_the_same_event_id() -> None:
    assert asset_event(AssetIngested(WHOLE)).id == asset_event(AssetIngested(WHOLE)).id


def test_metadata_becomes_canonical_json() -> None:
    told = api.AssetHeader(parent="projects/p", path="a.jpg")
    told.metadata.update({"b": 5, "a": {"x": [True, None, 0.5]}})
    assert arrival_of(told)[0].metadata == '{"a":{"x":[true,null,0.5]},"b":5}'


def test_metadata_that_is_no_json_is_refused() -> None:
    told = api.AssetHeader(parent="projects/p", path="a.jpg", metadata=Struct())
    told.metadata["a"] = float("nan")
    refusal = arrival_of(told)[1]
    assert refusal is not None
    assert refusal.reason == "INVALID_METADATA"


def test_names_of_another_project_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="INVALID_NAME"):
        asset_ids("projects/p", ["projects/q/assets/a"])


def test_an_unknown_state_is_refused_and_none_means_active() -> None:
    assert listing_of(api.ListAssetsRequest(parent="projects/p")).state is State.ACTIVE
    request = api.ListAssetsRequest(parent="projects/p", state=asset_pb2.Asset.State.ValueType(9))
    with pytest.raises(InvalidArgument, match="INVALID_FILTER"):
        listing_of(request)


def test_a_header_without_metadata_has_none() -> None:
    assert arrival_of(api.AssetHeader(parent="projects/p", path="a.jpg"))[0].metadata == ""


def test_metadata_keeps_texts_truths_nothings_and_lists_of_objects() -> None:
    told = api.AssetHeader(parent="projects/p", path="a.jpg")
    told.metadata.update({"t": "x", "f": False, "n": None, "l": [{"a": 1.5}], "big": 1e300})
    assert json.loads(arrival_of(told)[0].metadata) == {
        "t": "x",
        "f": False,
        "n": None,
        "l": [{"a": 1.5}],
        "big": 1e300,
    }


def test_an_asset_without_image_facts_is_told_without_them() -> None:
    bare = asset_to_wire(replace(WHOLE, image=None, metadata=""))
    assert not bare.HasField("image")
    assert not bare.metadata.fields
    dark = asset_to_wire(replace(WHOLE, image=Image("png", 4, 3, 1, 1, "L", 1)))
    assert (dark.image.HasField("capture_time"), dark.image.HasField("location")) == (False, False)


def test_a_hidden_asset_is_announced_whole_so_that_it_can_come_back() -> None:
    fact = delete(WHOLE, now=START)
    assert isinstance(fact, AssetDeleted)
    message = events_pb2.AssetDeleted.FromString(asset_event(fact).data)
    assert (message.asset.path, message.asset.revision) == (WHOLE.path, 4)


def test_a_rejection_is_announced_with_its_reason() -> None:
    rejection = Rejection("p", "r", "a.jpg", "", "DAMAGED_IMAGE", "m", "ab", 7, 1, START)
    event = rejection_event(AssetRejected(rejection))
    wire = events_pb2.AssetRejected.FromString(event.data).rejection
    assert (wire.reason, wire.size_bytes, event.subject, event.revision) == (
        "DAMAGED_IMAGE",
        7,
        "projects/p/rejections/r",
        1,
    )


def test_a_list_may_be_of_a_time_and_a_time_that_cannot_be_is_refused() -> None:
    request = api.ListAssetsRequest(parent="projects/p", path_prefix="a/", metadata={"k": "v"})
    request.create_time_from.FromDatetime(START)
    listing = listing_of(request)
    assert (listing.created_from, listing.created_until, listing.metadata) == (START, None, {"k": "v"})
    request.create_time_until.seconds = 1 << 60
    with pytest.raises(InvalidArgument, match="INVALID_FILTER"):
        listing_of(request)


def test_a_project_takes_assets_unless_it_is_archived() -> None:
    wire = project_pb2.Project(name="projects/p", keep_location=True, revision=3)
    assert project_of(wire) == Project("p", active=True, keep_location=True, revision=3)
    wire.state = project_pb2.Project.STATE_ARCHIVED
    assert not project_of(wire).active
