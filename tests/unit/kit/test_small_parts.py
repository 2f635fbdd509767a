"""Batching, readiness, refusals, failures, settings, logs."""

from __future__ import annotations

import asyncio
import json
import logging as standard_logging
import sys
from collections.abc import Sequence

import grpc
import pytest
import structlog
from google.rpc import error_details_pb2

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream_kit import errors, logging
from annostream_kit.batching import Batcher
from annostream_kit.failures import is_dependency_away, is_misconfigured
from annostream_kit.grpc_server import Mounted
from annostream_kit.readiness import Readiness
from annostream_kit.settings import ServiceSettings


async def test_callers_that_come_while_a_write_runs_share_the_next() -> None:
    batches: list[list[int]] = []
    free = asyncio.Event()

    async def write(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        await free.wait()
        return [item * 2 for item in items]

    batcher = Batcher(write, most=3, writers=1)
    puts = [batcher.put(number) for number in range(6)]
    await asyncio.sleep(0.01)
    free.set()
    assert await asyncio.gather(*puts) == [0, 2, 4, 6, 8, 10]
    assert batches == [[0], [1, 2, 3], [4, 5]]


async def _same(items: Sequence[int]) -> list[int]:
    return list(items)


async def test_who_is_in_no_hurry_waits_for_company_and_who_is_takes_it_along() -> None:
    batches: list[list[int]] = []

    async def write(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return list(items)

    batcher = Batcher(write, linger_seconds=3600.0)
    early = [batcher.put(1), batcher.put(2)]
    await asyncio.sleep(0)
    assert not batches
    assert await asyncio.gather(*early, batcher.put(3, hurry=True)) == [1, 2, 3]
    assert batches == [[1, 2, 3]]


async def test_who_is_in_no_hurry_waits_no_longer_than_the_linger() -> None:
    assert await Batcher(_same, linger_seconds=0.01).put(1) == 1


async def test_when_enough_wait_nobody_waits_longer_also_behind_a_write_that_runs() -> None:
    free = asyncio.Event()

    async def write(items: Sequence[int]) -> list[int]:
        await free.wait()
        return list(items)

    batcher = Batcher(write, writers=1, linger_seconds=3600.0, enough=2)
    puts = [batcher.put(number) for number in range(4)]
    await asyncio.sleep(0)
    free.set()
    assert await asyncio.gather(*puts) == [0, 1, 2, 3]


async def test_the_error_of_a_batch_reaches_each_of_its_callers_and_the_next_batch_is_written() -> None:
    failing = [True]

    async def write(items: Sequence[int]) -> list[int]:
        if failing[0]:
            raise KeyError("store")
        return list(items)

    batcher = Batcher(write)
    answers = await asyncio.gather(batcher.put(1), batcher.put(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [KeyError, KeyError]
    failing[0] = False
    assert await batcher.put(3) == 3


async def test_a_caller_that_goes_takes_nothing_from_the_others() -> None:
    free = asyncio.Event()
    fails = [False]

    async def write(items: Sequence[int]) -> list[int]:
        await free.wait()
        if fails[0]:
            raise KeyError
        return list(items)

    for fails[0] in (False, True):
        free.clear()
        batcher = Batcher(write, writers=1)
        puts = [batcher.put(number) for number in range(3)]
        await asyncio.sleep(0)
        puts[1].cancel()
        await asyncio.sleep(0)
        free.set()
        answers = await asyncio.gather(*puts, return_exceptions=True)
        assert isinstance(answers[1], asyncio.CancelledError)
        assert (answers[0] == 0) == (not fails[0])
        assert (answers[2] == 2) == (not fails[0])


async def test_a_write_that_answers_too_few_is_an_error_and_hangs_nobody() -> None:
    async def write(items: Sequence[int]) -> list[int]:
        return list(items)[:-1]

    batcher = Batcher(write, writers=1)
    answers = await asyncio.gather(*[batcher.put(n) for n in range(3)], return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, ValueError)]


def test_readiness_is_false_while_anything_waits() -> None:
    readiness, heard = Readiness(), list[bool]()
    readiness.listen(heard.append)
    readiness.waiting("relay", "Kafka")
    readiness.waiting("relay", "Kafka")
    readiness.waiting("consumer", "S3")
    assert readiness.waits == {"relay": "Kafka", "consumer": "S3"}
    readiness.fine("relay")
    readiness.fine("relay")
    assert not readiness.ready
    readiness.fine("consumer")
    assert heard == [True, False, True]


def test_a_refusal_becomes_a_status_with_its_reason_and_delay() -> None:
    refused = errors.ResourceExhausted("FULL", "Wait a moment.", retry_after_seconds=1.5, pending=64)
    status = errors.to_status(refused)
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(retry)
    assert (status.code, status.message) == (8, "Wait a moment.")
    assert (info.reason, info.domain, dict(info.metadata)) == ("FULL", "annostream", {"pending": "64"})
    assert retry.retry_delay.ToMilliseconds() == 1500
    assert len(errors.to_status(errors.NotFound("X", "x")).details) == 1


def test_a_refusal_of_any_length_fits_a_trailer() -> None:
    status = errors.to_status(errors.NotFound("X", "이름" * 5000, name="이" * 20_000))
    assert len(status.SerializeToString()) < 4096


def rpc_error(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "", "")


@pytest.mark.parametrize(
    ("error", "away", "misconfigured"),
    [
        (errors.DependencyAwayError("x"), True, False),
        (errors.Unavailable("X", "x"), True, False),
        (errors.ResourceExhausted("X", "x"), True, False),
        (ConnectionResetError(), True, False),
        (TimeoutError(), True, False),
        (rpc_error(grpc.StatusCode.UNAVAILABLE), True, False),
        (rpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED), True, False),
        (rpc_error(grpc.StatusCode.UNAUTHENTICATED), False, True),
        (rpc_error(grpc.StatusCode.NOT_FOUND), False, False),
        (errors.MisconfiguredError("x"), False, True),
        (errors.InvalidArgument("X", "x"), False, False),
        (KeyError("x"), False, False),
    ],
)
def test_what_waiting_mends_is_told_from_what_an_operator_and_what_a_sender_must_mend(
    error: Exception, away: bool, misconfigured: bool
) -> None:
    assert (is_dependency_away(error), is_misconfigured(error)) == (away, misconfigured)


def test_a_service_whose_roles_forget_an_rpc_does_not_start() -> None:
    mounted = Mounted(api.DESCRIPTOR.services_by_name["IngestService"], {}, lambda _: None)
    with pytest.raises(ValueError, match="GetAsset"):
        mounted.roles_by_method()


def test_settings_hide_their_secrets_and_name_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"SERVICE": "ingest", "MONGODB_URI": "mongodb://h", "KAFKA_BOOTSTRAP_SERVERS": "h:1", "JWKS_FILE": "/j"}
    for name, value in {**values, "KAFKA_PASSWORD": "hidden", "S3_SECRET_KEY": "hidden"}.items():
        monkeypatch.setenv(f"ANNOSTREAM_{name}", value)
    monkeypatch.delenv("ANNOSTREAM_MONGODB_DATABASE", raising=False)
    settings = ServiceSettings()  # type: ignore[call-arg]  # from the environment
    assert settings.database == "annostream_ingest"
    assert settings.model_copy(update={"mongodb_database": "own"}).database == "own"
    assert "hidden" not in repr(settings)


@pytest.fixture
def _logging_as_it_was() -> object:
    root = standard_logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.usefixtures("_logging_as_it_was")
def test_logs_are_lines_of_json_with_our_service_and_whole_tracebacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.configure("ingest", form="json", level="info")
    monkeypatch.setattr(structlog._config._CONFIG, "cache_logger_on_first_use", False)
    log = structlog.get_logger()
    log.debug("hidden")
    try:
        raise KeyError("순이")
    except KeyError as error:
        log.exception("thing_failed", exc_info=error)
    standard_logging.getLogger("library").warning("from %s", "them")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["thing_failed", "from them"]
    assert "KeyError: '순이'" in lines[0]["exception"]
    assert {line["service"] for line in lines} == {"ingest"}


@pytest.mark.usefixtures("_logging_as_it_was")
def test_logs_for_people_warn_of_nothing_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("ingest", form="console", level="nonsense")
    try:
        raise KeyError("x")
    except KeyError as error:
        structlog.get_logger().error("thing_failed", exc_info=error)
    assert "thing_failed" in capsys.readouterr().err
    assert sys.stderr is not None
