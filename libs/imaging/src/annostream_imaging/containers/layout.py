"""What a walk over a file finds: sizes and the places of metadata."""

from dataclasses import dataclass

Span = tuple[int, int]
"""Start and end offsets of bytes in the file, end excluded."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`width` and `height` are as stored, before orientation; 0 where only the decoder can tell (AVIF, HEIC).

    `frames` counts pictures in the file. `exif` spans start at the TIFF header. `end` is where the image ends;
    what follows is trailing data, which is no damage.
    """

    width: int
    height: int
    frames: int
    end: int
    exif: tuple[Span, ...] = ()
    xmp: tuple[Span, ...] = ()
    bits_per_sample: int = 8


def exif_body(data: bytes, start: int, end: int) -> Span:
    """The span without the `Exif\\0\\0` that some writers put before the TIFF header."""
    return (start + 6, end) if data[start : start + 6] == b"Exif\0\0" else (start, end)
