"""What we know of an image after one strict decode."""

from dataclasses import dataclass
from datetime import datetime

from annostream_imaging import (
    MEDIA_TYPES,
    ImageFormat,
    Limits,
    Metadata,
    Picture,
    Reason,
    Refused,
    Rejection,
    decode,
    read_metadata,
    sniff,
)
from annostream_imaging.structure import read_layout
from annostream_imaging.thumbnail import MEDIA_TYPE, encode_thumbnail, make_thumbnail, perceptual_hash

_SWAPS_SIDES = 5


@dataclass(frozen=True, slots=True)
class Inspection:
    """Facts of an accepted image.

    `width` and `height` are pixels of the upright image; `orientation` (1..8) is what a reader that ignores EXIF must
    still apply. `captured_at` is naive when the camera wrote no offset from UTC. `gps` is (latitude, longitude) in
    degrees. `phash` is the 64-bit DCT hash of the thumbnail, unsigned (see annostream_imaging.thumbnail).
    """

    format: ImageFormat
    media_type: str
    width: int
    height: int
    orientation: int
    frames: int
    colour_mode: str
    has_alpha: bool
    captured_at: datetime | None
    camera: str | None
    gps: tuple[float, float] | None
    phash: int
    thumbnail: bytes
    thumbnail_media_type: str


def inspect_image(data: bytes, limits: Limits | None = None) -> Inspection | Rejection:
    """Decodes once, strictly. Runs in this process: for bytes of strangers, ask a DecodePool."""
    limits = limits or Limits()
    try:
        return _inspect(data, limits)
    except Refused as refusal:
        return refusal.rejection


def too_large(size_bytes: int, limits: Limits) -> Rejection | None:
    """The rejection of a file that is longer than the limit."""
    if size_bytes <= limits.max_image_bytes:
        return None
    return Rejection(
        Reason.TOO_LARGE,
        f"The file has {size_bytes:,} bytes; the limit is {limits.max_image_bytes:,}. "
        "Compress the image or have max_image_bytes raised.",
    )


def _inspect(data: bytes, limits: Limits) -> Inspection | Rejection:
    if rejection := too_large(len(data), limits):
        return rejection
    image_format = sniff(data)
    layout = read_layout(data, image_format)
    picture = decode(data, image_format, limits, layout)
    return _facts(image_format, picture, read_metadata(data, image_format, layout))


def _facts(image_format: ImageFormat, picture: Picture, metadata: Metadata) -> Inspection:
    orientation = metadata.orientation if metadata.orientation > 1 else picture.turn or 1
    turn = orientation if picture.turn is None else picture.turn
    swapped = turn >= _SWAPS_SIDES
    thumbnail = make_thumbnail(picture.preview, turn, picture.icc_profile)
    return Inspection(
        format=image_format,
        media_type=MEDIA_TYPES[image_format],
        width=picture.height if swapped else picture.width,
        height=picture.width if swapped else picture.height,
        orientation=orientation,
        frames=picture.frames,
        colour_mode=picture.colour_mode,
        has_alpha=picture.has_alpha,
        captured_at=metadata.captured_at,
        camera=metadata.camera,
        gps=metadata.gps,
        phash=perceptual_hash(thumbnail),
        thumbnail=encode_thumbnail(thumbnail),
        thumbnail_media_type=MEDIA_TYPE,
    )
