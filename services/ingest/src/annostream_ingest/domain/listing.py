"""What a list of assets is asked for; each filter has an index that leads, and the rest is looked at within a bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from annostream_ingest.domain.asset import Asset, State
from annostream_ingest.domain.metadata import MAX_ATTR_CHARACTERS, attr, folder_of
from annostream_ingest.domain.refusal import Refusal

MAX_METADATA_FILTERS = 8


@dataclass(frozen=True, slots=True)
class Listing:
    """metadata: key -> value as text.  created_from is included, created_until is not."""

    project: str
    state: State = State.ACTIVE
    created_from: datetime | None = None
    created_until: datetime | None = None
    path_prefix: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def attrs(self) -> list[str]:
        return [attr(key, value) for key, value in sorted(self.metadata.items())]

    @property
    def leading_attr(self) -> str | None:
        """What the index is asked for: a folder, else a value of the metadata; None for all of the project."""
        folder = folder_of(self.path_prefix)
        return folder or next(iter(self.attrs), None)

    @property
    def is_exact(self) -> bool:
        """Whether the index alone answers it."""
        if self.path_prefix:
            return self.path_prefix.endswith("/") and not self.metadata
        return len(self.metadata) <= 1


@dataclass(frozen=True, slots=True)
class Page:
    """next_key: create time and "{project}/{id}" after which the next page begins; None at the end."""

    assets: tuple[Asset, ...]
    next_key: tuple[datetime, str] | None

    def first(self, count: int) -> Page:
        """Its first assets as a page of their own: the next one begins after them."""
        if count >= len(self.assets):
            return self
        last = self.assets[count - 1]
        return Page(self.assets[:count], (last.created_at, f"{last.project}/{last.id}"))


def check_listing(listing: Listing) -> Refusal | None:
    """INVALID_FILTER with what is possible."""
    long = [key for key, value in listing.metadata.items() if len(attr(key, value)) > MAX_ATTR_CHARACTERS]
    period = (listing.created_from, listing.created_until)
    faults = (
        (period[0] is not None and period[1] is not None and period[0] >= period[1], "create_time_from must lie before "
         "create_time_until"),
        (len(listing.metadata) > MAX_METADATA_FILTERS, f"filter by at most {MAX_METADATA_FILTERS} values of metadata"),
        (bool(long), f"values of metadata are searched up to {MAX_ATTR_CHARACTERS} characters: {long[:3]}"),
        (listing.state is State.PURGED and bool(listing.metadata or listing.path_prefix),
         "purged assets have no path and no metadata: filter them by time"),
    )  # fmt: skip
    text = next((text for wrong, text in faults if wrong), None)
    return Refusal("INVALID_FILTER", f"This filter cannot be served: {text}.") if text else None
