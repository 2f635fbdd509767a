"""Which filters there are, and which index leads."""

from __future__ import annotations

from datetime import timedelta

import pytest

from annostream_ingest.domain.asset import State
from annostream_ingest.domain.listing import Listing, check_listing
from tests.fakes.ingest import START


@pytest.mark.parametrize(
    ("listing", "leading", "exact"),
    [
        (Listing("p"), None, True),
        (Listing("p", path_prefix="a/"), "/a/", True),
        (Listing("p", path_prefix="a/b"), "/a/", False),
        (Listing("p", path_prefix="ab"), None, False),
        (Listing("p", metadata={"k": "v"}), "k=v", True),
        (Listing("p", metadata={"k": "v", "l": "w"}), "k=v", False),
        (Listing("p", path_prefix="a/", metadata={"k": "v"}), "/a/", False),
    ],
)
def test_a_folder_leads_before_metadata_and_the_rest_is_looked_at(listing: Listing, leading: str, exact: bool) -> None:
    assert (listing.leading_attr, listing.is_exact) == (leading, exact)
    assert check_listing(listing) is None


@pytest.mark.parametrize(
    "listing",
    [
        Listing("p", created_from=START, created_until=START),
        Listing("p", created_from=START + timedelta(seconds=1), created_until=START),
        Listing("p", metadata={f"k{n}": "v" for n in range(9)}),
        Listing("p", metadata={"k": "v" * 300}),
        Listing("p", state=State.PURGED, path_prefix="a/"),
        Listing("p", state=State.PURGED, metadata={"k": "v"}),
    ],
)
def test_a_filter_that_finds_nothing_or_costs_too_much_is_refused(listing: Listing) -> None:
    refusal = check_listing(listing)
    assert refusal is not None
    assert refusal.reason == "INVALID_FILTER"
