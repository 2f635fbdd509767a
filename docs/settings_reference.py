"""Writes docs/reference/settings.md from the settings' classes; with --check says whether it is current."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from annostream_annotate.settings import Settings as AnnotateSettings
from annostream_embedded.settings import Settings as EmbeddedSettings
from annostream_export.settings import Settings as ExportSettings
from annostream_gateway.settings import Settings as GatewaySettings
from annostream_ingest.settings import Settings as IngestSettings
from annostream_kit.settings import ServiceSettings

PAGE = Path(__file__).parent / "reference" / "settings.md"
_OWN = {"ingest": IngestSettings, "annotate": AnnotateSettings, "export": ExportSettings, "gateway": GatewaySettings}
_HEAD = """# Settings

Every setting is an environment variable; each limit has its unit in its name. This page is written by
`python docs/settings_reference.py`, from the code.

The command line finds its server by `ANNOSTREAM_ENDPOINTS` (a path of an endpoints.json), else by `endpoints.json` in
`ANNOSTREAM_DATA_DIR` (where `annostream up` keeps everything; `.annostream` in the working directory), else by what
`annostream login` has kept. `ANNOSTREAM_INGEST_ADDRESS`, `ANNOSTREAM_ANNOTATE_ADDRESS`, `ANNOSTREAM_EXPORT_ADDRESS` and
`ANNOSTREAM_TOKEN` win over what is found there, and do without it.
"""


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "by the machine"
    if field.default is PydanticUndefined:
        return "**required**"
    # A temporary folder is another on each machine.
    if isinstance(field.default, Path):
        return "in the temporary folder"
    return f"`{field.default}`" if field.default not in ("", None) else "empty"


def _service_rows(settings: type[ServiceSettings], known: set[str]) -> list[str]:
    return [
        f"| `ANNOSTREAM_{name.upper()}` | {_default(field)} | {field.description or ''} |"
        for name, field in settings.model_fields.items()
        if name not in known
    ]


def _embedded_rows() -> list[str]:
    passed_over = {"environment", "cache_folder", "service_commands"}
    return [
        f"| `ANNOSTREAM_{entry.name.upper()}` | `{entry.default}` | |"
        for entry in fields(EmbeddedSettings)
        if entry.name not in passed_over
    ]


def page() -> str:
    """The whole page."""
    table = ["| variable | default | |", "|---|---|---|"]
    parts = [_HEAD, "## Every service", "", *table, *_service_rows(ServiceSettings, {"service"}), ""]
    shared = set(ServiceSettings.model_fields)
    for service, settings in _OWN.items():
        parts += [f"## {service}", "", *table, *_service_rows(settings, shared), ""]
    return "\n".join([*parts, "## The embedded servers (`annostream up`)", "", *table, *_embedded_rows(), ""])


def main() -> int:
    if "--check" not in sys.argv:
        PAGE.write_text(page())
        return 0
    if PAGE.read_text() != page():
        print("docs/reference/settings.md is not current: run `python docs/settings_reference.py` and commit it.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
