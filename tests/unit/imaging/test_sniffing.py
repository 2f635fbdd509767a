"""The type of a file is told by its content."""

import pytest

from annostream_imaging import ImageFormat, Reason, Refused, sniff
from tests.unit.imaging.pictures import FORMATS, encoded


@pytest.mark.parametrize("image_format", FORMATS)
def test_each_format_is_told_by_its_first_bytes(image_format: ImageFormat) -> None:
    assert sniff(encoded(image_format)) == image_format


def test_an_empty_file_is_refused_as_empty() -> None:
    with pytest.raises(Refused) as refusal:
        sniff(b"")
    assert refusal.value.rejection.reason is Reason.EMPTY_FILE


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04rest", "a ZIP archive"),
        (b"\x00\x00\x00\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (b'<?xml version="1.0"?><svg xmlns=""/>', "an SVG drawing"),
        (b"  <!DOCTYPE HTML><html>", "a web page"),
        (b"II*\0\x10\0\0\0CR\x02\0", "a raw camera file"),
        (b'{"images": []}', "JSON"),
        (b"hello there", "a text file"),
        (bytes(100), "zeros"),
        (b"\x01\x02\x03\x04", "unknown type"),
    ],
)
def test_what_is_no_image_is_refused_saying_what_it_looks_like(head: bytes, what: str) -> None:
    with pytest.raises(Refused, match=what) as refusal:
        sniff(head)
    assert refusal.value.rejection.reason is Reason.UNSUPPORTED_TYPE
