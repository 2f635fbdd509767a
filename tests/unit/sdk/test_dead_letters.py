"""What follows a replay: each project concerned is announced again by itself."""

from __future__ import annotations

from annostream_sdk.dead_letters import announce_again
from annostream_sdk.errors import AnnostreamError, server_not_there


async def test_a_project_that_fails_holds_up_no_other_and_an_unknown_one_is_no_failure() -> None:
    problems = {
        "projects/b": AnnostreamError("INTERNAL", "A bug."),
        "projects/c": AnnostreamError("PROJECT_NOT_FOUND", "There is none."),
        "projects/?": AnnostreamError("INVALID_NAME", "That is no name."),
    }

    async def republish(_: str, project: str) -> int:
        if project in problems:
            raise problems[project]
        return 2

    told = await announce_again(republish, [("ingest", f"projects/{letter}") for letter in "dcba?"])

    assert told.events == 4
    assert told.failed == {("ingest", "projects/b"): problems["projects/b"]}


async def test_a_service_that_is_away_is_waited_for_once() -> None:
    asked = []

    async def republish(service: str, project: str) -> int:
        asked.append((service, project))
        if service == "annotate":
            raise server_not_there("127.0.0.1:9")
        return 1

    owners = [(service, f"projects/{letter}") for service in ("annotate", "ingest") for letter in "ab"]
    told = await announce_again(republish, owners)

    assert asked == [("annotate", "projects/a"), ("ingest", "projects/a"), ("ingest", "projects/b")]
    assert told.events == 2
    assert list(told.failed) == [("annotate", "projects/a"), ("annotate", "projects/b")]
