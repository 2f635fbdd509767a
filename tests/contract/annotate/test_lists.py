"""What lists and searches of tasks promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from annostream.annotate.v1 import annotation_pb2
from annostream_annotate.domain.annotation import AnnotationSubmitted, Work, submit
from annostream_annotate.domain.lease import TaskLeased, lease
from annostream_annotate.domain.listing import LATEST, ORDERS, Order, SortKey, Wanted, key_of, place_of
from annostream_annotate.domain.opening import TaskOpened, TaskWithdrawn, asset_gone
from annostream_annotate.domain.skip import TaskSkipped, skip
from annostream_annotate.domain.task import InlineResult, SkipReason, Task, TaskAsset, TaskState
from tests.contract.annotate.stores import Stores
from tests.contract.annotate.test_stores import all_of
from tests.unit.annotate.made import LATER, NOW, PROJECT, opened

RESULT = annotation_pb2.Result(regions=[annotation_pb2.Region(id="a")]).SerializeToString()
PATHS = (
    "고양이/img10.jpg",
    "고양이/img2.jpg",
    "강아지/IMG_0002.jpg",
    "고양이/img1.jpg",
    "우리집고양이.png",
    "b.jpg",
    "a.jpg",
)


async def given(stores: Stores, paths: Sequence[str] = PATHS, *, slots: int = 1) -> list[Task]:
    """A task a path; many open in the same moment."""
    tasks = []
    for number, path in enumerate(paths):
        fresh = opened(number, slots=slots, rank=number, version=0)
        asset = replace(fresh.assets[0], path=path)
        moment = NOW + timedelta(seconds=number // 3)
        tasks.append(replace(fresh, assets=(asset,), create_time=moment, update_time=moment))
    assert await stores.tasks.apply([[TaskOpened(task)] for task in tasks])
    return [await stored(stores, task) for task in tasks]


async def stored(stores: Stores, task: Task) -> Task:
    found = await stores.tasks.get(PROJECT, task.id)
    assert found
    return replace(found, pending_events=0)


async def leased(stores: Stores, task: Task, who: str = "yumi") -> Task:
    fact = lease(await stored(stores, task), who, request_id="", now=NOW, until=LATER)
    assert isinstance(fact, TaskLeased)
    assert await stores.tasks.save(fact)
    return await stored(stores, task)


async def annotated(stores: Stores, task: Task, who: str = "yumi", *, regions: int = 1, minutes: int = 1) -> None:
    held = await leased(stores, task, who)
    work = Work(who, InlineResult(RESULT, regions), 1, 0, "")
    fact = submit(held, work, held.token, now=NOW + timedelta(minutes=minutes))
    assert isinstance(fact, AnnotationSubmitted)
    assert await stores.tasks.save(fact)


async def skipped(stores: Stores, task: Task, who: str = "yumi", *, minutes: int = 1) -> None:
    held = await leased(stores, task, who)
    now = NOW + timedelta(minutes=minutes)
    fact = skip(held, who, held.token, SkipReason.UNCLEAR, "너무 어두워요", now=now)
    assert isinstance(fact, TaskSkipped)
    assert await stores.tasks.save(fact)


async def listed(stores: Stores, wanted: Wanted, *, page: int = 2) -> list[Task]:
    """All of them, page by page."""
    found: list[Task] = []
    after = None
    while True:
        some = await all_of(stores.lists.listed(PROJECT, wanted, after, page))
        found += some
        if len(some) < page:
            return found
        after = place_of(some[-1], wanted.order)


async def paths_of(stores: Stores, wanted: Wanted) -> list[str]:
    return [task.path for task in await listed(stores, wanted)]


async def found(stores: Stores, *words: str, **fields: object) -> tuple[list[str], bool]:
    """Of a search, page by page by path."""
    wanted = Wanted(Order(SortKey.PATH), words=words, **fields)  # type: ignore[arg-type]  # a field each
    paths: list[str] = []
    after = None
    while True:
        tasks, truncated = await stores.lists.searched(PROJECT, wanted, after, 2)
        some = await all_of(tasks)
        paths += [task.path for task in some]
        if len(some) < 2:
            return paths, truncated
        after = place_of(some[-1], wanted.order)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
async def test_pages_follow_each_order_though_many_have_the_same_key(stores: Stores, order: Order) -> None:
    tasks = await given(stores)
    await annotated(stores, tasks[3], regions=5)
    await annotated(stores, tasks[5], regions=2)
    everything = await listed(stores, Wanted(order))
    places = [(key_of(task, order), task.id) for task in everything]
    assert len(places) == len(PATHS)
    assert places == sorted(places, reverse=order.descending)


async def test_paths_go_as_people_count(stores: Stores) -> None:
    await given(stores)
    assert await paths_of(stores, Wanted(Order(SortKey.PATH))) == [
        "a.jpg", "b.jpg", "강아지/IMG_0002.jpg", "고양이/img1.jpg", "고양이/img2.jpg", "고양이/img10.jpg",
        "우리집고양이.png",
    ]  # fmt: skip


async def test_a_state_is_listed_alone_and_another_projects_tasks_never(stores: Stores) -> None:
    tasks = await given(stores)
    await annotated(stores, tasks[1])
    done = Wanted(Order(SortKey.PATH), state=TaskState.COMPLETED)
    assert await paths_of(stores, done) == ["고양이/img2.jpg"]
    assert len(await listed(stores, Wanted(state=TaskState.OPEN))) == len(PATHS) - 1
    assert await listed(stores, Wanted(state=TaskState.WITHDRAWN)) == []
    assert await all_of(stores.lists.listed("other", Wanted(), None, 9)) == []


async def test_an_annotator_finds_what_they_hold_and_have_annotated_by_its_last_change(stores: Stores) -> None:
    tasks = await given(stores, slots=2)
    await annotated(stores, tasks[0], minutes=3)
    await annotated(stores, tasks[2], minutes=1)
    await annotated(stores, tasks[3], "soon", minutes=2)
    await leased(stores, tasks[3])
    await leased(stores, tasks[4], "soon")
    mine = Wanted(LATEST, annotator="yumi")
    assert await paths_of(stores, mine) == [PATHS[0], PATHS[3], PATHS[2]]
    assert await paths_of(stores, replace(mine, order=Order(SortKey.UPDATE_TIME))) == [PATHS[2], PATHS[3], PATHS[0]]
    await annotated(stores, tasks[0], "soon", minutes=4)
    assert await paths_of(stores, replace(mine, state=TaskState.COMPLETED)) == [PATHS[0]]
    assert await paths_of(stores, replace(mine, state=TaskState.OPEN)) == [PATHS[3], PATHS[2]]
    assert await paths_of(stores, replace(mine, annotator="renga")) == []


async def test_skipped_ones_are_listed_and_those_of_one_annotator_alone_until_they_submit(stores: Stores) -> None:
    tasks = await given(stores)
    await skipped(stores, tasks[0], minutes=1)
    await skipped(stores, tasks[0], "soon", minutes=4)
    await skipped(stores, tasks[1], minutes=2)
    wanted = Wanted(LATEST, skipped=True)
    assert await paths_of(stores, wanted) == [PATHS[0], PATHS[1]]
    assert await paths_of(stores, replace(wanted, annotator="soon")) == [PATHS[0]]
    assert await paths_of(stores, replace(wanted, annotator="renga")) == []
    assert [task.path for task in await stores.tasks.skipped_by(PROJECT, "yumi", 9)] == [PATHS[1], PATHS[0]]
    assert await stores.tasks.skipped_by(PROJECT, "renga", 9) == []
    (task, _) = await listed(stores, wanted)
    assert [(skip.annotator, skip.reason, skip.comment) for skip in task.skips] == [
        ("yumi", SkipReason.UNCLEAR, "너무 어두워요"),
        ("soon", SkipReason.UNCLEAR, "너무 어두워요"),
    ]
    await annotated(stores, tasks[1], minutes=5)
    assert await paths_of(stores, wanted) == [PATHS[0]]
    assert [task.path for task in await stores.tasks.skipped_by(PROJECT, "yumi", 9)] == [PATHS[0]]
    assert await paths_of(stores, replace(wanted, state=TaskState.COMPLETED)) == []


async def test_a_search_finds_all_words_by_their_beginnings_page_by_page(stores: Stores) -> None:
    await given(stores)
    assert await found(stores, "고양이") == (
        ["고양이/img1.jpg", "고양이/img2.jpg", "고양이/img10.jpg", "우리집고양이.png"], False,
    )  # fmt: skip
    assert await found(stores, "고양이", "img", "1") == (["고양이/img1.jpg", "고양이/img10.jpg"], False)
    assert await found(stores, "img", "2") == (["강아지/IMG_0002.jpg", "고양이/img2.jpg"], False)
    assert await found(stores, "nothing") == ([], False)


async def test_a_search_combines_with_a_state_with_an_annotator_and_with_skipped(stores: Stores) -> None:
    tasks = await given(stores)
    await annotated(stores, tasks[0])
    await leased(stores, tasks[1])
    await skipped(stores, tasks[3], "soon")
    assert (await found(stores, "img", state=TaskState.COMPLETED))[0] == [PATHS[0]]
    assert (await found(stores, "img", annotator="yumi"))[0] == [PATHS[1], PATHS[0]]
    assert (await found(stores, "img", skipped=True))[0] == [PATHS[3]]
    assert (await found(stores, "img", skipped=True, annotator="yumi"))[0] == []


async def test_a_search_says_when_it_looks_at_no_more(stores: Stores) -> None:
    await given(stores, [f"img{number}.jpg" for number in range(9)])
    assert (await found(stores, "jpg"))[1] is True
    assert (await found(stores, "img"))[1] is True
    assert (await found(stores, "img", "jpg"))[1] is True
    assert await found(stores, "7", "jpg") == (["img7.jpg"], False)


async def test_a_word_that_too_many_have_hides_nothing_that_a_rarer_one_finds(stores: Stores) -> None:
    await given(stores, [f"img{number}.jpg" for number in range(9)])
    for number in range(9):
        assert await found(stores, "img", "jpg", str(number)) == ([f"img{number}.jpg"], False)


async def test_a_purged_path_is_neither_found_nor_sorted_by(stores: Stores) -> None:
    tasks = await given(stores)
    gone = asset_gone(tasks[0], tasks[0].assets[0].name, 2, project=PROJECT, purged=True, now=LATER)
    assert isinstance(gone, TaskWithdrawn)
    assert await stores.tasks.apply([[gone]])
    assert (await found(stores, "10"))[0] == []
    assert (await listed(stores, Wanted(Order(SortKey.PATH))))[0].assets == (TaskAsset(tasks[0].assets[0].name),)


async def test_a_list_without_results_counts_regions_all_the_same(stores: Stores) -> None:
    tasks = await given(stores)
    await annotated(stores, tasks[0], regions=3)
    (task,) = await listed(stores, Wanted(state=TaskState.COMPLETED, results=False))
    assert task.region_count == 3
    (task,) = await listed(stores, Wanted(state=TaskState.COMPLETED))
    assert task.annotations[0].content == InlineResult(RESULT, 3)
