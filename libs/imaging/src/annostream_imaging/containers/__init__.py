"""The outer structure of each format, checked without decoding: every byte that must be there, is.

Each module has `read(data) -> Layout`, which refuses what is truncated or cannot be walked, and says where the
EXIF and XMP blocks lie.
"""
