"""An asset's life: every decision carries the state after it."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest

from annostream_ingest.domain.arrival import Received
from annostream_ingest.domain.asset import (
    Asset,
    Image,
    Kept,
    State,
    asset_id,
    delete,
    ingest,
    is_duplicate,
    judge,
    purge,
)
from tests.fakes.ingest import START
from tests.unit.ingest.making import arrival

CAME = Received("ab" * 32, "cd" * 16, 10)
OTHER = Received("ef" * 32, "cd" * 16, 10)
KEPT = Kept("image/jpeg", "thumb", Image("jpeg", 4, 3, 1, 1, "RGB", 7))
LATER = START + timedelta(hours=1)


def ingested(path: str = "a.jpg") -> Asset:
    return ingest(None, arrival(path=path), CAME, KEPT, now=START).asset


def test_the_id_comes_from_the_dedupe_key_or_else_from_the_content() -> None:
    assert asset_id(arrival(path="x"), CAME) == asset_id(arrival(path="y"), CAME)
    assert asset_id(arrival(), CAME) != asset_id(arrival(), OTHER)
    assert asset_id(arrival(dedupe_key="k"), CAME) == asset_id(arrival(dedupe_key="k"), OTHER)


def test_a_new_asset_is_active_at_revision_one() -> None:
    asset = ingested()
    assert (asset.state, asset.revision, asset.dedupe_key) == (State.ACTIVE, 1, CAME.sha256)
    assert is_duplicate(asset)


def test_the_same_key_with_other_bytes_is_a_conflict() -> None:
    refusal = judge(ingested(), OTHER)
    assert refusal is not None
    assert refusal.reason == "DEDUPE_KEY_CONFLICT"
    assert judge(ingested(), CAME) is None
    assert judge(None, CAME) is None


def test_delete_hides_once() -> None:
    fact = delete(ingested(), now=LATER)
    assert fact is not None
    assert (fact.asset.state, fact.asset.revision, fact.asset.updated_at) == (State.DELETED, 2, LATER)
    assert delete(fact.asset, now=LATER) is None


def test_a_deleted_asset_that_arrives_again_is_active_again_with_what_came_now() -> None:
    deleted = delete(ingested("old.jpg"), now=LATER)
    assert deleted is not None
    assert judge(deleted.asset, CAME) is None
    assert not is_duplicate(deleted.asset)
    back = ingest(deleted.asset, arrival(path="new.jpg"), CAME, KEPT, now=LATER).asset
    assert (back.state, back.revision, back.path) == (State.ACTIVE, 3, "new.jpg")
    assert (back.created_at, back.id) == (START, deleted.asset.id)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_purged_asset_keeps_name_state_and_revision_only(deleted: bool) -> None:
    asset = ingested()
    if deleted:
        fact = delete(asset, now=START)
        assert fact is not None
        asset = fact.asset
    purged = purge(asset, reason="asked to", by="users/owner", now=LATER)
    assert purged is not None
    assert purged.content == CAME.sha256
    assert purged.asset.revision == asset.revision + 1
    left = {field.name for field in fields(Asset) if getattr(purged.asset, field.name)}
    assert left == {"project", "id", "state", "revision", "created_at", "updated_at"}
    assert purge(purged.asset, reason="again", by="users/owner", now=LATER) is None
    assert delete(purged.asset, now=LATER) is None


def test_what_was_purged_never_comes_back() -> None:
    purged = purge(ingested(), reason="r", by="b", now=LATER)
    assert purged is not None
    refusal = judge(purged.asset, CAME)
    assert refusal is not None
    assert refusal.reason == "ASSET_PURGED"
