"""What the comments of RPCs promise in words: the role that a call needs, the reasons for which it may be refused."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REASON = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_ASIDE = re.compile(r"\([^()]*\)")
_LISTED = re.compile(r"Reasons: ([^.]*)\.")
_AS = re.compile(r"\bas ([A-Z][A-Za-z]+)\b")
_ROLE = re.compile(r"Role: ([a-z]+)")
_OF_ALL = re.compile(r"Any may answer [^.;]*")
_OF_LISTS = re.compile(r"a list also [^.;]*")
_BY_CODE = re.compile(r"\((?:UNAUTHENTICATED|PERMISSION_DENIED): [^()]*\)")
_OPEN = re.compile(r"\bOpen[.:]")
_CODES = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})


def role(comment: str) -> str:
    """manager, or empty where any role will do."""
    found = _ROLE.search(comment)
    return found[1] if found else ""


def is_open(comment: str) -> bool:
    """Whether nobody needs to be known: the comment says "Open"."""
    return _OPEN.search(comment) is not None


def reasons(comment: str, siblings: Mapping[str, str]) -> list[str]:
    """The reasons after "Reasons:", in their order; "as SubmitAnnotation" stands for those of that sibling.

    siblings: name of an RPC of the same service -> its comment.
    """
    found: list[str] = []
    for listed in _LISTED.findall(_ASIDE.sub("", comment)):
        for name in _AS.findall(listed):
            found += reasons(siblings.get(name, ""), {})
        found += _REASON.findall(listed)
    return list(dict.fromkeys(found))


def summary(name: str) -> str:
    """An RPC's name in words: Lease tasks."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return words[0] + words[1:].lower()


def of_every_call(service_comment: str, *, lists: bool = False) -> list[str]:
    """What any RPC of a service may answer, by the service's own comment. lists: whether it is one that lists."""
    plain = _ASIDE.sub("", service_comment)
    texts = [*_BY_CODE.findall(service_comment), *_OF_ALL.findall(plain), *(_OF_LISTS.findall(plain) if lists else ())]
    found = [name for text in texts for name in re.findall(r"[A-Z][A-Z0-9_]{3,}", text) if name not in _CODES]
    return list(dict.fromkeys(found))
