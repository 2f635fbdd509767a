"""Makes the sample photos anew from their free originals: `python samples/make_samples.py [--originals DIR]`.

The originals come in the wheels of scikit-image and scikit-learn (see LICENSES.md); without `--originals`, pip fetches
those wheels. Needs Pillow and pillow-heif. The same versions give the same bytes.
"""

import argparse
import io
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import pillow_heif
from PIL import Image, TiffImagePlugin

HERE = Path(__file__).parent
WHEELS = ("scikit-image==0.26.0", "scikit-learn==1.9.1")
_MAKE, _MODEL, _ORIENTATION, _EXIF, _GPS = 0x010F, 0x0110, 0x0112, 0x8769, 0x8825
_TAKEN_AT, _TAKEN_OFFSET = 0x9003, 0x9011
# A made-up place.
_LATITUDE, _LONGITUDE = (37, 33, 0), (127, 4, 48)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--originals", type=Path, help="folder with the unpacked wheels")
    given = parser.parse_args().originals
    with tempfile.TemporaryDirectory() as scratch:
        originals = given or _fetch(Path(scratch))
        for name, data in {**_photos(_Originals(originals)), **_hostile(_Originals(originals))}.items():
            path = HERE / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            sys.stdout.write(f"{len(data):9,}  {name}\n")


def _fetch(scratch: Path) -> Path:
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch, *WHEELS], check=True)
    for wheel in scratch.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(scratch, [name for name in archive.namelist() if "/data/" in name or "/images/" in name])
    return scratch


class _Originals:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        return next(self._folder.rglob(name))

    def image(self, name: str) -> Image.Image:
        return Image.open(self.path(name))

    def bytes(self, name: str) -> bytes:
        return self.path(name).read_bytes()


def _photos(originals: _Originals) -> dict[str, bytes]:
    chelsea = originals.image("chelsea.png").convert("RGB")
    face = chelsea.crop((90, 20, 310, 240)).resize((660, 660), Image.Resampling.LANCZOS)
    left = chelsea.crop((60, 0, 300, 300)).resize((480, 600), Image.Resampling.LANCZOS)
    return {
        "chelsea.jpg": _encode(chelsea, "JPEG", quality=92, exif=_camera_exif("2024:05:01 09:30:00", "+09:00")),
        "chelsea_face.jpg": _encode(face, "JPEG", quality=85),
        "chelsea_turned.jpg": _encode(
            left.transpose(Image.Transpose.ROTATE_90),
            "JPEG",
            quality=85,
            exif=_camera_exif("2024:05:02 18:05:10", turn=6),
        ),
        "chelsea_with_place.jpg": _encode(
            chelsea.transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((30, 10, 430, 300)),
            "JPEG",
            quality=88,
            exif=_camera_exif("2024:05:03 12:00:00", "+09:00", place=True),
        ),
        "coffee.jpg": _encode(originals.image("coffee.png").convert("RGB"), "JPEG", quality=88, progressive=True),
        "astronaut.webp": _encode(originals.image("astronaut.png").convert("RGB"), "WEBP", quality=85),
        "rocket.jpg": originals.bytes("rocket.jpg"),
        "hubble.jpg": _encode(_fit(originals.image("hubble_deep_field.jpg"), 900), "JPEG", quality=85),
        "retina.jpg": _encode(_fit(originals.image("retina.jpg"), 900), "JPEG", quality=88),
        "gravel.png": originals.bytes("gravel.png"),
        "grass.jpg": _encode(originals.image("grass.png").convert("L"), "JPEG", quality=88),
        "brick.jpg": _encode(originals.image("brick.png").convert("L"), "JPEG", quality=88),
        "camera.tif": _encode(originals.image("camera.png").convert("L"), "TIFF", compression="tiff_lzw"),
        "flower.avif": _encode(originals.image("flower.jpg"), "AVIF", quality=75, max_threads=1),
        "china.heic": _encode(originals.image("china.jpg"), "HEIF", quality=75),
        "clock.gif": _encode(_fit(originals.image("clock_motion.png").convert("L"), 300), "GIF"),
    }


def _hostile(originals: _Originals) -> dict[str, bytes]:
    whole = _encode(originals.image("coffee.png").convert("RGB"), "JPEG", quality=85)
    return {"hostile/truncated.jpg": whole[: len(whole) * 3 // 5], "hostile/bomb.png": bomb_png(20_000)}


def bomb_png(edge: int) -> bytes:
    """A square PNG of one bit a pixel, all black: tiny as a file, edge² pixels once decoded."""
    packer, row = zlib.compressobj(9), bytes(1 + (edge + 7) // 8)
    packed = b"".join(packer.compress(row) for _ in range(edge)) + packer.flush()
    header = struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _fit(image: Image.Image, edge: int) -> Image.Image:
    image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    return image


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _camera_exif(taken_at: str, offset: str = "", turn: int = 1, *, place: bool = False) -> bytes:
    exif = Image.Exif()
    exif[_MAKE], exif[_MODEL], exif[_ORIENTATION] = "Annostream", "Sample 1", turn
    exif.get_ifd(_EXIF)[_TAKEN_AT] = taken_at
    if offset:
        exif.get_ifd(_EXIF)[_TAKEN_OFFSET] = offset
    if place:
        rational = TiffImagePlugin.IFDRational
        exif.get_ifd(_GPS).update(
            {1: "N", 2: tuple(map(rational, _LATITUDE)), 3: "E", 4: tuple(map(rational, _LONGITUDE))}
        )
    return exif.tobytes()


if __name__ == "__main__":
    pillow_heif.register_heif_opener()
    main()
