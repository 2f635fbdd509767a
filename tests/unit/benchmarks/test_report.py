"""What the report's tables say of measured runs."""

from __future__ import annotations

from benchmarks import delay, exports, ingest, labelling, memory
from benchmarks.ceilings import INSERT, PARTS, TRANSPORT
from benchmarks.delay import Moments
from benchmarks.exports import Exported
from benchmarks.figures import Run
from benchmarks.ingest import ALONE, STREAM
from benchmarks.memory import Streamed
from benchmarks.report import Cell, Section, Table, per_item_table, shown


def _row(section: Section, table: int, name: str) -> list[Cell]:
    return next(list(row) for row in section.tables[table].rows if row[0] == name)


def test_a_table_is_markdown_with_figures_to_the_right() -> None:
    assert Table(["what", "s"], [["up", 12.345], ["down", 1000]]).markdown().splitlines() == [
        "| what |     s |",
        "| ---- | ----: |",
        "| up   |  12.3 |",
        "| down | 1,000 |",
    ]


def test_figures_are_shown_by_their_size() -> None:
    assert [shown(value) for value in (0.01234, 3.14159, 42.42, 1234.5, 7, "–")] == [
        "0.0123", "3.14", "42.4", "1,234", "7", "–",
    ]  # fmt: skip


def test_the_client_stands_apart_from_what_serves_it() -> None:
    table = per_item_table({"one": {"kafka": 1.0, "mongodb": 2.0, "client": 5.0}}, "label")
    assert [list(row) for row in table.rows] == [
        ["kafka", 1.0],
        ["mongodb", 2.0],
        ["**all but the client**", 3.0],
        ["client", 5.0],
    ]


def test_ingest_is_held_against_the_sum_of_its_parts() -> None:
    """Five parts of a second each, and a way in of two, beside ingest in five seconds, and in four by itself."""
    raw = {part: [Run(100, 1.0, {"s3": 0.1})] for part in PARTS} | {TRANSPORT: [Run(100, 2.0, {"server": 0.25})]}
    raw[INSERT] = [Run(800, 8.0, {"mongodb": 0.8})]
    ours = {STREAM: [Run(100, 5.0, {"ingest-1": 1.0})], ALONE: [Run(100, 4.0, {"ingest-1": 0.75})]}
    section = ingest.section(0.5, 86.0, ours, raw)
    assert _row(section, 0, STREAM)[1:3] == [20.0, 5.0]
    assert _row(section, 0, INSERT)[1:3] == [100.0, 1.0]
    assert [row[1:3] for row in section.tables[1].rows] == [
        ["100%", "50%"], ["140%", "75%"], ["125%", "67%"], ["175%", "100%"],
    ]  # fmt: skip


def test_delays_count_from_the_acknowledgement_and_are_never_negative() -> None:
    moments = Moments(acknowledged={"a": 10.0, "b": 20.0}, announced={"a": 10.25, "b": 19.0})
    assert moments.since_acknowledged(moments.announced) == [250.0, 0.0]


def test_delays_are_shown_by_median_and_p99() -> None:
    found = {str(number): number / 1000 for number in range(1, 101)}
    moments = Moments(dict.fromkeys(found, 0.0), [0.001], dict.fromkeys(found, 0.0), [0.002], found, found)
    row = _row(delay.section(1.0, 60, 100, moments), 0, "acknowledged → TaskOpened read from Kafka")
    assert row[1:4] == [50.0, 99.0, 100.0]


def test_an_export_is_held_against_the_raw_writer_of_the_same_size() -> None:
    runs = {exports.RAW: Run(1000, 0.5, {}), "COCO": Run(1000, 1.0, {"export-1": 2.0})}
    section = exports.section(0.0, [Exported(1000, runs)])
    assert _row(section, 0, "COCO")[3:] == [1000.0, "50%"]


def test_the_median_run_is_that_of_middle_time() -> None:
    assert exports.median_run([Run(1, seconds, {}) for seconds in (3.0, 1.0, 2.0)]).seconds == 2.0


def test_memory_is_compared_between_the_smallest_and_the_largest_volume() -> None:
    section = memory.section(0.0, [Streamed(1, 1, 1.0, 100, 400), Streamed(10, 10, 1.0, 110, 420)])
    assert section.tables[0].rows[-1][2:] == [1.1, 1.05]


def test_the_cost_of_a_label_can_leave_out_what_idling_costs() -> None:
    """Ten labels in 2 s for 1 s of CPU: 100 ms each, of which a tenth of a core, idle, makes 20 ms."""
    run, idle = Run(10, 2.0, {"kafka": 1.0, "client": 9.0}), Run(0, 4.0, {"kafka": 0.4, "client": 9.0})
    assert labelling.served_milliseconds(run) == 100
    assert labelling.without_idle_milliseconds(run, idle) == 80
