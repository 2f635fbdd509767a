"""Links to images: given again for a while, for a browser keeps an image by its link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from annostream_ingest.outbound.s3 import S3Objects
from annostream_kit.objects import Objects


class Signing:
    """Stands for the kit's Objects: each signature differs."""

    def __init__(self) -> None:
        self.signed: list[str] = []

    async def presigned_gets(self, keys: Sequence[str]) -> Sequence[str]:
        self.signed += keys
        return [f"{key}?{len(self.signed)}-{place}" for place, key in enumerate(keys)]


@pytest.mark.parametrize(("link_seconds", "signed"), [(1800, ["a", "b", "c"]), (0, ["a", "b", "c", "b"])])
async def test_a_link_is_given_again_until_it_is_too_old(link_seconds: int, signed: list[str]) -> None:
    signing = Signing()
    objects = S3Objects(cast("Objects", signing), link_seconds=link_seconds)
    first = await objects.links(["a", "b", "a"])
    assert first[0] == first[2]
    again = await objects.links(["c", "b"])
    assert signing.signed == signed
    assert (again[1] == first[1]) is (link_seconds > 0)
