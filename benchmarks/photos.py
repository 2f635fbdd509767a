"""Photos to send: real JPEGs of about 86 KB, and large ones of about 3 MB of which any number differ in bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.photos import distinct_photos, sample_photos

SIZE = (972, 729)
_LARGE_SIZE = (4000, 3000)
_LARGE_ORIGINALS = 3
_AFTER_START_OF_IMAGE = 2


def small_photos(directory: Path, count: int) -> list[Path]:
    """Distinct in bytes and pixels, about 86 KB each; those that are there already are taken."""
    made = sorted(directory.glob("photo_*.jpg"))
    return made[:count] if len(made) >= count else distinct_photos(directory, count, size=SIZE)


def large_originals() -> list[bytes]:
    """JPEGs of 12 megapixels and about 3 MB: enlarged samples with a sensor's noise."""
    return [_large(path, seed) for seed, path in enumerate(sample_photos()[:_LARGE_ORIGINALS])]


def large_photos(originals: list[bytes], total_bytes: int, run: str) -> Iterator[tuple[str, bytes]]:
    """Path and bytes, until `total_bytes` are reached: each original over and over, with a comment of its own."""
    sent = number = 0
    while sent < total_bytes:
        photo = with_comment(originals[number % len(originals)], f"{run} {number}")
        yield f"{run}/{number:06}.jpg", photo
        sent += len(photo)
        number += 1


def with_comment(jpeg: bytes, text: str) -> bytes:
    """The same pixels in other bytes: a COM segment after the start-of-image marker."""
    body = text.encode()
    segment = b"\xff\xfe" + (len(body) + 2).to_bytes(2, "big") + body
    return jpeg[:_AFTER_START_OF_IMAGE] + segment + jpeg[_AFTER_START_OF_IMAGE:]


def _large(path: Path, seed: int) -> bytes:
    with Image.open(path) as image:
        enlarged = np.asarray(image.convert("RGB").resize(_LARGE_SIZE, Image.Resampling.BICUBIC), dtype=np.int16)
    noise = np.random.default_rng(seed).integers(-9, 10, (*enlarged.shape[:2], 1), dtype=np.int16)
    out = io.BytesIO()
    noisy = np.clip(enlarged + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(out, "JPEG", quality=85)
    return out.getvalue()
