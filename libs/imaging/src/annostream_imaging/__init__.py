"""Reading, checking and turning images: what ingest and export share, and which knows no service.

Reads      sniff, structure and strict decode of JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF, HEIC
Finds      EXIF and XMP facts, upright size, a thumbnail, a perceptual hash
Writes     copies without GPS (same pixels, bit for bit) and upright copies
Refuses    with `Refused`, which carries a stable reason and a sentence that says what to do
"""

from annostream_imaging.decode import Limits, Picture, decode
from annostream_imaging.digests import Digests, hash_bytes, hash_file
from annostream_imaging.formats import MEDIA_TYPES, ImageFormat, sniff
from annostream_imaging.metadata import Metadata, read_metadata, strip_gps
from annostream_imaging.rejection import Reason, Refused, Rejection
from annostream_imaging.upright import upright_copy

__all__ = [
    "MEDIA_TYPES",
    "Digests",
    "ImageFormat",
    "Limits",
    "Metadata",
    "Picture",
    "Reason",
    "Refused",
    "Rejection",
    "decode",
    "hash_bytes",
    "hash_file",
    "read_metadata",
    "sniff",
    "strip_gps",
    "upright_copy",
]
