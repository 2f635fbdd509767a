"""Upright copies: pixels as they are meant to be seen, and no orientation left to obey."""

import io
from typing import Any

from PIL import Image

from annostream_imaging import exif, xmp
from annostream_imaging.containers import jpeg, webp
from annostream_imaging.containers.layout import Span
from annostream_imaging.formats import ImageFormat
from annostream_imaging.metadata import strip_gps
from annostream_imaging.rejection import damaged
from annostream_imaging.structure import read_layout
from annostream_imaging.thumbnail import turn_upright

_JPEG_QUALITY = 95
_LOSSLESS_TIFF = {"raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits", "group3", "group4"}


def upright_copy(data: bytes, image_format: ImageFormat, orientation: int, keep_gps: bool) -> bytes:
    """An image of the same format that needs no turning; the same bytes where nothing is to be done.

    Orientation 1: the file, without GPS unless `keep_gps`; pixels untouched. Else decoded, turned, encoded anew:
    JPEG at quality 95 with the sampling of the original turned along (a lossless turn exists only for whole blocks),
    WebP lossless if it was, else at 95, AVIF at 90, PNG and TIFF without loss (but 16-bit colour becomes 8-bit: the
    reader has no more). EXIF, XMP and colour profile go along (of a TIFF only the profile), the embedded thumbnail
    does not.
    HEIC turns by a box of its own that every reader obeys, so it is upright as it is.
    For files that passed a strict decode; raises Refused where one cannot be read all the same.
    """
    if not keep_gps:
        data = strip_gps(data, image_format)
    if orientation == 1 or image_format == "heic":
        return data
    try:
        return _turned(data, image_format, orientation)
    except (OSError, ValueError, SyntaxError) as error:
        raise damaged(f"{image_format.upper()}: {error}") from error


def _turned(data: bytes, image_format: ImageFormat, orientation: int) -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data), formats=[image_format.upper()]) as image:
        options = _save_options(data, image_format, image, orientation)
        pages = []
        # What follows a JPEG (depth maps, other views) is no page of it.
        for index in range(1 if image_format == "jpeg" else int(getattr(image, "n_frames", 1))):
            image.seek(index)
            # Pillow turns a TIFF as it loads it.
            pages.append(image.copy() if image_format == "tiff" else turn_upright(image.copy(), orientation))
        if len(pages) > 1:
            options.update(save_all=True, append_images=pages[1:])
        pages[0].save(buffer, image_format.upper(), **options)
    return buffer.getvalue()


def _save_options(data: bytes, image_format: ImageFormat, image: Image.Image, orientation: int) -> dict[str, Any]:
    options: dict[str, Any] = _metadata_options(data, image_format)
    if profile := image.info.get("icc_profile"):
        options["icc_profile"] = profile
    match image_format:
        case "jpeg":
            options |= {"quality": _JPEG_QUALITY, "subsampling": _sampling(data, orientation)}
        case "webp":
            options |= {"lossless": True, "exact": True} if webp.is_lossless(data) else {"quality": 95}
        case "avif":
            options |= {"quality": 90}
        case "tiff":
            packing = image.info.get("compression", "raw")
            options |= {"compression": packing if packing in _LOSSLESS_TIFF else "tiff_lzw"}
    return options


def _metadata_options(data: bytes, image_format: ImageFormat) -> dict[str, Any]:
    if image_format == "tiff":
        return {}
    layout = read_layout(data, image_format)
    options: dict[str, Any] = {}
    if layout.exif:
        options["exif"] = _prefix(image_format) + _edited(data, layout.exif[0], exif.set_upright)
    if layout.xmp and image_format in ("jpeg", "webp", "avif"):
        options["xmp"] = _edited(data, layout.xmp[0], xmp.set_upright)
    return options


def _prefix(image_format: ImageFormat) -> bytes:
    return jpeg.EXIF_HEADER if image_format in ("jpeg", "webp") else b""


def _edited(data: bytes, span: Span, edit: Any) -> bytes:
    copy = bytearray(data[span[0] : span[1]])
    edit(copy, (0, len(copy)))
    return bytes(copy)


def _sampling(data: bytes, orientation: int) -> str:
    """Chroma sampling of the copy: a quarter turn makes 4:2:2 upright, which Pillow cannot write, so 4:4:4 then."""
    factors = jpeg.read(data).sampling[0] if len(jpeg.read(data).sampling) == 3 else (1, 1)
    if factors == (2, 1) and orientation < 5:
        return "4:2:2"
    return "4:2:0" if factors == (2, 2) else "4:4:4"
