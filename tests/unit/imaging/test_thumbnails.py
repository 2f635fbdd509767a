"""Thumbnails and the perceptual hash of them."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from annostream_imaging import ImageFormat, decode, hash_bytes, hash_file
from annostream_imaging.thumbnail import encode_thumbnail, make_thumbnail, perceptual_hash, turn_upright
from tests.photos import SAMPLES, sample_photos
from tests.unit.imaging.pictures import FORMATS, encode, encoded, exif, scene


def hash_of(data: bytes, image_format: ImageFormat) -> int:
    picture = decode(data, image_format)
    return perceptual_hash(make_thumbnail(picture.preview, 1, picture.icc_profile))


@given(quality=st.integers(50, 95), scale=st.floats(0.6, 2.5))
@settings(max_examples=40, deadline=None)
def test_the_hash_survives_scaling_and_encoding_anew(quality: int, scale: float) -> None:
    again = encode(scene(int(450 * scale), int(300 * scale)), "jpeg", quality=quality)
    assert (hash_of(again, "jpeg") ^ hash_of(encode(scene(450, 300), "png"), "png")).bit_count() <= 6


@pytest.mark.parametrize("image_format", FORMATS)
def test_the_hash_is_nearly_the_same_in_every_format(image_format: ImageFormat) -> None:
    assert (hash_of(encoded(image_format), image_format) ^ hash_of(encoded("png"), "png")).bit_count() <= 4


def test_different_photos_have_distant_hashes() -> None:
    hashes = [hash_of(path.read_bytes(), "jpeg") for path in sample_photos() if path.suffix == ".jpg"]
    distances = [(one ^ other).bit_count() for index, one in enumerate(hashes) for other in hashes[:index]]
    assert min(distances) > 10


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_agrees_with_pillow(orientation: int) -> None:
    data = encode(scene(), "png", exif=exif(orientation=orientation))
    with Image.open(io.BytesIO(data)) as image:
        wanted = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(np.asarray(turn_upright(scene(), orientation)), wanted)


def test_the_longest_edge_is_256_and_small_images_stay_small() -> None:
    assert make_thumbnail(scene(2000, 10), 1, None).size == (256, 1)
    assert make_thumbnail(scene(20, 10), 6, None).size == (10, 20)


def test_a_colour_profile_is_turned_into_srgb() -> None:
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with Image.open(SAMPLES / "rocket.jpg") as image:
        profile = image.info["icc_profile"]
    assert b"sRGB" in swapped or profile != swapped
    plain, shown = make_thumbnail(scene(), 1, None), make_thumbnail(scene(), 1, profile)
    assert shown.mode == "RGB"
    assert not np.array_equal(np.asarray(plain), np.asarray(shown))


def test_a_broken_colour_profile_is_ignored() -> None:
    thumbnail = make_thumbnail(scene(), 1, b"no profile at all")
    assert np.array_equal(np.asarray(thumbnail), np.asarray(make_thumbnail(scene(), 1, None)))


def test_a_thumbnail_is_a_jpeg() -> None:
    with Image.open(io.BytesIO(encode_thumbnail(scene()))) as image:
        assert (image.format, image.size) == ("JPEG", scene().size)


def test_a_file_and_its_bytes_have_equal_digests() -> None:
    path = SAMPLES / "gravel.png"
    assert hash_file(path) == hash_bytes(path.read_bytes())
    assert hash_bytes(b"abc").sha256.startswith("ba7816bf")
    assert hash_bytes(b"abc").md5 == "900150983cd24fb0d6963f7d28e17f72"
