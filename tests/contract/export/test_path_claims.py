"""Claims on paths in MongoDB: the right ones, at a cost that does not grow with how many share a path."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from annostream.annotate.v1 import task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.path import Claim, path_key
from annostream_export.outbound.mongo_model import MongoReadModel
from annostream_export.outbound.schema import MIGRATIONS
from annostream_export.outbound.spool import file_spool
from annostream_export.ports import ModelRow, PathClaims
from annostream_export.use_cases.copy_model import copy_completed, read_copied
from annostream_kit.mongo import Database
from tests.fakes.export import MemoryClaims

PATHS = ["a.jpg", "A.JPG", "a.png", "a.webp", "b/a.jpg", "b/A.jpeg", "c.jpg"]
_PAGES_OF = 500


def _asset(number: int, path: str, *, seconds: int = 0, project: str = "p") -> asset_pb2.Asset:
    asset = asset_pb2.Asset(
        name=f"projects/{project}/assets/{number:08}", path=path, media_type="image/jpeg",
        state=asset_pb2.Asset.STATE_ACTIVE,
    )  # fmt: skip
    asset.create_time.FromSeconds(seconds or number + 1)
    return asset


def _row(asset: asset_pb2.Asset) -> ModelRow:
    return ModelRow(asset.name, 1, asset)


@pytest.fixture
def model(database: Database) -> MongoReadModel:
    return MongoReadModel(database)


def _assets() -> list[asset_pb2.Asset]:
    dice = random.Random(1)
    mine = [_asset(n, dice.choice(PATHS), seconds=dice.randint(1, 30)) for n in range(100)]
    return [*mine, _asset(1, "a.jpg", project="q")]


@pytest_asyncio.fixture(params=["memory", "mongodb"])
async def claims(request: pytest.FixtureRequest, model: MongoReadModel) -> AsyncIterator[PathClaims]:
    if request.param == "memory":
        yield MemoryClaims(_assets())
        return
    await model.write(1, [_row(asset) for asset in _assets()], {})
    async with model.at_one_moment() as view:
        yield view


def _by_key() -> dict[tuple[str, str], list[Claim]]:
    """(stem, suffix) -> claims of project p."""
    found: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for asset in _assets()[:-1]:
        key = path_key(asset.path, asset.media_type)
        found[key.stem, key.suffix].append(Claim(asset.create_time.ToMicroseconds(), asset.name, key.suffix))
    return found


async def test_the_first_claim_of_each_suffix_is_found_by_the_folded_stem(claims: PathClaims) -> None:
    found = await claims.path_claims("p", ["a", "b/a", "nobody's"])
    by_key = _by_key()
    for stem in ("a", "b/a", "nobody's"):
        assert set(found.get(stem, ())) == {min(claims) for (of, _), claims in by_key.items() if of == stem}


async def test_claims_are_found_by_stem_and_how_the_id_begins(claims: PathClaims) -> None:
    wanted = [("a", "0000001"), ("b/a", "0000001"), ("a", "00000022"), ("a", "9")]
    found = await claims.claims_by_id("p", wanted)
    for stem, beginning in wanted:
        whole = [claim for (of, _), claims in _by_key().items() if of == stem for claim in claims]
        expected = {claim for claim in whole if claim.asset.startswith(f"projects/p/assets/{beginning}")}
        assert set(found.get((stem, beginning), ())) == expected
    assert found["a", "0000001"]


async def test_the_cost_of_a_snapshot_does_not_grow_with_how_many_assets_share_a_path(
    database: Database, model: MongoReadModel, tmp_path: Path
) -> None:
    count = 12 * _PAGES_OF
    assets = [_asset(n, "camera/frame.jpg") for n in range(count)]
    await model.write(1, [_row(asset) for asset in assets], {})
    tasks = [task_pb2.Task(name=f"projects/p/tasks/{n:08}", state=task_pb2.Task.STATE_COMPLETED) for n in range(count)]
    for asset, task in zip(assets, tasks, strict=True):
        task.assets.add(name=asset.name)
    await model.write(1, [ModelRow(task.name, 1, task) for task in tasks], {})
    await database.create_collection("system.profile", capped=True, size=64 << 20)
    await database.command({"profile": 2})
    async with file_spool(tmp_path, 1 << 30) as spool, model.at_one_moment() as view:
        await copy_completed(view, "p", spool, lambda _: None)
        copied = [one async for block in read_copied(spool) for one in block]
    await database.command({"profile": 0})

    spent = [row async for row in database["system.profile"].find({"ns": f"{database.name}.assets_g1"})]
    # Each asset is read twice, by name and by how its id begins; one claim answers a page.
    assert 2 * count < sum(row.get("nreturned", 0) for row in spent) < 2.1 * count
    assert sum(row.get("keysExamined", 0) for row in spent) < 8 * count
    assert [one.paths.file for one in copied[:2]] == ["camera/frame.jpg", "camera/frame-00000001.jpg"]
    assert len({one.paths.file for one in copied}) == count


async def test_a_database_from_before_gets_the_index_of_claims_and_loses_the_one_that_it_replaces(
    database: Database,
) -> None:
    assets = database["assets_g1"]
    await assets.drop_index("claims")
    await assets.create_index([("p", 1), ("k", 1)], name="path")
    for _ in range(2):
        await MIGRATIONS[1](database)
        assert set(await assets.index_information()) == {"_id_", "claims"}
