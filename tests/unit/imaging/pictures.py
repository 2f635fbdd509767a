"""Pictures for the tests of imaging: one scene in every format."""

import io
from functools import cache
from typing import Any

import pillow_heif
from PIL import Image

from annostream_imaging import ImageFormat
from tests.photos import SAMPLES

PILLOW_NAMES: dict[ImageFormat, str] = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "avif": "AVIF",
    "heic": "HEIF",
}
FORMATS = tuple(PILLOW_NAMES)


@cache
def scene(width: int = 225, height: int = 150) -> Image.Image:
    """A cat, in RGB."""
    with Image.open(SAMPLES / "chelsea.jpg") as image:
        return image.convert("RGB").resize((width, height))


def encode(image: Image.Image, image_format: ImageFormat, **options: Any) -> bytes:
    buffer = io.BytesIO()
    if image_format == "heic":
        pillow_heif.register_heif_opener()
    image.save(buffer, PILLOW_NAMES[image_format], **options)
    return buffer.getvalue()


@cache
def encoded(image_format: ImageFormat) -> bytes:
    return encode(scene(), image_format)


def exif(*, orientation: int = 1, place: bool = False, taken: str = "", offset: str = "") -> bytes:
    """An EXIF block by Pillow, with a made-up camera and place."""
    block = Image.Exif()
    block[0x010F], block[0x0110], block[0x0112] = "Nikon", "Nikon Z 6", orientation
    if taken:
        block.get_ifd(0x8769)[0x9003] = taken
    if offset:
        block.get_ifd(0x8769)[0x9011] = offset
    if place:
        block.get_ifd(0x8825).update({1: "S", 2: (33.0, 51.0, 36.0), 3: "E", 4: (151.0, 12.0, 36.0)})
    return block.tobytes()


XMP_WITH_PLACE = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="33,51.6S" exif:GPSLongitude='151,12.6E'
 xmlns:d="http://www.dji.com/drone-dji/1.0/" d:GpsLatitude="-33.86" exif:ISO="100">
<exif:GPSAltitude>120/1</exif:GPSAltitude><exif:Flash>0</exif:Flash></rdf:Description></rdf:RDF></x:xmpmeta>"""
