"""The maker of photos for end-to-end tests and benchmarks keeps its word."""

from pathlib import Path

from annostream_imaging import decode, hash_file
from tests.photos import distinct_photos


def test_photos_are_sound_distinct_and_the_same_every_time(tmp_path: Path) -> None:
    first = distinct_photos(tmp_path / "one", 60, size=(320, 240))
    again = distinct_photos(tmp_path / "two", 60, size=(320, 240))
    assert len({hash_file(path).sha256 for path in first}) == 60
    assert [hash_file(path) for path in first] == [hash_file(path) for path in again]
    assert {decode(path.read_bytes(), "jpeg").width for path in first} == {320}
