"""Which walk belongs to which format."""

from annostream_imaging.containers import bmp, gif, heif, jpeg, png, tiff, webp
from annostream_imaging.containers.layout import Layout
from annostream_imaging.formats import ImageFormat
from annostream_imaging.rejection import unsupported


def read_layout(data: bytes, image_format: ImageFormat) -> Layout:  # noqa: PLR0911 -- one line a format
    """The structure of the file, checked up to its end without decoding. Raises Refused."""
    match image_format:
        case "jpeg":
            return jpeg.read(data)
        case "png":
            return png.read(data)
        case "webp":
            return webp.read(data)
        case "gif":
            return gif.read(data)
        case "bmp":
            return bmp.read(data)
        case "tiff":
            layout = tiff.read(data)
            if tiff.is_raw_camera_file(data):
                raise unsupported("a raw camera file (DNG)")
            return layout
        case "avif" | "heic":
            return heif.read(data)
