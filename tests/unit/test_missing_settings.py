"""What a service says that is started without its settings."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

import annostream_annotate.main
import annostream_export.main
import annostream_ingest.main


@pytest.mark.parametrize(
    "main", [annostream_ingest.main.main, annostream_annotate.main.main, annostream_export.main.main]
)
def test_each_missing_setting_is_named_in_a_sentence(
    main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("ANNOSTREAM_")]:
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit, match="1"):
        main()
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said] == [
        "ANNOSTREAM_MONGODB_URI",
        "ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS",
        "ANNOSTREAM_JWKS_FILE",
    ]


@pytest.mark.parametrize(
    ("main", "bytes_of", "said"),
    [
        (
            annostream_annotate.main.main,
            {"MAX_RESULT_BYTES": 63 << 20},
            "such a result could be taken, and never be read",
        ),
        (annostream_annotate.main.main, {"MAX_GRPC_MESSAGE_BYTES": 49 << 20}, "ANNOSTREAM_MAX_RESULT_BYTES and 2 MiB"),
        (annostream_export.main.main, {"MAX_PAGE_BYTES": 65 << 20}, "ANNOSTREAM_MAX_PAGE_BYTES is more than"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_in_one_sentence(
    main: Callable[[], None],
    bytes_of: dict[str, int],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS", "JWKS_FILE"):
        monkeypatch.setenv(f"ANNOSTREAM_{name}", "nowhere")
    for name, size in bytes_of.items():
        monkeypatch.setenv(f"ANNOSTREAM_{name}", str(size))
    with pytest.raises(SystemExit, match="1"):
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ANNOSTREAM_MAX_")
    assert said in line
