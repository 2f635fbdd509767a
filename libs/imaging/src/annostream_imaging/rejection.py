"""Why a file is refused: stable reasons, each with a sentence that says what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Stable names; clients and records keep them."""

    EMPTY_FILE = "EMPTY_FILE"
    UNSUPPORTED_TYPE = "UNSUPPORTED_TYPE"
    TRUNCATED_IMAGE = "TRUNCATED_IMAGE"
    DAMAGED_IMAGE = "DAMAGED_IMAGE"
    TOO_LARGE = "TOO_LARGE"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    TOO_MANY_FRAMES = "TOO_MANY_FRAMES"
    DECODE_CRASHED = "DECODE_CRASHED"
    DECODE_TIMED_OUT = "DECODE_TIMED_OUT"
    DECODE_OUT_OF_MEMORY = "DECODE_OUT_OF_MEMORY"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A file that was not taken, and what its owner can do about it."""

    reason: Reason
    message: str


class Refused(Exception):
    """Raised by every check of this package; the rejection is in `rejection`."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.rejection = Rejection(reason, message)


def truncated(what: str) -> Refused:
    """The file ends before the image does."""
    return Refused(
        Reason.TRUNCATED_IMAGE, f"The file ends before the image does ({what}). Copy it again from its source."
    )


def damaged(what: str) -> Refused:
    """The file is all there, but its bytes cannot be a picture."""
    return Refused(
        Reason.DAMAGED_IMAGE, f"The image data is damaged ({what}). Copy it again from its source, or save it anew."
    )


def unsupported(what: str) -> Refused:
    """The file is something that is not read here."""
    return Refused(
        Reason.UNSUPPORTED_TYPE,
        f"This looks like {what}. Send JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC.",
    )
