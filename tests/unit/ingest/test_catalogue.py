"""Reading assets: by name, by page, and their links."""

from __future__ import annotations

import unicodedata

import pytest

from annostream_ingest.domain.asset import State
from annostream_ingest.domain.listing import Listing
from annostream_ingest.use_cases.catalogue import Catalogue
from annostream_kit.errors import InvalidArgument, NotFound
from tests.unit.ingest.making import Made


async def test_an_asset_is_read_by_name_whatever_its_state_and_an_unknown_one_is_named() -> None:
    made = Made()
    catalogue = Catalogue(made.assets, made.objects)
    asset = (await made.taken()).asset
    assert await catalogue.get(("cats", asset.id)) == asset
    await made.removal.delete("cats", [asset.id])
    assert (await catalogue.get(("cats", asset.id))).state is State.DELETED
    with pytest.raises(NotFound, match="ASSET_NOT_FOUND") as refused:
        await catalogue.get(("cats", "none"))
    assert refused.value.metadata["asset"] == "projects/cats/assets/none"


async def test_links_lead_to_image_and_thumbnail_in_the_order_asked_for() -> None:
    made = Made()
    catalogue = Catalogue(made.assets, made.objects)
    one = (await made.taken(b"1", dedupe_key="k1")).asset
    two = (await made.taken(b"2", dedupe_key="k2")).asset
    links = await catalogue.links("cats", [two.id, one.id])
    assert [link.asset for link in links] == [two, one]
    for link, data in zip(links, (b"2", b"1"), strict=True):
        assert made.objects.rows[link.image.removeprefix("memory://")] == data
        assert made.objects.rows[link.thumbnail.removeprefix("memory://")] == b"small " + data


@pytest.mark.parametrize("state", [State.DELETED, State.PURGED])
async def test_nothing_links_to_what_is_hidden_or_purged(state: State) -> None:
    made = Made()
    asset = (await made.taken()).asset
    if state is State.PURGED:
        await made.removal.purge("cats", [asset.id], reason="r", by="b")
    else:
        await made.removal.delete("cats", [asset.id])
    with pytest.raises(NotFound, match=state.lower()):
        await Catalogue(made.assets, made.objects).links("cats", [asset.id])


async def test_a_page_is_found_by_a_path_in_any_form_of_unicode_and_a_filter_that_cannot_be_is_refused() -> None:
    made = Made()
    catalogue = Catalogue(made.assets, made.objects)
    asset = (await made.taken(path="유미/1.jpg")).asset
    prefix = unicodedata.normalize("NFD", "유미/")
    page = await catalogue.page(Listing("cats", path_prefix=prefix), size=5, after=None)
    assert page.assets == (asset,)
    with pytest.raises(InvalidArgument, match="INVALID_FILTER"):
        await catalogue.page(Listing("cats", State.PURGED, path_prefix="유미/"), size=5, after=None)
