"""What a client says of an asset before its bytes, and what was seen of the bytes: checked before anything is kept."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from annostream_ingest.domain.refusal import Refusal

MAX_PATH_BYTES = 1024
MAX_DEDUPE_KEY_BYTES = 512
_DRIVE = re.compile(r"[A-Za-z]:")
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """path: NFC.  metadata: a JSON object as text, "" for none.  size_bytes: 0, sha256: "" where not announced."""

    project: str
    path: str
    dedupe_key: str = ""
    metadata: str = ""
    size_bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """The bytes as they arrived; digests in lower-case hex."""

    sha256: str
    md5: str
    size_bytes: int


def clean_path(path: str) -> str | Refusal:
    """The path in NFC, or INVALID_PATH with what is wrong with it."""
    clean = unicodedata.normalize("NFC", path)
    if fault := _path_fault(clean):
        shown = clean[:80].encode("unicode_escape").decode() if any(map(_is_unseen, clean)) else clean[:80]
        return Refusal("INVALID_PATH", f"The path '{shown}' {fault}.")
    return clean


def _path_fault(path: str) -> str:
    segments = path.split("/")
    faults = (
        (not path, "is empty: give the file's relative path"),
        (len(path.encode(errors="replace")) > MAX_PATH_BYTES, f"is longer than {MAX_PATH_BYTES} bytes: shorten it"),
        (any(map(_is_unseen, path)), "has control characters: rename the file"),
        ("\\" in path, "has a backslash: separate folders with /"),
        (path.startswith("/") or bool(_DRIVE.match(path)), "is absolute: give it relative to the folder that you send"),
        (".." in segments, "leads out of its folder with ..: give it without"),
        ("" in segments or "." in segments, "has an empty or a . folder name: give it without"),
    )
    return next((text for wrong, text in faults if wrong), "")


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN


def check_arrival(arrival: Arrival, *, max_upload_bytes: int, max_metadata_bytes: int) -> Refusal | None:
    """What can be refused before a byte has come."""
    if len(arrival.dedupe_key.encode()) > MAX_DEDUPE_KEY_BYTES or any(map(_is_unseen, arrival.dedupe_key)):
        message = f"dedupe_key has control characters, or more than {MAX_DEDUPE_KEY_BYTES} bytes: give a shorter one."
        return Refusal("INVALID_DEDUPE_KEY", message)
    size = len(arrival.metadata.encode())
    if size > max_metadata_bytes:
        message = f"The metadata has {size:,} bytes as JSON; the limit is {max_metadata_bytes:,}. Keep it elsewhere."
        return Refusal("METADATA_TOO_LARGE", message)
    if arrival.size_bytes > max_upload_bytes:
        return too_large(arrival.size_bytes, max_upload_bytes)
    return None


def too_large(size_bytes: int, max_upload_bytes: int) -> Refusal:
    """size_bytes: what is known of it; there may be more."""
    message = (
        f"The file has {size_bytes:,} bytes or more; the limit is {max_upload_bytes:,}. "
        "Compress it, or have max_upload_bytes raised."
    )
    return Refusal("TOO_LARGE", message)


def check_received(arrival: Arrival, received: Received) -> Refusal | None:
    """Whether all came, and came whole."""
    if received.size_bytes == 0:
        return Refusal("EMPTY_FILE", "The file is empty. Check that it was copied whole, and send it again.")
    if arrival.size_bytes and arrival.size_bytes != received.size_bytes:
        message = f"{arrival.size_bytes:,} bytes were announced and {received.size_bytes:,} arrived. Send it again."
        return Refusal("CHECKSUM_MISMATCH", message)
    if arrival.sha256 and arrival.sha256.lower() != received.sha256:
        message = f"What arrived has the SHA-256 {received.sha256}, not the one in the header. Send it again."
        return Refusal("CHECKSUM_MISMATCH", message)
    return None
