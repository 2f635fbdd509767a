"""Counters of a project: looked up once for all who watch, each let in by their own right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest
from starlette.requests import Request

from annostream.gateway.v1 import watch_service_pb2 as api
from annostream_gateway.rest.callers import BearerCaller, Caller, LocalContext
from annostream_gateway.rest.counts import WatchService
from annostream_kit.auth import Role
from annostream_kit.errors import NotFound, PermissionDenied, ResourceExhausted, Unauthenticated, Unavailable

PROJECT = "projects/p"
Answers = AsyncGenerator[api.WatchCountsResponse, None]


class Annotate:
    """Counts that a test sets; a look happens when the test says `tick`."""

    def __init__(self) -> None:
        self.open = 1
        self.looks: list[str] = []
        self.fault: dict[str, Exception] = {}
        self._tick = asyncio.Semaphore(0)
        self.looked = asyncio.Event()

    async def look(self, project: str, caller: Caller) -> api.WatchCountsResponse:
        self.looks.append(caller.subject)
        self.looked.set()
        if caller.subject in self.fault:
            raise self.fault[caller.subject]
        return api.WatchCountsResponse(project=project, task_counts={"open": self.open})

    async def pause(self) -> None:
        await self._tick.acquire()

    async def tick(self) -> None:
        self.looked.clear()
        self._tick.release()
        await self.looked.wait()
        for _ in range(5):
            await asyncio.sleep(0)


def context(subject: str | None) -> LocalContext:
    caller = BearerCaller(subject, Role.VIEWER, "jwt") if subject else None
    return LocalContext(Request({"type": "http", "headers": []}), caller)


def watch(service: WatchService, subject: str | None, project: str = PROJECT) -> Answers:
    return cast(Answers, service.WatchCounts(api.WatchCountsRequest(project=project), context(subject)))


def service_over(annotate: Annotate, most: int = 10) -> WatchService:
    return WatchService(annotate.look, annotate.pause, max_projects=most)


async def opened(answers: Answers) -> int:
    return (await anext(answers)).task_counts["open"]


async def test_a_change_reaches_all_who_watch_by_one_look() -> None:
    annotate = Annotate()
    service = service_over(annotate)
    yumi, rengga = watch(service, "users/yumi"), watch(service, "users/rengga")
    assert [await opened(yumi), await opened(rengga)] == [1, 1]
    annotate.open = 2
    waiting = asyncio.gather(opened(yumi), opened(rengga))
    await annotate.tick()
    assert list(await waiting) == [2, 2]
    assert annotate.looks == ["users/yumi", "users/rengga", "users/rengga"]
    await yumi.aclose()
    await rengga.aclose()


async def test_nothing_is_said_while_nothing_changes_and_a_slow_one_gets_the_latest() -> None:
    annotate = Annotate()
    answers = watch(service_over(annotate), "users/yumi")
    await opened(answers)
    for number in (1, 2, 3):
        annotate.open = number
        await annotate.tick()
    assert await opened(answers) == 3
    waiting = asyncio.create_task(opened(answers))
    await annotate.tick()
    assert not waiting.done()
    annotate.open = 4
    await annotate.tick()
    assert await waiting == 4
    await answers.aclose()


async def test_nobody_watching_means_no_looks() -> None:
    annotate = Annotate()
    service = service_over(annotate)
    answers = watch(service, "users/yumi")
    await opened(answers)
    following = service.watched[PROJECT].task
    await answers.aclose()
    assert service.watched == {}
    assert following is not None
    assert following.cancelling()
    annotate._tick.release()
    await asyncio.sleep(0)
    assert annotate.looks == ["users/yumi"]


async def test_each_is_let_in_by_their_own_right() -> None:
    annotate = Annotate()
    service = service_over(annotate)
    yumi = watch(service, "users/yumi")
    await opened(yumi)
    annotate.fault["users/mallory"] = PermissionDenied("ROLE_TOO_LOW", "No.")
    with pytest.raises(PermissionDenied):
        await opened(watch(service, "users/mallory"))
    with pytest.raises(Unauthenticated):
        await opened(watch(service, None))
    await yumi.aclose()


async def test_a_token_that_has_run_out_ends_its_own_stream_alone() -> None:
    annotate = Annotate()
    service = service_over(annotate)
    yumi, rengga = watch(service, "users/yumi"), watch(service, "users/rengga")
    await opened(yumi)
    await opened(rengga)
    annotate.fault["users/rengga"] = Unauthenticated("TOKEN_EXPIRED", "It has expired.")
    annotate.open = 2
    told, ended = asyncio.create_task(opened(yumi)), asyncio.create_task(opened(rengga))
    await annotate.tick()
    with pytest.raises(Unauthenticated, match="TOKEN_EXPIRED"):
        await ended
    await annotate.tick()
    assert await told == 2
    await yumi.aclose()


async def test_an_annotate_that_is_away_is_waited_for() -> None:
    annotate = Annotate()
    answers = watch(service_over(annotate), "users/yumi")
    await opened(answers)
    waiting = asyncio.create_task(opened(answers))
    annotate.fault["users/yumi"] = Unavailable("DEPENDENCY_AWAY", "Later.")
    await annotate.tick()
    assert not waiting.done()
    annotate.fault.clear()
    annotate.open = 2
    await annotate.tick()
    assert await waiting == 2
    await answers.aclose()


@pytest.mark.parametrize("fault", [NotFound("PROJECT_NOT_FOUND", "Gone."), RuntimeError("a fault of ours")])
async def test_a_project_that_cannot_be_seen_any_more_ends_all_its_streams(fault: Exception) -> None:
    annotate = Annotate()
    service = service_over(annotate)
    yumi, rengga = watch(service, "users/yumi"), watch(service, "users/rengga")
    await opened(yumi)
    await opened(rengga)
    annotate.fault["users/rengga"] = fault
    ended = asyncio.gather(opened(yumi), opened(rengga), return_exceptions=True)
    await annotate.tick()
    assert list(await ended) == [fault, fault]
    assert service.watched == {}


async def test_watched_projects_have_a_limit_and_more_watchers_of_one_have_not() -> None:
    annotate = Annotate()
    service = service_over(annotate, most=1)
    first, second = watch(service, "users/yumi"), watch(service, "users/rengga")
    await opened(first)
    await opened(second)
    with pytest.raises(ResourceExhausted, match="TOO_MANY_WATCHED_PROJECTS"):
        await opened(watch(service, "users/yumi", "projects/other"))
    await first.aclose()
    await second.aclose()
    third = watch(service, "users/yumi", "projects/other")
    assert await opened(third) == 1
    await third.aclose()
