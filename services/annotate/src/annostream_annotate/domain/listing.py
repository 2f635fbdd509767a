"""Lists of tasks: which ones, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from annostream_annotate.domain.path import path_key
from annostream_annotate.domain.task import Task, TaskState
from annostream_kit.errors import InvalidArgument

Key = datetime | str | int


class SortKey(Enum):
    """What lists can be ordered by, as requests write it."""

    CREATE_TIME = "create_time"
    UPDATE_TIME = "update_time"
    PATH = "path"
    REGION_COUNT = "region_count"


@dataclass(frozen=True, slots=True)
class Order:
    """Tasks whose keys are equal go by their ids, in the same direction."""

    key: SortKey
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.key.value} desc" if self.descending else self.key.value


NEWEST = Order(SortKey.CREATE_TIME, descending=True)
LATEST = Order(SortKey.UPDATE_TIME, descending=True)
ORDERS = {str(order): order for key in SortKey for order in (Order(key), Order(key, descending=True))}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the sort key and the id of its last task."""

    key: Key
    task: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """annotator: what they hold or have annotated; where `skipped`, what they have skipped.

    skipped: by anybody, unless an annotator is named.  words: beginnings of words of the path, the longest first.
    """

    order: Order = NEWEST
    state: TaskState | None = None
    annotator: str = ""
    skipped: bool = False
    words: tuple[str, ...] = ()
    results: bool = True


def order_of(text: str, *, of_people: bool) -> Order:
    """of_people: tasks of an annotator, or skipped ones, which have one key.

    Raises InvalidArgument INVALID_ORDER_BY.
    """
    order = ORDERS.get(text) if text else LATEST if of_people else NEWEST
    if order is None:
        message = (
            f"order_by is {text[:100]!r}: give {', '.join(key.value for key in SortKey)}, or one of them with ' desc'."
        )
        raise InvalidArgument("INVALID_ORDER_BY", message, order_by=text[:100])
    if of_people and order.key is not SortKey.UPDATE_TIME:
        message = f"Tasks of an annotator, and skipped ones, are ordered by update_time, not by {order.key.value}."
        raise InvalidArgument("INVALID_ORDER_BY", message, order_by=text)
    return order


def key_of(task: Task, order: Order) -> Key:
    match order.key:
        case SortKey.CREATE_TIME:
            return task.create_time or task.update_time
        case SortKey.UPDATE_TIME:
            return task.update_time
        case SortKey.PATH:
            return path_key(task.path)
        case SortKey.REGION_COUNT:
            return task.region_count


def place_of(task: Task, order: Order) -> Place:
    return Place(key_of(task, order), task.id)
