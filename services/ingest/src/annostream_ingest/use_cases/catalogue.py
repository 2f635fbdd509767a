"""Reads assets: one, a page of them, links to their bytes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from annostream_ingest.domain.asset import Asset, State
from annostream_ingest.domain.blob import blob_key
from annostream_ingest.domain.listing import Listing, Page, check_listing
from annostream_ingest.ports import AssetStore, Key, ObjectStore
from annostream_kit.errors import InvalidArgument, NotFound

MAX_NAMES = 500


@dataclass(frozen=True, slots=True)
class Links:
    asset: Asset
    image: str
    thumbnail: str


async def find_all(assets: AssetStore, project: str, ids: Sequence[str]) -> list[Asset]:
    """In the order asked for; raises InvalidArgument TOO_MANY_NAMES, NotFound ASSET_NOT_FOUND naming the first."""
    if len(ids) > MAX_NAMES:
        message = f"{len(ids)} names in one call; the most is {MAX_NAMES}: send several calls."
        raise InvalidArgument("TOO_MANY_NAMES", message, most=MAX_NAMES)
    found = await assets.find((project, asset) for asset in ids)
    missing = next((asset for asset in ids if (project, asset) not in found), None)
    if missing is not None:
        raise _not_found(f"projects/{project}/assets/{missing}")
    return [found[project, asset] for asset in ids]


class Catalogue:
    def __init__(self, assets: AssetStore, objects: ObjectStore) -> None:
        self._assets = assets
        self._objects = objects

    async def get(self, key: Key) -> Asset:
        """Whatever its state; raises NotFound ASSET_NOT_FOUND."""
        return (await find_all(self._assets, key[0], [key[1]]))[0]

    async def page(self, listing: Listing, *, size: int, after: tuple[datetime, str] | None) -> Page:
        """Raises InvalidArgument INVALID_FILTER."""
        if refusal := check_listing(listing):
            raise InvalidArgument(refusal.reason, refusal.message)
        listing = replace(listing, path_prefix=unicodedata.normalize("NFC", listing.path_prefix))
        return await self._assets.page(listing, size=size, after=after)

    async def links(self, project: str, ids: Sequence[str]) -> list[Links]:
        """Raises InvalidArgument TOO_MANY_NAMES, NotFound ASSET_NOT_FOUND for one that is hidden or purged too."""
        found = await find_all(self._assets, project, ids)
        for asset in found:
            if asset.state is not State.ACTIVE:
                raise _not_found(asset.name, f"it is {asset.state.lower()}")
        keys = [key for asset in found for key in (blob_key(project, asset.sha256), asset.thumbnail_key)]
        urls = await self._objects.links(keys)
        return [Links(asset, *pair) for asset, *pair in zip(found, urls[::2], urls[1::2], strict=True)]


def _not_found(name: str, why: str = "") -> NotFound:
    message = f"There is no asset {name} to show: {why}." if why else f"There is no asset {name}: look at the list."
    return NotFound("ASSET_NOT_FOUND", message, asset=name)
