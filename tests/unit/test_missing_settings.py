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
