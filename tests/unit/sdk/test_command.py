"""The annostream command: what it prints, and its exit codes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

import annostream_sdk
from annostream_sdk.cli.groups import COMMANDS, GROUPS
from tests.unit.sdk.conftest import Run
from tests.unit.sdk.server import Server, zip_of


async def test_a_project_is_created_listed_and_shown_by_its_display_name(run: Run) -> None:
    made = await run("projects", "create", "우리집 고양이", "--labels", "순이, 유미,렝가", "--json")
    listed = await run("projects", "list")
    shown = await run("projects", "show", "우리집 고양이", "--json")

    assert (made.code, listed.code, shown.code) == (0, 0, 0)
    assert cast(Any, made.document)["name"] == "projects/p1"
    assert "우리집 고양이" in listed.out
    assert "순이, 유미, 렝가" in listed.out
    assert cast(Any, shown.document)["task_counts"] == {"open": 2}


async def test_a_second_project_of_one_name_is_made_with_a_hint_at_the_first(run: Run) -> None:
    first = await run("projects", "create", "cats", "--labels", "순이")
    other = await run("projects", "create", "dogs", "--labels", "순이")
    second = await run("projects", "create", "cats", "--labels", "순이", "--json")

    assert (first.err, other.err) == ("", "")
    assert (second.code, cast(Any, second.document)["name"]) == (0, "projects/p3")
    assert "cats is the name of projects/p1, too: call the new one projects/p3" in second.err


async def test_the_first_ten_labels_get_the_digits_as_keys(run: Run) -> None:
    names = [f"고양이 {number}" for number in range(12)]
    for kind in ([], ["--polygons"]):
        made = await run("projects", "create", "cats", "--labels", ",".join(names), "--json", *kind)
        (control,) = cast(Any, made.document)["label_schema"]["controls"]
        labels = control["polygons" if kind else "boxes"]["labels"]
        assert [label["name"] for label in labels] == names
        assert [label.get("hotkey", "") for label in labels] == [*"1234567890", "", ""]


def test_the_help_waits_for_neither_grpc_nor_kafka_nor_the_contract() -> None:
    program = """
import sys
from annostream_sdk.cli.main import main
sys.argv = ["annostream", "--help"]
try:
    main()
except SystemExit as ended:
    assert ended.code == 0
