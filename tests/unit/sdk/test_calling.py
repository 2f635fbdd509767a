"""Calls: repeated while it makes sense, refused by reason, with a token that is never stale."""

from __future__ import annotations

import base64
from pathlib import Path

import orjson
import pytest

from annostream.annotate.v1.annotate_service_pb2 import GetProjectRequest, LeaseTaskRequest
from annostream_sdk.aio import Client
from annostream_sdk.aio.connection import Limits, Patience, target_of, with_request_id
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.tokens import Token, renewal_time
from tests.unit.sdk.server import Server


def jwt(begin: float, end: float) -> str:
    claims = base64.urlsafe_b64encode(orjson.dumps({"iat": begin, "exp": end})).decode().rstrip("=")
    return f"e30.{claims}.signature"


def write_token(path: Path, token: str, address: str = "127.0.0.1:1") -> None:
    path.write_bytes(orjson.dumps({"grpc": {"annotate": address}, "token": token}))


async def test_a_server_that_is_away_for_a_moment_is_asked_again_with_the_same_request_id(
    client: Client, server: Server
) -> None:
    await client.projects.create("warm", ["순이"])  # it has answered before
    server.faults.unavailable = 3

    project = await client.projects.create("cats", ["순이"])

    sent = [request.request_id for request in server.annotate.requests if request.display_name == "cats"]
    assert len(sent) == 4
    assert len(set(sent)) == 1
    assert sent[0]
    assert project.display_name == "cats"


async def test_a_full_server_is_asked_again_after_the_delay_that_it_names(client: Client, server: Server) -> None:
    server.faults.exhausted = 2

    assert (await client.projects.create("cats", ["순이"])).name == "projects/p1"


async def test_a_refusal_carries_reason_sentence_and_facts(client: Client) -> None:
    with pytest.raises(AnnostreamError) as refused:
        await client.projects.create("", ["순이"])

    assert refused.value.reason == "INVALID_DISPLAY_NAME"
    assert str(refused.value) == "Give it a name."
    assert dict(refused.value.metadata) == {"given": "nothing"}


async def test_a_server_that_keeps_failing_says_its_own_reason(client: Client, server: Server) -> None:
    server.faults.unavailable = 10**6

    with pytest.raises(AnnostreamError) as refused:
        await client.projects.create("cats", ["순이"])

    assert refused.value.reason == "DEPENDENCY_AWAY"


async def test_a_token_that_was_replaced_is_read_again_when_the_server_refuses_the_old_one(
    client: Client, server: Server, endpoints_path: Path
) -> None:
    await client.projects.create("cats", ["순이"])
    server.faults.unauthenticated_unless = "a newer one"
    endpoints_path.write_bytes(orjson.dumps({**server.endpoints, "token": "a newer one"}))

    assert (await client.projects.get("projects/p1")).display_name == "cats"


async def test_a_refused_token_without_a_newer_one_is_an_error(client: Client, server: Server) -> None:
    server.faults.unauthenticated_unless = "another"

    with pytest.raises(AnnostreamError) as refused:
        await client.projects.get("projects/p1")

    assert refused.value.reason == "TOKEN_EXPIRED"


async def test_display_names_that_several_projects_have_are_refused_with_the_candidates(client: Client) -> None:
    for _ in range(2):
        await client.projects.create("우리집 고양이", ["순이"])

    with pytest.raises(AnnostreamError) as refused:
        await client.projects.resolve("우리집 고양이")

    assert refused.value.reason == "AMBIGUOUS_NAME"
    assert refused.value.metadata["candidates"] == "projects/p1,projects/p2"


async def test_a_project_goes_by_name_id_and_display_name(client: Client) -> None:
    await client.projects.create("cats", ["순이"])

    assert [await client.projects.resolve(text) for text in ("projects/p1", "p1", "cats")] == ["projects/p1"] * 3
    with pytest.raises(AnnostreamError, match="annostream projects list"):
        await client.projects.resolve("dogs")


async def test_a_list_goes_over_all_pages(client: Client, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(bytes([number]))
    await client.assets.ingest([tmp_path / f"{number}.jpg" for number in range(5)], "projects/p")

    assert [asset.path async for asset in client.assets.list("projects/p")] == [f"{number}.jpg" for number in range(5)]


def test_a_token_is_renewed_in_the_last_quarter_of_its_life(tmp_path: Path) -> None:
    path, now = tmp_path / "endpoints.json", 0.0
    old, new = jwt(0, 1000), jwt(500, 1500)
    write_token(path, new)
    token = Token(old, path, clock=lambda: now)

    now = 749.0
    assert token.current() == old
    now = 750.0
    assert token.current() == new


def test_a_token_stays_when_the_file_is_gone(tmp_path: Path) -> None:
    token = Token(jwt(0, 10), tmp_path / "gone.json", clock=lambda: 9.0)

    assert token.current() == jwt(0, 10)


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "a.e30.c"])
def test_a_token_that_tells_no_end_is_never_looked_for(text: str) -> None:
    assert renewal_time(text) == float("inf")


@pytest.mark.parametrize(
    ("addresses", "target"),
    [
        (["127.0.0.1:7401"], "127.0.0.1:7401"),
        (["127.0.0.1:7401", "127.0.0.1:7402"], "ipv4:127.0.0.1:7401,127.0.0.1:7402"),
        (["localhost:7401", "127.0.0.1:7402"], "ipv4:127.0.0.1:7401,127.0.0.1:7402"),
        (["[::1]:7401", "[::1]:7402"], "ipv6:[::1]:7401,[::1]:7402"),
        (["ingest.example:7401", "127.0.0.1:7402"], "ingest.example:7401"),
    ],
)
def test_replicas_become_one_target_where_grpc_can_balance_them(addresses: list[str], target: str) -> None:
    assert target_of(addresses) == target


def test_a_request_id_is_filled_in_only_where_there_is_one_and_none_was_given() -> None:
    assert with_request_id(LeaseTaskRequest(name="t", request_id="mine")).request_id == "mine"
    first, second = with_request_id(LeaseTaskRequest(name="t")), with_request_id(LeaseTaskRequest(name="t"))
    assert first.request_id != second.request_id
    assert first.name == "t"
    plain = GetProjectRequest(name="p")
    assert with_request_id(plain) is plain


async def test_patience_ends_sooner_with_a_server_that_never_answered() -> None:
    limits = Limits(first_contact_seconds=0.0, retry_seconds=100.0, first_delay_seconds=1.0, longest_delay_seconds=4.0)

    assert Patience(limits, answered_before=False).next_delay() is None
    patient = Patience(limits, answered_before=True)
    delays = [patient.next_delay() or 0.0 for _ in range(6)]
    assert all(0.5 * least <= delay <= least for delay, least in zip(delays, (1, 2, 4, 4, 4, 4), strict=True))
    assert (patient.next_delay(asked=30.0) or 0.0) == 30.0
