"""Small photos of these tests."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

RED = (255, 0, 0)


def photo(seed: int, width: int = 96, height: int = 64) -> bytes:
    """A JPEG unlike any of another seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST).save(out, "JPEG", quality=92)
    return out.getvalue()


def turned_photo(place: tuple[int, int, int, int], width: int = 100, height: int = 200, *, gps: bool = False) -> bytes:
    """Upright `width` × `height`, grey, with a red box at x, y, w, h; stored turned, with EXIF orientation 6."""
    x, y, w, h = place
    upright = np.full((height, width, 3), 128, dtype=np.uint8)
    upright[y : y + h, x : x + w] = RED
    # Orientation 6 is shown by turning 90 degrees clockwise, so it is stored turned the other way.
    stored = Image.fromarray(np.rot90(upright, 1).copy())
    exif = Image.Exif()
    exif[0x0112] = 6
    if gps:
        exif.get_ifd(0x8825)[1] = "N"
        exif.get_ifd(0x8825)[2] = (37.0, 33.0, 0.0)
    out = io.BytesIO()
    stored.save(out, "JPEG", quality=95, subsampling=0, exif=exif)
    return out.getvalue()
