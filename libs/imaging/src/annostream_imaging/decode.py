"""Strict decode: one pass over the pixels that refuses what is damaged and yields a preview.

JPEG by simplejpeg (libjpeg-turbo with warnings as errors; scaled in the DCT, so all coded data is read, and few
pixels are made), HEIC by pillow-heif, the others by Pillow after a walk over their structure.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import AvifImagePlugin, Image

from annostream_imaging.containers import jpeg, tiff
from annostream_imaging.containers.layout import Layout
from annostream_imaging.formats import ImageFormat
from annostream_imaging.rejection import Reason, Refused, damaged, truncated
from annostream_imaging.structure import read_layout

PREVIEW_EDGE = 512
"""The preview's longer edge has at least so many pixels, where the image has them."""
JPEG_PREVIEW_EDGE = 300
"""Less for JPEG: scaling in the DCT is a good filter of its own, and its cost falls with the pixels made."""

# We count pixels ourselves before any decode, with a limit that is a setting.
Image.MAX_IMAGE_PIXELS = None
# One image, one core: the pool of workers is what runs in parallel.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

_DECODER_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
)
_DECODER_ERRORS += (struct.error, zlib.error, RuntimeError, AttributeError, ArithmeticError, AssertionError)
_HARMLESS_JPEG = ("Unknown Adobe color transform", "unknown JFIF revision", "Invalid SOS parameters for sequential")
_ORIENTATION = 0x0112
_MAX_BYTES_PER_PIXEL = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image may cost. Pixels are width × height of a frame; frames count pages and animation."""

    max_image_bytes: int = 256 << 20
    max_image_pixels: int = 200_000_000
    max_frames: int = 10_000


@dataclass(frozen=True, slots=True)
class Picture:
    """`width` and `height` are as decoded. `preview` is small, turned alike, and in the colours of `icc_profile`.

    `turn` is the orientation (1..8) that still has to be applied to both, where the decoder has a say in it: Pillow
    turns TIFF, libheif turns HEIC, and AVIF is left to us. None: nobody has looked at EXIF's.
    """

    width: int
    height: int
    frames: int
    colour_mode: str
    has_alpha: bool
    preview: Image.Image
    icc_profile: bytes | None
    turn: int | None = None


def decode(
    data: bytes, image_format: ImageFormat, limits: Limits | None = None, layout: Layout | None = None
) -> Picture:
    """Decodes strictly. Raises Refused with TRUNCATED_IMAGE, DAMAGED_IMAGE, TOO_MANY_PIXELS, TOO_MANY_FRAMES,
    UNSUPPORTED_TYPE. Of animations and pages all frames are decoded until `max_image_pixels` are spent; those after
    it are checked by structure alone."""
    limits = limits or Limits()
    layout = layout or read_layout(data, image_format)
    _require_within(layout.width, layout.height, layout.frames, limits)
    try:
        if isinstance(layout, jpeg.JpegLayout):
            return _decode_jpeg(data, layout)
        if image_format == "tiff":
            tiff.require_sound_deflate(data, limits.max_image_pixels * _MAX_BYTES_PER_PIXEL)
        if image_format == "heic":
            return _decode_heic(data[: layout.end], limits)
        return _decode_by_pillow(data[: layout.end], image_format, layout, limits)
    except _DECODER_ERRORS as error:
        if "truncated" in str(error):
            raise truncated(f"{image_format.upper()}: {error}") from error
        raise damaged(f"{image_format.upper()}: {error}") from error


def _require_within(width: int, height: int, frames: int, limits: Limits) -> None:
    if width * height > limits.max_image_pixels:
        raise Refused(
            Reason.TOO_MANY_PIXELS,
            f"The image has {width} × {height} pixels; the limit is {limits.max_image_pixels:,} pixels. "
            "Scale it down or cut it into tiles, or have max_image_pixels raised.",
        )
    if frames > limits.max_frames:
        raise Refused(
            Reason.TOO_MANY_FRAMES,
            f"The file has {frames:,} frames; the limit is {limits.max_frames:,}. Split it, or have max_frames raised.",
        )


def _decode_jpeg(data: bytes, layout: jpeg.JpegLayout) -> Picture:
    mode = {1: "GRAY", 3: "RGB", 4: "CMYK"}[layout.components]
    longest = max(layout.width, layout.height)
    rows = -(-layout.height * JPEG_PREVIEW_EDGE // longest)
    columns = -(-layout.width * JPEG_PREVIEW_EDGE // longest)

    def strict(source: bytes) -> np.ndarray:
        pixels: np.ndarray = simplejpeg.decode_jpeg(source, mode, min_height=rows, min_width=columns)
        return pixels

    if layout.stray_bytes:
        pixels = strict(jpeg.plain_copy(data, layout))
    else:
        pixels = _strict_but_not_silly(strict, data, layout)
    preview = _as_image(pixels, mode)
    return Picture(layout.width, layout.height, 1, preview.mode, False, preview, _jpeg_profile(data, layout))


def _as_image(pixels: np.ndarray, mode: str) -> Image.Image:
    size = (pixels.shape[1], pixels.shape[0])
    if mode == "CMYK":
        # Adobe stores ink as its absence, and every reader takes it so.
        return Image.frombytes("CMYK", size, (255 - pixels).tobytes())
    return Image.frombytes("L" if mode == "GRAY" else "RGB", size, pixels.tobytes())


def _strict_but_not_silly(strict: Callable[[bytes], np.ndarray], data: bytes, layout: jpeg.JpegLayout) -> np.ndarray:
    """Cameras write odd headers that every reader forgives; their coded data must be sound all the same."""
    try:
        return strict(data)
    except ValueError as error:
        if not any(warning in str(error) for warning in _HARMLESS_JPEG):
            raise
        return strict(jpeg.plain_copy(data, layout))


def _jpeg_profile(data: bytes, layout: jpeg.JpegLayout) -> bytes | None:
    head = b"ICC_PROFILE\0"
    parts = sorted(
        (data[segment.body[0] + len(head)], data[segment.body[0] + len(head) + 2 : segment.body[1]])
        for segment in layout.segments
        if segment.marker == 0xE2 and data.startswith(head, segment.body[0]) and segment.body[1] - segment.body[0] > 14
    )
    return b"".join(part for _, part in parts) or None


def _decode_heic(data: bytes, limits: Limits) -> Picture:
    import pillow_heif  # noqa: PLC0415 -- 30 MB that only HEIC needs

    pillow_heif.options.DECODE_THREADS = 1
    found = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    for frame in found:
        _require_within(*frame.size, len(found), limits)
    main = found[found.primary_index]
    preview = _shrink(main.to_pillow())
    spent = main.size[0] * main.size[1]
    for frame in (found[index] for index in range(len(found)) if index != found.primary_index):
        spent += frame.size[0] * frame.size[1]
        if spent <= limits.max_image_pixels:
            frame.to_pillow()
    profile = main.info.get("icc_profile")
    icc_profile = profile if isinstance(profile, bytes) else None
    return Picture(*main.size, len(found), main.mode, "A" in main.mode, preview, icc_profile, turn=1)


def _decode_by_pillow(data: bytes, image_format: ImageFormat, layout: Layout, limits: Limits) -> Picture:
    with Image.open(io.BytesIO(data), formats=[image_format.upper()]) as image:
        frames = max(layout.frames, int(getattr(image, "n_frames", 1)) if image_format == "avif" else 1)
        _require_within(*image.size, frames, limits)
        turn = _turn_left_to_us(image, image_format)
        width, height, mode = *image.size, _stored_mode(image, layout)
        has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
        profile = image.info.get("icc_profile")
        image.load()
        preview = _shrink(image)
        _decode_other_frames(image, frames, limits)
    return Picture(width, height, frames, mode, has_alpha, preview, profile, turn)


def _turn_left_to_us(image: Image.Image, image_format: ImageFormat) -> int | None:
    if image_format == "tiff":
        return 1
    return int(image.getexif().get(_ORIENTATION, 1)) if image_format == "avif" else None


def _stored_mode(image: Image.Image, layout: Layout) -> str:
    """Pillow reads 16-bit colour as 8-bit: the mode still says what the file holds."""
    deep = layout.bits_per_sample > 8 and image.mode in ("RGB", "RGBA", "LA")
    return f"{image.mode};16" if deep else image.mode


def _decode_other_frames(image: Image.Image, frames: int, limits: Limits) -> None:
    spent = image.size[0] * image.size[1]
    for index in range(1, frames):
        image.seek(index)
        _require_within(*image.size, frames, limits)
        spent += image.size[0] * image.size[1]
        if spent > limits.max_image_pixels:
            return
        image.load()


def _shrink(image: Image.Image) -> Image.Image:
    """A copy by whole-number averaging, its longer edge between 512 and 1,023 pixels; small images as they are."""
    factor = max(image.size) // PREVIEW_EDGE
    if factor < 2:
        return image.copy()
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if image.mode in ("1", "I;16B", "I;16L", "I;16N"):
        image = image.convert("L" if image.mode == "1" else "I")
    if image.mode == "I;16":
        return image.resize((max(1, image.width // factor), max(1, image.height // factor)))
    return image.reduce(factor)
