"""XMP packets: edits that keep the length, so that nothing around them moves."""

import re

from annostream_imaging.containers.layout import Span

# Any prefix: cameras write exif:GPSLatitude, drones drone-dji:GpsLatitude.
_NAME = rb"[\w.-]+:GPS\w*"
_GPS = re.compile(
    rb"\s" + _NAME + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')|<(" + _NAME + rb")(?:\s[^>]*)?(?:/>|>.*?</\1\s*>)",
    re.IGNORECASE | re.DOTALL,
)
_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")


def blank_gps(data: bytearray, span: Span) -> None:
    """Spaces in place of every GPS attribute and element."""
    packet = bytes(data[span[0] : span[1]])
    data[span[0] : span[1]] = _GPS.sub(lambda found: b" " * len(found[0]), packet)


def set_upright(data: bytearray, span: Span) -> None:
    packet = bytes(data[span[0] : span[1]])
    data[span[0] : span[1]] = _ORIENTATION.sub(rb"\g<1>1", packet)
