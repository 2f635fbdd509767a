"""Bytes of an image in, facts or a typed rejection out."""

from datetime import datetime, timedelta, timezone

import pytest

from annostream_imaging import ImageFormat, Reason, Rejection
from annostream_ingest.inspection import Inspection, Limits, inspect_image
from tests.photos import HOSTILE, SAMPLES, sample_photos
from tests.unit.imaging.pictures import FORMATS, encode, encoded, exif, scene


def inspected(data: bytes) -> Inspection:
    outcome = inspect_image(data)
    assert isinstance(outcome, Inspection), outcome
    return outcome


@pytest.mark.parametrize("image_format", FORMATS)
def test_facts_of_each_format(image_format: ImageFormat) -> None:
    facts = inspected(encoded(image_format))
    assert (facts.format, facts.media_type) == (image_format, f"image/{image_format}")
    assert (facts.width, facts.height, facts.orientation, facts.frames) == (225, 150, 1, 1)
    assert 0 < facts.phash < 1 << 64
    assert inspected(facts.thumbnail).format == "jpeg"


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp", "tiff", "avif"])
def test_width_and_height_are_those_of_the_upright_image(image_format: ImageFormat) -> None:
    facts = inspected(encode(scene(), image_format, exif=exif(orientation=6)))
    thumbnail = inspected(facts.thumbnail)
    assert (facts.width, facts.height, facts.orientation) == (150, 225, 6)
    assert (thumbnail.width, thumbnail.height) == (150, 225)


def test_the_hash_of_a_turned_photo_is_that_of_the_upright_one() -> None:
    from PIL import Image

    stored = scene().transpose(Image.Transpose.ROTATE_90)
    turned = inspected(encode(stored, "jpeg", quality=95, exif=exif(orientation=6)))
    assert (turned.phash ^ inspected(encode(scene(), "png")).phash).bit_count() <= 3


def test_the_place_and_the_camera_of_the_sample_are_found() -> None:
    facts = inspected((SAMPLES / "chelsea_with_place.jpg").read_bytes())
    assert facts.gps == (37.55, 127.08)
    assert facts.camera == "Annostream Sample 1"
    assert facts.captured_at == datetime(2024, 5, 3, 12, tzinfo=timezone(timedelta(hours=9)))


def test_all_samples_are_sound_and_distinct() -> None:
    hashes = {inspected(path.read_bytes()).phash for path in sample_photos()}
    assert len(hashes) == len(sample_photos()) >= 10


@pytest.mark.parametrize(
    ("name", "reason"), [("truncated.jpg", Reason.TRUNCATED_IMAGE), ("bomb.png", Reason.TOO_MANY_PIXELS)]
)
def test_the_hostile_samples_are_refused(name: str, reason: Reason) -> None:
    outcome = inspect_image((HOSTILE / name).read_bytes())
    assert isinstance(outcome, Rejection)
    assert outcome.reason is reason


def test_a_file_over_the_limit_is_refused_with_both_numbers() -> None:
    outcome = inspect_image(bytes(1001), Limits(max_image_bytes=1000))
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.TOO_LARGE
    assert "1,001" in outcome.message
    assert "1,000" in outcome.message
