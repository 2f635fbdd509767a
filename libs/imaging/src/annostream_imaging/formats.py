"""The type of a file, told by its first bytes and never by its name."""

import re
from typing import Literal

from annostream_imaging.rejection import Reason, Refused, unsupported

ImageFormat = Literal["jpeg", "png", "webp", "gif", "tiff", "bmp", "avif", "heic"]

MEDIA_TYPES: dict[ImageFormat, str] = {
    name: f"image/{name}" for name in ("jpeg", "png", "webp", "gif", "tiff", "bmp", "avif", "heic")
}

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_BMP_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_FOREIGN: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), what)
    for pattern, what in (
        (rb"\s*%PDF", "a PDF document"),
        (rb"%!PS", "a PostScript file"),
        (rb"PK(\x03\x04|\x05\x06)", "a ZIP archive or an office document"),
        (rb"\x1f\x8b", "a gzip archive"),
        (rb"Rar!", "a RAR archive"),
        (rb"7z\xbc\xaf", "a 7-Zip archive"),
        (rb".{257}ustar", "a tar archive"),
        (rb"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
        (rb"\xff\x0a", "a JPEG XL image"),
        (rb"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
        (rb"\xff\x4f\xff\x51", "a JPEG 2000 image"),
        (rb"8BPS", "a Photoshop document"),
        (rb"\x00\x00\x01\x00", "a Windows icon"),
        (rb"FUJIFILM|.{8}CR\x02|IIRO|IIU\x00", "a raw camera file"),
        (rb"\x1aE\xdf\xa3", "a Matroska or WebM video"),
        (rb"RIFF.{4}AVI ", "an AVI video"),
        (rb"RIFF.{4}WAVE|ID3|fLaC|OggS", "an audio file"),
        (rb".{4}ftyp", "an MP4 or QuickTime video"),
        (rb"\x7fELF|MZ", "a program"),
        (rb"(\xef\xbb\xbf)?\s*(<\?xml.{0,400}?)?<svg", "an SVG drawing"),
        (rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|\?xml)", "a web page or XML"),
        (rb"(\xef\xbb\xbf)?\s*[\[{]", "JSON or text"),
    )
)


def sniff(head: bytes) -> ImageFormat:
    """The format of a file whose first bytes (512 are enough) are `head`.

    Raises Refused: EMPTY_FILE, or UNSUPPORTED_TYPE with what it looks like.
    """
    head = head[:512]
    if not head:
        raise Refused(Reason.EMPTY_FILE, "The file is empty. Check that it was copied whole, and send it again.")
    found = _image(head)
    if found is None:
        raise unsupported(_describe(head))
    return found


def _image(head: bytes) -> ImageFormat | None:  # noqa: PLR0911 -- one line a format
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] in _TIFF_MAGICS and head[8:10] != b"CR":
        return "tiff"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    return _iso_media(head) if head[4:8] == b"ftyp" else None


def _iso_media(head: bytes) -> ImageFormat | None:
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "avif"
    return "heic" if brands & _HEIF_BRANDS else None


def _describe(head: bytes) -> str:
    for pattern, what in _FOREIGN:
        if pattern.match(head.lower() if b"<" in pattern.pattern else head):
            return what
    if not any(byte < 9 or 13 < byte < 27 for byte in head):
        return "a text file"
    return "a file of an unknown type" if any(head) else "a file of zeros, perhaps an unfinished download"
