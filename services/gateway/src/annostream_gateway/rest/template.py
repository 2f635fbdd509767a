"""Path templates of google.api.http: `/api/v1/{name=projects/*/tasks/*}:submit`, parsed, matched and shown.

A template is a row of segments, each a literal or a star, some of which together make a variable, and maybe a verb.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

STAR = "*"
_PART = re.compile(r"\{(?P<field>[a-z][a-z0-9_.]*)(?:=(?P<pattern>[^{}]+))?\}|(?P<literal>[A-Za-z0-9_.\-]+)")
_SEGMENT = re.compile(r"\*|[A-Za-z0-9_.\-]+")
_VERB = re.compile(r":([a-z][A-Za-z0-9]*)\Z")


@dataclass(frozen=True, slots=True)
class Variable:
    """field: the path of a field of the request, with dots.  begin, end: its segments."""

    field: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Template:
    """segments: literals and stars, in order.  verb: empty where there is none."""

    text: str
    segments: tuple[str, ...]
    variables: tuple[Variable, ...]
    verb: str

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """Field -> value for a path's segments, decoded and without the verb; None where they are others."""
        if len(segments) != len(self.segments):
            return None
        if any(mine not in (STAR, given) for mine, given in zip(self.segments, segments, strict=True)):
            return None
        return {one.field: "/".join(segments[one.begin : one.end]) for one in self.variables}

    def shown(self) -> tuple[str, list[str]]:
        """The path as OpenAPI writes it, and its parameters' names: `projects/*` shows as `projects/{project}`."""
        names: list[str] = []
        parts = []
        for at, segment in enumerate(self.segments):
            name = self._parameter(at)
            parts.append(f"{{{name}}}" if segment == STAR else segment)
            if segment == STAR:
                names.append(name)
        return "/" + "/".join(parts) + (f":{self.verb}" if self.verb else ""), names

    def _parameter(self, at: int) -> str:
        """A star is named after the collection before it, else after its field."""
        own = next((one for one in self.variables if one.begin <= at < one.end), None)
        if own is not None and own.end - own.begin == 1:
            return own.field.rsplit(".", 1)[-1]
        return singular(self.segments[at - 1])


def singular(collection: str) -> str:
    """projects -> project, entries -> entry."""
    if collection.endswith("ies"):
        return f"{collection[:-3]}y"
    return collection.removesuffix("s")


def parse(text: str) -> Template:
    """Raises ValueError for what is no template, or for `**`, which no route of ours needs."""
    found = _VERB.search(text)
    verb = found[1] if found else ""
    path = text[: found.start()] if found else text
    if not path.startswith("/"):
        raise ValueError(f"{text!r}: a path begins with a slash")
    segments: list[str] = []
    variables: list[Variable] = []
    at = 1
    while at <= len(path):
        part = _PART.match(path, at)
        if part is None or path[part.end() : part.end() + 1] not in ("", "/"):
            raise ValueError(f"{text!r}: no path segment at {path[at:]!r}")
        begin = len(segments)
        segments += _segments(text, part)
        if part["field"]:
            variables.append(Variable(part["field"], begin, len(segments)))
        at = part.end() + 1
    return Template(text, tuple(segments), tuple(variables), verb)


def _segments(text: str, part: re.Match[str]) -> list[str]:
    if part["literal"]:
        return [part["literal"]]
    segments = (part["pattern"] or STAR).split("/")
    for segment in segments:
        if not _SEGMENT.fullmatch(segment):
            raise ValueError(f"{text!r}: {segment!r} is neither a word nor a star")
    return segments
