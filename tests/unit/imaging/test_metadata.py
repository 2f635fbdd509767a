"""Facts from EXIF, and copies without the place."""

import io
from datetime import datetime, timedelta, timezone

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from annostream_imaging import ImageFormat, read_metadata, sniff, strip_gps
from annostream_imaging.containers import jpeg
from annostream_imaging.exif import read_exif
from tests.unit.imaging.pictures import PILLOW_NAMES, XMP_WITH_PLACE, encode, exif, scene

WITH_EXIF: tuple[ImageFormat, ...] = ("jpeg", "png", "webp", "tiff", "avif", "heic")
WITH_XMP: tuple[ImageFormat, ...] = ("jpeg", "webp", "avif", "heic", "tiff")


def pixels(data: bytes) -> np.ndarray:
    pillow_heif.register_heif_opener()
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def exif_of(data: bytes) -> Image.Exif:
    with Image.open(io.BytesIO(data)) as image:
        return image.getexif()


@pytest.mark.parametrize("image_format", WITH_EXIF)
def test_capture_time_camera_and_place_are_read(image_format: ImageFormat) -> None:
    block = exif(place=True, taken="2023:12:31 23:59:58", offset="-03:30")
    facts = read_metadata(encode(scene(), image_format, exif=block), image_format)
    assert facts.captured_at == datetime(2023, 12, 31, 23, 59, 58, tzinfo=timezone(-timedelta(hours=3, minutes=30)))
    assert facts.camera == "Nikon Z 6"
    assert facts.gps == (-33.86, 151.21)


def test_a_capture_time_without_offset_stays_naive() -> None:
    facts = read_metadata(encode(scene(), "jpeg", exif=exif(taken="2023:12:31 23:59:58")), "jpeg")
    assert facts.captured_at is not None
    assert facts.captured_at.tzinfo is None


@pytest.mark.parametrize("taken", ["0000:00:00 00:00:00", "yesterday", "    :  :     :  :  "])
def test_a_capture_time_that_is_none_is_none(taken: str) -> None:
    assert read_metadata(encode(scene(), "jpeg", exif=exif(taken=taken)), "jpeg").captured_at is None


@given(block=st.binary(max_size=200))
@settings(max_examples=300)
def test_a_broken_exif_block_says_nothing_and_breaks_nothing(block: bytes) -> None:
    data = b"II*\0\x08\0\0\0" + block
    assert 1 <= read_exif(data, (0, len(data))).orientation <= 8


@pytest.mark.parametrize("image_format", WITH_EXIF)
def test_the_place_goes_and_everything_else_stays(image_format: ImageFormat) -> None:
    block = exif(place=True, taken="2023:12:31 23:59:58")
    data = encode(scene(), image_format, exif=block)
    stripped = strip_gps(data, image_format)
    assert len(stripped) == len(data)
    assert read_metadata(data, image_format).gps
    facts = read_metadata(stripped, image_format)
    assert (facts.gps, facts.camera) == (None, "Nikon Z 6")
    assert facts.captured_at == datetime(2023, 12, 31, 23, 59, 58)  # noqa: DTZ001
    assert not exif_of(stripped).get_ifd(0x8825)
    assert np.array_equal(pixels(stripped), pixels(data))


@pytest.mark.parametrize("image_format", WITH_EXIF)
def test_an_image_that_tells_no_place_is_returned_as_it_is(image_format: ImageFormat) -> None:
    data = encode(scene(), image_format, exif=exif(taken="2023:12:31 23:59:58"))
    assert strip_gps(data, image_format) is data


@pytest.mark.parametrize("image_format", WITH_XMP)
def test_the_place_goes_from_xmp_too(image_format: ImageFormat) -> None:
    options = {"tiffinfo": {700: XMP_WITH_PLACE}} if image_format == "tiff" else {"xmp": XMP_WITH_PLACE}
    data = encode(scene(), image_format, **options)
    assert b"GPSLatitude" in data
    stripped = strip_gps(data, image_format)
    assert b"gps" not in stripped.lower()
    assert b'exif:ISO="100"' in stripped
    assert b"<exif:Flash>0</exif:Flash>" in stripped
    assert np.array_equal(pixels(stripped), pixels(data))


@pytest.mark.parametrize("compressed", [False, True])
def test_the_place_goes_from_the_xmp_of_a_png(compressed: bool) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP_WITH_PLACE.decode(), zip=compressed)
    data = encode(scene(), "png", pnginfo=info)
    stripped = strip_gps(data, "png")
    with Image.open(io.BytesIO(stripped)) as image:
        image.load()
        assert "GPS" not in str(image.info)
    assert np.array_equal(pixels(stripped), pixels(data))


def test_further_pictures_behind_a_jpeg_go_with_their_places() -> None:
    data = encode(scene(), "jpeg", exif=exif(place=True))
    stripped = strip_gps(data + data, "jpeg")
    assert len(stripped) == len(data)
    assert jpeg.read(stripped).end == len(stripped)


def test_a_copy_without_place_is_still_told_and_opened() -> None:
    for image_format in WITH_EXIF:
        stripped = strip_gps(encode(scene(), image_format, exif=exif(place=True)), image_format)
        assert sniff(stripped) == image_format
        with Image.open(io.BytesIO(stripped), formats=[PILLOW_NAMES[image_format]]) as image:
            image.load()
