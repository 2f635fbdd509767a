"""Upright copies show in every reader what an EXIF-aware one showed before."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from annostream_imaging import ImageFormat, decode, read_metadata, upright_copy
from tests.unit.imaging.pictures import XMP_WITH_PLACE, encode, exif, scene

TURNABLE: tuple[ImageFormat, ...] = ("jpeg", "png", "webp", "tiff")


def open_rgb(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.copy()


def turned_by_reader(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(open_rgb(data)).convert("RGB"), float)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("image_format", TURNABLE)
def test_decoding_the_copy_equals_decoding_then_turning(image_format: ImageFormat, orientation: int) -> None:
    data = encode(scene(), image_format, exif=exif(orientation=orientation))
    copy = upright_copy(data, image_format, orientation, keep_gps=True)
    seen, wanted = np.asarray(open_rgb(copy).convert("RGB"), float), turned_by_reader(data)
    assert seen.shape == wanted.shape
    assert np.abs(seen - wanted).mean() < 2.5
    assert read_metadata(copy, image_format).orientation == 1


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_an_avif_that_is_turned_by_its_box_becomes_upright(orientation: int) -> None:
    data = encode(scene(), "avif", exif=exif(orientation=orientation))
    assert decode(data, "avif").turn == orientation
    copy = upright_copy(data, "avif", orientation, keep_gps=True)
    assert decode(copy, "avif").turn == 1
    seen, wanted = np.asarray(open_rgb(copy).convert("RGB"), float), turned_by_reader(data)
    assert seen.shape == wanted.shape
    assert np.abs(seen - wanted).mean() < 4


def test_a_heic_is_already_upright_when_decoded() -> None:
    data = encode(scene(), "heic", exif=exif(orientation=6))
    picture = decode(data, "heic")
    assert picture.turn == 1
    assert (picture.width, picture.height) == (150, 225)


def test_opencv_which_is_told_to_ignore_exif_sees_the_copy_upright() -> None:
    data = encode(scene(), "jpeg", exif=exif(orientation=6))
    copy = upright_copy(data, "jpeg", 6, keep_gps=False)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    plain = cv2.imdecode(np.frombuffer(copy, np.uint8), flags)
    aware = cv2.imdecode(np.frombuffer(copy, np.uint8), cv2.IMREAD_COLOR)
    assert plain is not None
    assert aware is not None
    assert plain.shape == (225, 150, 3)
    assert np.array_equal(plain, aware)


@pytest.mark.parametrize("keep_gps", [True, False])
def test_the_place_is_kept_only_when_asked(keep_gps: bool) -> None:
    data = encode(scene(), "jpeg", exif=exif(orientation=6, place=True), xmp=XMP_WITH_PLACE)
    copy = upright_copy(data, "jpeg", 6, keep_gps=keep_gps)
    assert (read_metadata(copy, "jpeg").gps is not None) == keep_gps
    assert (b"GPSLatitude" in copy) == keep_gps


def test_nothing_to_do_returns_the_same_bytes() -> None:
    data = encode(scene(), "jpeg", exif=exif())
    assert upright_copy(data, "jpeg", 1, keep_gps=False) is data
    placed = encode(scene(), "jpeg", exif=exif(place=True))
    assert upright_copy(placed, "jpeg", 1, keep_gps=True) is placed


@pytest.mark.parametrize(("subsampling", "kept"), [(0, 0), (2, 2)])
def test_the_sampling_of_a_jpeg_is_kept(subsampling: int, kept: int) -> None:
    data = encode(scene(), "jpeg", subsampling=subsampling, exif=exif(orientation=6))
    from PIL import JpegImagePlugin

    with Image.open(io.BytesIO(upright_copy(data, "jpeg", 6, keep_gps=False))) as image:
        assert JpegImagePlugin.get_sampling(image) == kept


def test_all_pages_of_a_tiff_are_turned() -> None:
    pages = [scene(), scene().transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
    data = encode(pages[0], "tiff", save_all=True, append_images=pages[1:], tiffinfo={274: 6})
    copy = upright_copy(data, "tiff", 6, keep_gps=False)
    picture = decode(copy, "tiff")
    assert (picture.frames, picture.width, picture.height) == (2, 150, 225)
