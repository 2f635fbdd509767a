"""Which pages may put to the bucket."""

from __future__ import annotations

from xml.etree import ElementTree

from annostream_embedded.ports import Ports
from annostream_embedded.s3_cors import origins, rule
from annostream_embedded.settings import Settings


def test_the_gateways_own_pages_may_by_both_names_of_loopback() -> None:
    ports = Ports(first=12_000, replicas=1, http=8081)
    assert origins(Settings.from_environment({}), ports) == ["http://127.0.0.1:8081", "http://localhost:8081"]


def test_a_setting_names_others_instead() -> None:
    given = {"ANNOSTREAM_S3_CORS_ORIGINS": " https://label.example, http://localhost:5173,"}
    found = origins(Settings.from_environment(given), Ports(first=12_000, replicas=1))
    assert found == ["https://label.example", "http://localhost:5173"]


def test_the_rule_lets_put_and_get_and_shows_the_etag() -> None:
    tree = ElementTree.fromstring(rule(["http://a&b", "http://c"]))  # noqa: S314  # our own
    told: dict[str, list[str | None]] = {}
    for part in tree[0]:
        told.setdefault(part.tag.rpartition("}")[2], []).append(part.text)
    assert told["AllowedOrigin"] == ["http://a&b", "http://c"]
    assert told["AllowedMethod"] == ["PUT", "GET", "HEAD"]
    assert told["ExposeHeader"] == ["ETag"]
