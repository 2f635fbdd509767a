"""What a service said when it ended, as its operator is told."""

from pathlib import Path

import pytest
from rich.console import Console

from annostream_embedded.child import last_words
from annostream_embedded.reports import print_status
from annostream_embedded.status import ProcessStatus, Status

SENTENCE = "The database has schema version 999, this program knows 1: start a newer Annostream."


def test_the_sentence_of_the_last_line_is_kept(tmp_path: Path) -> None:
    line = f'{{"error": "{SENTENCE}", "event": "service_cannot_run", "level": "error"}}'
    log = tmp_path / "ingest-1.log"
    log.write_text(f'{{"event": "serving"}}\n{line}\n')

    assert last_words(log) == SENTENCE


@pytest.mark.parametrize("line", ["", "Killed", '{"event": "stopped"}', "[1]", '{"error": 1}'])
def test_a_last_line_without_one_says_nothing(tmp_path: Path, line: str) -> None:
    log = tmp_path / "kafka.log"
    log.write_text(line)

    assert last_words(log) == ""


def test_the_status_shows_why_a_process_does_not_run() -> None:
    console = Console(record=True, width=200)
    process = ProcessStatus("ingest-1", 7, False, 1.0, 3, 0, "exit code 1", SENTENCE)

    print_status(Status("data", 1, "ready", [process]), console)

    assert f"ingest-1: {SENTENCE}" in console.export_text()


def test_the_status_of_a_stopped_one_names_the_command_that_starts_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def told(root: Path) -> str:
        console = Console(record=True, width=40)
        print_status(Status(str(root), None, "stopped"), console)
        return console.export_text()

    assert "`annostream up`" in told(tmp_path / ".annostream")
    assert f"`annostream up --data-dir '{tmp_path}/my data'`" in told(tmp_path / "my data")
