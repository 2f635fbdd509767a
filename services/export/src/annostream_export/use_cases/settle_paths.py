"""The paths of assets in exports, settled among all assets that the project has, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.path import (
    Claim,
    ExportPaths,
    PathKey,
    named_after,
    path_key,
    settle,
    short_id,
    suffixed_stem,
)
from annostream_export.ports import PathClaims


async def settled_paths(view: PathClaims, project: str, assets: Sequence[asset_pb2.Asset]) -> dict[str, ExportPaths]:
    """By the name of the asset."""
    keys = {asset.name: path_key(asset.path, asset.media_type) for asset in assets}
    mine = {a.name: Claim(a.create_time.ToMicroseconds(), a.name, keys[a.name].suffix) for a in assets}
    rivals = await _rivals(view, project, {key.stem for key in keys.values()})
    settled = {a.name: settle(a.path, a.media_type, mine[a.name], rivals[keys[a.name].stem]) for a in assets}
    renamed = {name: keys[name] for name, paths in settled.items() if paths.renamed}
    if renamed:
        taken = await _taken(view, project, renamed)
        for a in assets:
            if any(claim < mine[a.name] for claim in taken.get(a.name, ())):
                settled[a.name] = settle(a.path, a.media_type, mine[a.name], rivals[keys[a.name].stem], whole=True)
    return settled


async def _rivals(view: PathClaims, project: str, stems: Iterable[str]) -> dict[str, list[Claim]]:
    """Who wants each stem, and who would have it as a second name."""
    claims = await view.path_claims(project, stems)
    named = {stem: after for stem in stems if (after := named_after(stem))}
    others = await view.claims_by_id(project, named.values()) if named else {}
    return {stem: [*claims.get(stem, ()), *(others.get(named[stem], ()) if stem in named else ())] for stem in stems}


async def _taken(view: PathClaims, project: str, renamed: Mapping[str, PathKey]) -> dict[str, list[Claim]]:
    """By the name of each renamed asset: who wants its second name, or has the same one."""
    second = {name: suffixed_stem(key.stem, name) for name, key in renamed.items()}
    twins = {name: (key.stem, short_id(name)) for name, key in renamed.items()}
    claims = await view.path_claims(project, second.values())
    same = await view.claims_by_id(project, twins.values())
    return {name: [*claims.get(second[name], ()), *same.get(twins[name], ())] for name in renamed}
