"""Thumbnails: longest edge 256 pixels, upright, sRGB, JPEG; and the perceptual hash of them.

JPEG and not WebP: figures in docs/adr/0008-thumbnails.md.
"""

import io
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

MAX_EDGE = 256
MEDIA_TYPE = "image/jpeg"
QUALITY = 80
_HASH_EDGE, _HASH_LOW = 32, 8
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_90,),
}


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """The image as its EXIF orientation (1..8) wants to be seen."""
    for step in _TURNS.get(orientation, ()):
        image = image.transpose(step)
    return image


def make_thumbnail(preview: Image.Image, orientation: int, icc_profile: bytes | None) -> Image.Image:
    """RGB in sRGB, on white where the image is transparent; never larger than the image."""
    scale = min(1.0, MAX_EDGE / max(preview.size))
    size = (max(1, round(preview.width * scale)), max(1, round(preview.height * scale)))
    small = _resizable(preview)
    if size != small.size:
        # Nearly as good as bicubic where an image only shrinks, for two thirds of its cost.
        small = small.resize(size, Image.Resampling.HAMMING)
    return turn_upright(_to_srgb(small, icc_profile), orientation)


def encode_thumbnail(thumbnail: Image.Image) -> bytes:
    buffer = io.BytesIO()
    thumbnail.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _resizable(image: Image.Image) -> Image.Image:
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep grey to 8 bits: 16-bit samples by their upper byte, floats and wider integers by their own range."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    if image.mode != "F" and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0 if high > 255 else 255.0
    span = (high - low) or 1.0
    return Image.fromarray(np.uint8(np.clip((values - low) / span * 255.0, 0, 255)))


def _to_srgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    if image.mode in ("RGBA", "LA", "La", "RGBa"):
        image = _on_white(image)
    if icc_profile and image.mode in ("RGB", "CMYK") and b"sRGB" not in icc_profile[:4096]:
        converted = _through_profile(image, icc_profile)
        if converted is not None:
            return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    coloured = image.convert("RGBA")
    ground = Image.new("RGBA", coloured.size, "white")
    return Image.alpha_composite(ground, coloured).convert("RGB")


def _through_profile(image: Image.Image, icc_profile: bytes) -> Image.Image | None:
    """None when the profile is broken: a thumbnail in slightly wrong colours is better than none."""
    from PIL import ImageCms  # noqa: PLC0415 -- most images need no colour engine

    try:
        return ImageCms.applyTransform(image, _transform(icc_profile, image.mode))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


@lru_cache(maxsize=16)
def _transform(icc_profile: bytes, mode: str) -> "ImageCms.ImageCmsTransform":
    """To sRGB. Cameras have few profiles, and to build a transform costs more than to apply it to a thumbnail."""
    from PIL import ImageCms  # noqa: PLC0415 -- most images need no colour engine

    source = ImageCms.getOpenProfile(io.BytesIO(icc_profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def _dct_rows() -> np.ndarray:
    """The first rows of the DCT-II matrix."""
    positions = (np.arange(_HASH_EDGE) + 0.5) * np.pi / _HASH_EDGE
    return np.asarray(np.cos(np.outer(np.arange(_HASH_LOW), positions)))


_DCT = _dct_rows()


def perceptual_hash(thumbnail: Image.Image) -> int:
    """DCT pHash, 64 bits, the most significant bit for the lowest frequency, row by row.

    Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), in the form of
    imagehash.phash: grey, 32 × 32, the 8 × 8 lowest DCT-II coefficients, each compared with their median.
    Similar images differ in few bits.
    """
    grey = np.asarray(
        thumbnail.convert("L").resize((_HASH_EDGE, _HASH_EDGE), Image.Resampling.LANCZOS), dtype=np.float64
    )
    low = _DCT @ grey @ _DCT.T
    bits = (low > np.median(low)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
