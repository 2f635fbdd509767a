"""Train or val: by a hash of the asset, so that an item stays where it is while a project grows."""

from __future__ import annotations

import hashlib


def split_point(asset: str) -> float:
    """A number in [0, 1) from the asset's name alone."""
    return int.from_bytes(hashlib.sha256(asset.encode()).digest()[:6], "big") / 2**48


def is_train(point: float, *, train_fraction: float, lowest: float, highest: float) -> bool:
    """lowest and highest: of all points. With two items or more, neither side is ever empty."""
    if lowest == highest:
        return True
    return point != highest and (point < train_fraction or point == lowest)
