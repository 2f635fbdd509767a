"""Hashes of passwords, without work and by argon2id: both keep the same promises."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from annostream_gateway.identity.outbound.passwords import Argon2Hashes, HashCost
from annostream_gateway.identity.ports import PasswordHashes
from annostream_kit.errors import ResourceExhausted
from tests.fakes.gateway import PlainHashes

CHEAP, DEARER = HashCost(8, 1, 1), HashCost(16, 1, 1)


@pytest_asyncio.fixture
async def argon() -> AsyncIterator[Argon2Hashes]:
    made = Argon2Hashes(CHEAP, workers=2, queue=8)
    yield made
    await made.close()


@pytest.fixture(params=["plain", "argon2id"])
def hashes(request: pytest.FixtureRequest, argon: Argon2Hashes) -> PasswordHashes:
    return PlainHashes() if request.param == "plain" else argon


async def test_a_password_is_right_by_its_own_hash_alone(hashes: PasswordHashes) -> None:
    made = await hashes.make("고양이 세 마리")
    assert await hashes.check(made, "고양이 세 마리")
    assert not await hashes.check(made, "고양이 네 마리")
    assert not await hashes.check("no hash", "고양이 세 마리")
    assert not await hashes.check(None, "고양이 세 마리")
    assert not await hashes.check(None, "nobody")
    assert not hashes.is_outdated(made)


async def test_a_hash_is_argon2id_salted_and_outdated_by_another_cost(argon: Argon2Hashes) -> None:
    made = [await argon.make("고양이 세 마리") for _ in range(2)]
    assert made[0] != made[1]
    assert made[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")
    dearer = Argon2Hashes(DEARER, workers=1, queue=1)
    assert dearer.is_outdated(made[0])
    assert await dearer.check(made[0], "고양이 세 마리")
    await dearer.close()


async def test_nobody_costs_a_hash_as_everybody_does(argon: Argon2Hashes, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = list[str]()
    verifies = argon._verifies

    def counted(password_hash: str, password: str) -> bool:
        checked.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return verifies(password_hash, password)

    monkeypatch.setattr(argon, "_verifies", counted)
    await argon.check(await argon.make("one"), "two")
    await argon.check(None, "two")
    assert checked == ["$argon2id$v=19$m=8,t=1,p=1"] * 2


async def test_no_more_are_hashed_than_wait_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = Argon2Hashes(CHEAP, workers=1, queue=1)
    go = threading.Event()
    monkeypatch.setattr(hashes, "_verifies", lambda *_: go.wait(60))
    waiting = [asyncio.create_task(hashes.check("hash", "x")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ResourceExhausted, match="BUSY") as refused:
        await hashes.check("hash", "x")
    assert refused.value.retry_after_seconds == 1.0
    go.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert await hashes.check("hash", "x")
    await hashes.close()
