"""What schemathesis checks of each answer besides its own checks; it loads this module by name, as its hooks."""

from __future__ import annotations

import re
from typing import Any

import schemathesis

_REASON = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b")

# What `default` stands for.
_BY_DEFAULT = {400, 404, 405, 406, 408, 409, 413, 415}


@schemathesis.check
def refusals_are_documented(
    ctx: schemathesis.CheckContext,  # noqa: ARG001  # schemathesis hands it to each check
    response: schemathesis.Response,
    case: schemathesis.Case[Any],
) -> None:
    """The document's `default` takes any status: its words, and those of the whole, must name the reason at least."""
    if response.status_code < 300:
        return
    problem = response.json()
    assert problem["status"] == response.status_code
    document = case.operation.schema.raw_schema
    answers = case.operation.definition.raw["responses"]
    told = [document["info"]["description"], *(answer.get("description", "") for answer in answers.values())]
    told += [one["description"] for one in document["components"]["responses"].values()]
    assert problem["reason"] in _REASON.findall(" ".join(told)), f"{problem['reason']} is not documented here"
    assert str(response.status_code) in answers or response.status_code in _BY_DEFAULT, "Its status is not documented."
    if response.status_code in {429, 503}:
        assert int(response.headers["retry-after"][0]) >= 1
