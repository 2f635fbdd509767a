"""Sound images are taken, truncated and damaged ones are not."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from annostream_imaging import ImageFormat, Limits, Reason, Refused, decode, sniff
from annostream_imaging.thumbnail import make_thumbnail
from samples.make_samples import bomb_png
from tests.unit.imaging.pictures import FORMATS, encode, encoded, scene

_REFUSED = {Reason.TRUNCATED_IMAGE, Reason.DAMAGED_IMAGE, Reason.EMPTY_FILE, Reason.UNSUPPORTED_TYPE}
JPEG_KINDS = {
    "baseline": {"quality": 90},
    "4:4:4": {"quality": 90, "subsampling": 0},
    "progressive": {"quality": 90, "progressive": True},
    "restarts": {"quality": 90, "restart_marker_rows": 1},
    "optimised": {"quality": 90, "optimize": True},
}


def refusal_of(data: bytes, limits: Limits | None = None) -> Reason | None:
    try:
        decode(data, sniff(data), limits)
    except Refused as refusal:
        return refusal.rejection.reason
    return None


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_sound_image_gives_its_size_and_a_preview_like_it(image_format: ImageFormat) -> None:
    picture = decode(encoded(image_format), image_format)
    assert (picture.width, picture.height, picture.frames) == (225, 150, 1)
    preview = make_thumbnail(picture.preview, 1, None)
    difference = np.abs(np.asarray(preview, float) - np.asarray(scene(), float)).mean()
    assert difference < 12


@pytest.mark.parametrize("image_format", FORMATS)
def test_bytes_after_the_end_are_no_damage(image_format: ImageFormat) -> None:
    assert refusal_of(encoded(image_format) + b"\0trailing words" * 9) is None


@pytest.mark.parametrize("image_format", FORMATS)
def test_every_truncation_is_refused(image_format: ImageFormat) -> None:
    data = encoded(image_format)
    # Pixels end a few bytes before an uncompressed TIFF or BMP does; padding is all that may be missing.
    cuts = {*range(0, len(data), max(1, len(data) // 150)), *range(max(0, len(data) - 40), len(data))}
    for cut in sorted(cuts):
        assert refusal_of(data[:cut]) in _REFUSED, f"cut at {cut} of {len(data)}"


@pytest.mark.parametrize("kind", JPEG_KINDS)
@given(part=st.floats(0, 1, exclude_max=True))
@settings(max_examples=60, deadline=None)
def test_a_jpeg_of_any_kind_is_refused_wherever_it_is_cut(kind: str, part: float) -> None:
    data = encode(scene(), "jpeg", **JPEG_KINDS[kind])
    assert refusal_of(data[: int(len(data) * part)]) in _REFUSED


@pytest.mark.parametrize("kind", ["baseline", "4:4:4", "restarts"])
@given(part=st.floats(0.1, 0.9), run=st.integers(64, 1500))
@settings(max_examples=60, deadline=None)
def test_zeroed_bytes_inside_a_jpeg_are_refused(kind: str, part: float, run: int) -> None:
    data = encode(scene(), "jpeg", **JPEG_KINDS[kind])
    at = data.index(b"\xff\xda") + 14 + int((len(data) - 2000 - data.index(b"\xff\xda")) * part)
    assert refusal_of(data[:at] + bytes(run) + data[at + run :]) is Reason.DAMAGED_IMAGE


@given(part=st.floats(0.01, 0.99), flip=st.integers(1, 255))
@settings(max_examples=80, deadline=None)
def test_one_wrong_byte_anywhere_in_a_png_is_refused(part: float, flip: int) -> None:
    data = bytearray(encoded("png"))
    data[8 + int((len(data) - 8) * part)] ^= flip
    assert refusal_of(bytes(data)) in _REFUSED


@pytest.mark.parametrize("image_format", FORMATS)
def test_wrong_bytes_never_escape_as_another_error(image_format: ImageFormat) -> None:
    choose, sound = random.Random(7), encoded(image_format)
    limits = Limits(max_image_pixels=4_000_000)
    for _ in range(60):
        data = bytearray(sound)
        for _ in range(choose.randrange(1, 6)):
            data[choose.randrange(len(data))] = choose.randrange(256)
        refusal_of(bytes(data), limits)


@given(part=st.floats(0.2, 0.8), run=st.integers(3, 600))
@settings(max_examples=60, deadline=None)
def test_zeroed_bytes_inside_a_heic_are_refused(part: float, run: int) -> None:
    data = encoded("heic")
    at = data.index(b"mdat") + int((len(data) - 1000 - data.index(b"mdat")) * part) + 200
    assert refusal_of(data[:at] + bytes(run) + data[at + run :]) is Reason.DAMAGED_IMAGE


@given(part=st.floats(0.1, 0.8), run=st.integers(4, 600))
@settings(max_examples=60, deadline=None)
def test_zeroed_bytes_inside_a_deflated_tiff_are_refused(part: float, run: int) -> None:
    data = encode(scene(), "tiff", compression="tiff_adobe_deflate")
    at = 50 + int(len(data) * part)
    assert refusal_of(data[:at] + bytes(run) + data[at + run :]) is Reason.DAMAGED_IMAGE


def test_a_deflated_page_larger_than_the_first_is_sound() -> None:
    pages = [scene(40, 30), scene(1500, 1000)]
    data = encode(pages[0], "tiff", save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate")
    assert decode(data, "tiff").frames == 2


def test_a_flat_picture_with_optimised_tables_is_no_damage() -> None:
    flat = Image.new("RGB", (3000, 2000), (128, 128, 128))
    for options in ({"optimize": True}, {"progressive": True}, {}):
        assert refusal_of(encode(flat, "jpeg", **options)) is None


def test_stray_bytes_between_jpeg_headers_are_forgiven() -> None:
    data = encoded("jpeg")
    at = data.index(b"\xff\xdb")
    assert refusal_of(data[:at] + b"\x12\x34\x56" + data[at:]) is None


def test_an_unknown_adobe_transform_is_forgiven() -> None:
    adobe = b"\xff\xee" + struct.pack(">H5sHHHB", 14, b"Adobe", 100, 0, 0, 7)
    data = encoded("jpeg")
    assert refusal_of(data[:2] + adobe + data[2:]) is None


def test_stray_bytes_do_not_hide_damage() -> None:
    data = encoded("jpeg")
    at, middle = data.index(b"\xff\xdb"), len(data) // 2
    damaged = data[:middle] + bytes(500) + data[middle + 500 :]
    assert refusal_of(damaged[:at] + b"\x12" + damaged[at:]) is Reason.DAMAGED_IMAGE


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(Refused, match="20000 × 20000") as refusal:
        decode(bomb_png(20_000), "png")
    assert refusal.value.rejection.reason is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize("image_format", FORMATS)
def test_one_pixel_too_many_is_refused_and_as_many_as_allowed_are_not(image_format: ImageFormat) -> None:
    pixels = 225 * 150
    assert refusal_of(encoded(image_format), Limits(max_image_pixels=pixels)) is None
    assert refusal_of(encoded(image_format), Limits(max_image_pixels=pixels - 1)) is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize("image_format", ["gif", "png", "webp", "tiff"])
def test_frames_are_counted_and_limited(image_format: ImageFormat) -> None:
    frames = [scene().point(lambda level, gain=gain: level * gain) for gain in (1.0, 0.8, 0.6)]
    data = encode(frames[0], image_format, save_all=True, append_images=frames[1:])
    assert decode(data, image_format).frames == 3
    assert refusal_of(data, Limits(max_frames=2)) is Reason.TOO_MANY_FRAMES


def test_damage_in_a_later_frame_is_found() -> None:
    frames = [scene(), scene().transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    data = bytearray(encode(frames[0], "tiff", save_all=True, append_images=frames[1:], compression="tiff_lzw"))
    data[-30_000:-25_000] = bytes(5_000)
    assert refusal_of(bytes(data)) is Reason.DAMAGED_IMAGE


@pytest.mark.parametrize(
    ("mode", "image_format", "colour_mode", "has_alpha"),
    [
        ("CMYK", "jpeg", "CMYK", False),
        ("L", "jpeg", "L", False),
        ("RGBA", "png", "RGBA", True),
        ("LA", "png", "LA", True),
        ("P", "png", "P", False),
        ("1", "png", "1", False),
        ("I;16", "png", "I;16", False),
        ("RGBA", "webp", "RGBA", True),
        ("I;16", "tiff", "I;16", False),
        ("F", "tiff", "F", False),
        ("CMYK", "tiff", "CMYK", False),
        ("RGBA", "avif", "RGBA", True),
        ("RGBA", "heic", "RGBA", True),
    ],
)
def test_every_colour_mode_gives_a_thumbnail(
    mode: str, image_format: ImageFormat, colour_mode: str, has_alpha: bool
) -> None:
    source = scene().convert("L").convert("I").point(lambda level: level * 257) if mode == "I;16" else scene()
    image = source.convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda level: 200 + level // 5))
    picture = decode(encode(image, image_format), image_format)
    assert (picture.colour_mode, picture.has_alpha) == (colour_mode, has_alpha)
    shown = make_thumbnail(picture.preview, 1, picture.icc_profile).convert("L").resize((30, 20), Image.Resampling.BOX)
    wanted = scene().convert("L").resize((30, 20), Image.Resampling.BOX)
    assert np.abs(np.asarray(shown, float) - np.asarray(wanted, float)).mean() < 40


def test_a_png_of_16_bit_colour_says_so() -> None:
    row = b"\0" + struct.pack(">HHH", 65535, 0, 32768) * 4
    header = struct.pack(">IIBBBBB", 4, 2, 16, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(row * 2)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in parts)
    assert decode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks), "png").colour_mode == "RGB;16"


def test_transparency_is_shown_on_white() -> None:
    clear = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    picture = decode(encode(clear, "png"), "png")
    assert make_thumbnail(picture.preview, 1, None).getpixel((5, 5)) == (255, 255, 255)


def test_a_large_image_of_each_depth_is_shrunk() -> None:
    for mode in ("RGB", "P", "1", "I;16", "L", "RGBA"):
        source = scene(1500, 1000)
        image = source.convert("L").convert("I").convert("I;16") if mode == "I;16" else source.convert(mode)
        picture = decode(encode(image, "png"), "png")
        assert (picture.width, picture.height) == (1500, 1000)
        assert make_thumbnail(picture.preview, 1, None).size == (256, 171)


def test_the_reader_of_the_tests_sees_what_we_decode() -> None:
    with Image.open(io.BytesIO(encoded("jpeg"))) as image:
        assert image.size == scene().size
