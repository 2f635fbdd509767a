"""Metadata as searchable text: one `key=value` for each value, `a.b` for one inside an object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import orjson

MAX_ATTRS = 1000
MAX_ATTR_CHARACTERS = 256

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def as_text(value: Json) -> str:
    """A value as a filter names it: true, 5, 0.5, null, text as it is."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def attr(key: str, value: str) -> str:
    return f"{key}={value}"


def flatten(metadata: Mapping[str, Json]) -> list[str]:
    """At most 1,000, in the order of their keys; a longer value than 256 characters is kept but not searched."""
    found: list[str] = []
    for key, value in _leaves("", metadata):
        text = attr(key, as_text(value))
        if len(text) <= MAX_ATTR_CHARACTERS:
            found.append(text)
        if len(found) == MAX_ATTRS:
            break
    return list(dict.fromkeys(found))


def _leaves(prefix: str, value: Mapping[str, Json] | Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _leaves(f"{prefix}.{key}" if prefix else key, value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(prefix, item)
    else:
        yield prefix, value


def folders(path: str) -> list[str]:
    """Each folder that a path lies in, as an attr: `a/b/c.jpg` gives `/a/` and `/a/b/`."""
    parts = path.split("/")[:-1]
    return [_folder("/".join(parts[: depth + 1]) + "/") for depth in range(len(parts))]


def folder_of(path_prefix: str) -> str | None:
    """The deepest whole folder in a path prefix, as an attr; None where it names none."""
    return _folder(path_prefix[: path_prefix.rindex("/") + 1]) if "/" in path_prefix else None


def _folder(path: str) -> str:
    # Without =, no value of metadata can look like it; a path has no control characters of its own.
    return "/" + path.replace("=", "\x1f")
