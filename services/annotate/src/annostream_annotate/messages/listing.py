"""Lists of tasks: requests and page tokens -> domain."""

from __future__ import annotations

from datetime import datetime

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream_annotate.domain.listing import Key, Order, Place, SortKey, Wanted, order_of
from annostream_annotate.domain.path import searched_words
from annostream_annotate.messages.tasks import task_state_from_wire
from annostream_kit.errors import InvalidArgument
from annostream_kit.paging import decode_token, encode_token, invalid_page_token, milliseconds_of, moment_of

_KINDS = {SortKey.CREATE_TIME: int, SortKey.UPDATE_TIME: int, SortKey.PATH: str, SortKey.REGION_COUNT: int}
_TIMES = frozenset({SortKey.CREATE_TIME, SortKey.UPDATE_TIME})


def wanted_from_request(request: api.ListTasksRequest) -> Wanted:
    """Raises InvalidArgument INVALID_ORDER_BY, INVALID_SEARCH, INVALID_NAME for an annotator without a collection."""
    if request.annotator and "/" not in request.annotator:
        message = f"annotator is {request.annotator[:100]!r}: give the whole name, such as users/yumi."
        raise InvalidArgument("INVALID_NAME", message, name=request.annotator[:100])
    return Wanted(
        order=order_of(request.order_by, of_people=bool(request.annotator) or request.skipped),
        state=task_state_from_wire(request.state),
        annotator=request.annotator,
        skipped=request.skipped,
        words=searched_words(request.search) if request.search else (),
        results=not request.without_results,
    )


def token_of(place: Place, order: Order) -> str:
    key = milliseconds_of(place.key) if isinstance(place.key, datetime) else place.key
    return encode_token([str(order), key, place.task])


def place_from_token(token: str, order: Order) -> Place | None:
    """None for the first page; raises InvalidArgument INVALID_PAGE_TOKEN, also for a token of another order."""
    match decode_token(token):
        case None:
            return None
        case [str(of_order), str() | int() as key, str(task)] if _is_of(order, of_order, key):
            return Place(_key(token, key, order), task)
        case _:
            raise invalid_page_token(token)


def _is_of(order: Order, of_order: str, key: str | int) -> bool:
    return of_order == str(order) and isinstance(key, _KINDS[order.key])


def _key(token: str, key: str | int, order: Order) -> Key:
    return moment_of(token, key) if isinstance(key, int) and order.key in _TIMES else key