print(*sorted({"grpc", "aiokafka", "google.protobuf", "annostream_sdk.aio"} & set(sys.modules)), file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "projects" in ended.stdout
    assert not ended.stderr.strip()


async def test_every_group_and_command_says_the_same_of_itself_as_the_help_of_all(run: Run) -> None:
    helped = (await run("--help")).out
    for name, (_, text) in {**GROUPS, **COMMANDS}.items():
        own = await run(name, "--help")
        assert own.code == 0
        assert text in own.out
        assert text in helped
        assert "Exit codes: 0 ok" in own.out


def test_every_name_of_the_package_is_there() -> None:
    assert all(hasattr(annostream_sdk, name) for name in annostream_sdk.__all__)
    assert set(annostream_sdk.__all__) <= set(dir(annostream_sdk))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        annostream_sdk.nothing  # noqa: B018


async def test_columns_stay_aligned_beside_korean(run: Run) -> None:
    for name in ("우리집 고양이", "cats"):
        await run("projects", "create", name, "--labels", "순이")

    lines = (await run("projects", "list")).out.splitlines()

    def width(text: str) -> int:
        return sum(2 if ord(character) > 0x1100 else 1 for character in text)

    assert len({width(line[: line.index("active")]) for line in lines[1:]}) == 1


async def test_a_refusal_exits_1_with_its_sentence_on_stderr_and_its_reason_as_json(run: Run) -> None:
    refused = await run("projects", "show", "dogs", "--json")

    assert refused.code == 1
    assert cast(Any, refused.document)["error"]["reason"] == "PROJECT_NOT_FOUND"
    assert "`annostream projects list`" in refused.err


async def test_wrong_usage_exits_2(run: Run) -> None:
    assert (await run("projects", "create", "cats")).code == 2


async def test_a_server_that_is_not_there_exits_3_and_says_what_to_do(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "nowhere.json"
    path.write_bytes(orjson.dumps({"grpc": {"annotate": "127.0.0.1:9"}, "token": ""}))

    missing = await run("projects", "list", "--endpoints", path)

    assert missing.code == 3
    assert missing.err.strip() == (
        "No Annostream answers at 127.0.0.1:9. Start one with `annostream up`, or say where it is with --endpoints."
    )


async def test_ingest_sums_up_and_exits_4_when_something_was_rejected(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"a")
    (folder / "notes.txt").write_bytes(b"b")

    printed = await run("assets", "ingest", folder, "--project", "projects/p")
    as_json = await run("assets", "ingest", folder, "--project", "projects/p", "--json")

    assert (printed.code, as_json.code) == (4, 4)
    assert "UNSUPPORTED_TYPE" in printed.out
    assert "1 ingested, 0 duplicate, 1 rejected" in printed.out
    document = cast(Any, as_json.document)
    assert (document["ingested"], document["duplicate"], document["rejected"]) == (0, 1, 1)
    assert document["rejections"] == [
        {"path": "notes.txt", "reason": "UNSUPPORTED_TYPE", "message": "This is no image."}
    ]


async def test_an_ingest_that_is_refused_before_the_first_answer_prints_no_sum(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")

    plain = await run("assets", "ingest", tmp_path / "a.jpg", "--project", "nope")
    as_json = await run("assets", "ingest", tmp_path / "a.jpg", "--project", "nope", "--json")

    assert (plain.code, plain.out) == (1, "")
    assert cast(Any, as_json.document)["error"]["reason"] == "PROJECT_NOT_FOUND"


async def test_ctrl_c_keeps_what_was_acknowledged_prints_the_sum_and_exits_130(
    server: Server, endpoints_path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02}.jpg").write_bytes(bytes([number]))
    server.faults.silent_after_assets = 10
    command = [str(Path(sys.executable).with_name("annostream")), "assets", "ingest", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, "--project", "projects/p", "--in-flight", "1", "--endpoints", str(endpoints_path), "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    while len(server.ingest.headers) < 11:  # The eleventh begins when the tenth is acknowledged.
        await asyncio.sleep(0.02)

    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()

    assert process.returncode == 130, err.decode()
    assert orjson.loads(out)["ingested"] == 10
    assert "Interrupted" in err.decode()


async def test_a_server_that_goes_away_amid_an_ingest_leaves_the_sum_a_sentence_and_exit_code_3(
    run: Run, server: Server, tmp_path: Path
) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.jpg").write_bytes(bytes([number]))
    server.faults.silent_after_assets = 10
    arguments = (
        "assets",
        "ingest",
        *sorted(tmp_path.glob("*.jpg")),
        "--project",
        "projects/p",
        "--wait-seconds",
        "0.5",
    )
    running = asyncio.ensure_future(run(*arguments, "--in-flight", "1"))
    while len(server.ingest.headers) < 11:  # The eleventh begins when the tenth is acknowledged.
        await asyncio.sleep(0.02)

    await server.stop()
    printed = await running

    assert printed.code == 3
    assert "10 ingested, 0 duplicate, 0 rejected" in printed.out
    assert f"No Annostream answers at {server.address}." in printed.err
    assert "The same command takes up the rest." in printed.err


async def test_assets_are_listed_one_json_document_a_line_up_to_the_limit(run: Run, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(bytes([number]))
    await run("assets", "ingest", *sorted(tmp_path.glob("*.jpg")), "--project", "projects/p")

    listed = await run("assets", "list", "--project", "projects/p", "--json", "--limit", "3")

    assert [orjson.loads(line)["path"] for line in listed.out.splitlines()] == ["0.jpg", "1.jpg", "2.jpg"]


async def test_annotations_are_submitted_under_a_lease_and_the_outcome_of_each_is_told(
    run: Run, server: Server, tmp_path: Path
) -> None:
    await run("projects", "create", "cats", "--labels", "순이")
    regions = [{"label": "순이", "box": [1, 2, 3, 4]}]
    written = [
        {"task": "projects/p1/tasks/a", "regions": regions},
        {"task": "projects/p1/tasks/b", "lease_token": 7, "regions": []},
        {"task": "projects/p1/tasks/gone", "lease_token": 8, "regions": []},
        {"task": "projects/p1/tasks/held", "regions": regions},
        {"task": "projects/p1/tasks/c", "regions": [{"label": "고등어", "box": [1, 2, 3, 4]}]},
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(orjson.dumps(one) for one in written))

    told = await run("annotations", "submit", tmp_path / "in.jsonl", "--json")

    assert told.code == 4
    found = [(one["outcome"], one["reason"]) for one in cast(Any, told.document)]
    assert found == [
        ("submitted", ""),
        ("draft_kept", "LEASE_TAKEN"),
        ("draft_kept", "TASK_WITHDRAWN"),
        ("refused", "TASK_HELD"),
        ("refused", "UNKNOWN_LABEL"),
    ]
    taken, withdrawn = (one["message"] for one in cast(Any, told.document)[1:3])
    assert taken == "The lease was lost; the work is kept as your draft. users/renga holds the task."
    assert withdrawn == "The task was withdrawn, for its asset was deleted; the work is kept as your draft."
    submitted = next(one for one in server.annotate.requests if getattr(one, "task", "").endswith("/a"))
    assert submitted.lease_token == 41
    assert submitted.result.regions[0].label_ids == ["l0"]


async def test_an_export_takes_a_snapshot_and_lands_in_the_folder(run: Run, server: Server, tmp_path: Path) -> None:
    await run("projects", "create", "cats", "--labels", "순이")
    server.export.files = {"e1.zip": zip_of({"annotations.json": b"{}"})}
    arguments = ("exports", "create", "--project", "cats", "--format", "coco", "--output", tmp_path / "out")

    made = await run(*arguments, "--json")
    again = await run(*arguments, "--json")
    forced = await run(*arguments, "--snapshot", "v7", "--images", "references", "--force")

    assert (made.code, again.code, forced.code) == (0, 1, 0), made.err
    assert (tmp_path / "out" / "annotations.json").read_bytes() == b"{}"
    assert cast(Any, again.document)["error"]["reason"] == "OUTPUT_NOT_EMPTY"
    first, last = server.export.requests[1], server.export.requests[-1]
    assert (first.snapshot, last.snapshot) == ("projects/p1/snapshots/v1", "projects/p1/snapshots/v7")
    assert (first.format, first.images, last.images) == (1, 2, 1)


@pytest.mark.parametrize(
    ("output", "reason", "told"),
    [
        ("/dev/null", "OUTPUT_NOT_A_FOLDER", "/dev/null is a file"),
        ("/dev/null/x/y", "OUTPUT_NOT_A_FOLDER", "/dev/null is a file"),
        ("/proc/x/y", "OUTPUT_NOT_WRITABLE", "/proc/x/y cannot be written"),
    ],
)
async def test_an_output_that_cannot_be_is_refused_before_the_export_is_asked_for(
    run: Run, server: Server, output: str, reason: str, told: str
) -> None:
    await run("projects", "create", "cats", "--labels", "순이")

    made = await run("exports", "create", "--project", "cats", "--format", "coco", "--output", output, "--json")
    fetched = await run("exports", "download", "projects/p1/exports/e1", "--output", output, "--json")

    for refused in (made, fetched):
        assert (refused.code, cast(Any, refused.document)["error"]["reason"]) == (1, reason)
        assert told in refused.err
    assert server.export.requests == []


async def test_a_rebuild_prints_both_digests_and_exits_1_when_they_differ(run: Run, server: Server) -> None:
    same = await run("rebuild", "export", "--json")
    server.export.false_digest = True
    other = await run("rebuild", "export")

    assert (same.code, other.code) == (0, 1)
    assert cast(Any, same.document)["digest_after"] == "d1"
    assert "digests differ" in other.err
    assert "3 records" in other.err
    assert "3 records" not in same.err


async def test_events_are_republished_by_name_of_the_service(run: Run) -> None:
    done = await run("events", "republish", "ingest", "--json")
    unknown = await run("events", "republish", "gateway")

    assert done.document == {"announced": 0, "service": "ingest"}
    assert unknown.code == 1


@pytest.mark.parametrize("command", [[], ["assets"], ["assets", "ingest"], ["dlq", "replay"]])
async def test_help_tells_the_exit_codes(run: Run, command: list[str]) -> None:
    told = " ".join((await run(*command, "--help")).out.split())

    assert "3 the server is not there" in told
    assert "130 interrupted" in told


async def test_the_version_is_printed(run: Run) -> None:
    told = await run("--version")

    assert (told.code, told.out.split()[0]) == (0, "annostream")
