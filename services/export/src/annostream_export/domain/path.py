"""Paths in exports: the original ones, safe on every system, and never two of one name.

Two assets collide where their paths are equal but for case and Unicode form, and in YOLO, whose label files have the
image's name, also where they differ by the suffix alone. Among all assets that the project ever had, the one created
first keeps its path; each other one gets `-<first 8 of its id>`, or its whole id where an earlier asset has that name.
A path that is another, earlier asset's with its id (as in an export that is ingested again) counts as that one's. So a
later asset never renames an earlier one, and the order in which events arrive does not matter. A purge alone forgets a
path: then the next asset has it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
# Nearly all paths are of this form, and safe as they are: 45 characters are at most 180 bytes.
_PLAIN = re.compile(
    r"(?:(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[./]|$))[\w-]+(?:[. ][\w-]+)*(?:/(?!$)|$))+", re.IGNORECASE
)
_PLAIN_LENGTH = 45
_SEGMENT_BYTES = 180
_PATH_BYTES = 600
_ID_CHARACTERS = 8
_ID = re.compile(r"[a-z0-9]{8,}")
_IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


# (folded stem, how the id of an asset begins)
StemAndId = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PathKey:
    """What must differ. stem: of the YOLO path without suffix, folded; suffix: folded, with its dot."""

    stem: str
    suffix: str


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """An asset that wants a path; the smallest one has it."""

    created_micros: int
    asset: str
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class ExportPaths:
    """file: in COCO and JSON Lines.  yolo: where label files stand beside, named by the stem."""

    file: str
    yolo: str
    renamed: bool = False


def safe_path(path: str) -> str:
    """NFC, relative, no `..`, nothing that Windows forbids, bounded; never empty."""
    if len(path) <= _PLAIN_LENGTH and _PLAIN.fullmatch(path) and unicodedata.is_normalized("NFC", path):
        return path
    parts = [_safe_part(part) for part in unicodedata.normalize("NFC", path).replace("\\", "/").split("/")]
    kept = [part for part in parts if part]
    while len("/".join(kept).encode()) > _PATH_BYTES:
        kept = kept[1:]
    return "/".join(kept) or "unnamed"


def _safe_part(part: str) -> str:
    if part in ("", ".", ".."):
        return ""
    part = _FORBIDDEN.sub("_", part)
    part = re.sub(r"[. ]+$", lambda end: "_" * len(end.group()), part)
    if _DEVICES.match(part):
        part = f"_{part}"
    stem, suffix = split_suffix(part)
    if len(part.encode()) > _SEGMENT_BYTES:
        stem = stem.encode()[: _SEGMENT_BYTES - len(suffix.encode())].decode(errors="ignore")
    return stem + suffix


def split_suffix(path: str) -> tuple[str, str]:
    """`a/b.tar.gz` -> (`a/b.tar`, `.gz`); a suffix of more than 10 characters is none."""
    start, dot = path.rfind("/") + 1, path.rfind(".")
    if not start < dot < len(path) - 1 or len(path) - dot > 10:
        return path, ""
    return path[:dot], path[dot:]


def yolo_path(safe: str, media_type: str) -> str:
    """A path that Ultralytics finds the labels of.

    It takes the last folder called `images` for the root of all, and passes over files without an image's suffix.
    """
    *folders, name = safe.split("/")
    folders = ["images_" if folder.casefold() == "images" else folder for folder in folders]
    if split_suffix(name)[1].lower() not in _IMAGE_SUFFIXES:
        name += "." + media_type.rsplit("/", 1)[-1].replace("jpeg", "jpg")
    return "/".join([*folders, name])


def path_key(path: str, media_type: str) -> PathKey:
    """Equal stems collide in YOLO, equal keys everywhere."""
    stem, suffix = split_suffix(yolo_path(safe_path(path), media_type))
    return PathKey(_fold(stem), _fold(suffix))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def suffixed(path: str, asset: str, *, whole: bool = False) -> str:
    """`a/001.jpg` of asset `k3x9…` -> `a/001-k3x9….jpg`; asset is its id, of which 8 characters serve, or the whole."""
    stem, suffix = split_suffix(path)
    return f"{stem}-{asset if whole else asset[:_ID_CHARACTERS]}{suffix}"


def suffixed_stem(stem: str, asset: str) -> str:
    """The folded stem that an asset of this folded stem and name has when it is renamed."""
    return f"{stem}-{short_id(asset)}"


def short_id(asset: str) -> str:
    """The characters of an asset's id that tell it apart."""
    return asset.rsplit("/", 1)[-1][:_ID_CHARACTERS]


def named_after(stem: str) -> StemAndId | None:
    """Whose second name this stem may be: `a/001-k3x9…` -> (`a/001`, `k3x9…`)."""
    base, _, tail = stem.rpartition("-")
    return (base, tail) if base and _ID.fullmatch(tail) else None


def settle(path: str, media_type: str, mine: Claim, rivals: Sequence[Claim], *, whole: bool = False) -> ExportPaths:
    """The paths of an asset whose stem these rivals share: of each suffix, the first one says all.

    whole: where the short suffix is taken as well.
    """
    safe = safe_path(path)
    earlier = [rival for rival in rivals if rival < mine and rival.asset != mine.asset]
    asset = mine.asset.rsplit("/", 1)[-1]
    # A file without an image's suffix has one in YOLO alone: files of other kinds may have its very name.
    own_suffix = _fold(split_suffix(safe)[1]) == mine.suffix
    same_file = any(rival.suffix == mine.suffix or not own_suffix for rival in earlier)
    yolo = yolo_path(safe, media_type)
    return ExportPaths(
        file=suffixed(safe, asset, whole=whole) if same_file else safe,
        yolo=suffixed(yolo, asset, whole=whole) if earlier else yolo,
        renamed=bool(earlier),
    )
