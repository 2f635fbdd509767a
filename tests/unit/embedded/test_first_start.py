"""What a first start makes and checks before any server runs: settings, disk, lock, secrets, jars, signatures."""

import hashlib
import json
import re
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jgo.maven  # noqa: F401  # here, for Python 3.11 trips over finalizers that import while an import has its lock
import pytest

from annostream_embedded import credentials, endpoints, services
from annostream_embedded.data_directory import DataDirectory, write_whole
from annostream_embedded.errors import EmbeddedError
from annostream_embedded.external import ExternalKafka, ExternalMongoDB, ExternalS3
from annostream_embedded.identity import Identity
from annostream_embedded.jars import KAFKA_VERSION, kafka_classpath, locked_jars
from annostream_embedded.mongodb import borrow_libraries, find_mongod
from annostream_embedded.plan import make_plan
from annostream_embedded.ports import Ports
from annostream_embedded.s3_request import S3Access, signed_headers
from annostream_embedded.server import Backend
from annostream_embedded.settings import Settings
from annostream_embedded.supervisor import Request


def test_settings_come_from_the_environment() -> None:
    settings = Settings.from_environment({"ANNOSTREAM_MIN_FREE_BYTES": "5", "ANNOSTREAM_STOP_TIMEOUT_SECONDS": "2.5"})
    assert (settings.min_free_bytes, settings.stop_timeout_seconds) == (5, 2.5)
    assert settings.service_commands["export"] == ("annostream-export",)
    assert not settings.external("kafka")


@pytest.mark.parametrize("variable", ["ANNOSTREAM_MIN_FREE_BYTES", "ANNOSTREAM_RESTART_DELAY_SECONDS"])
def test_a_setting_that_is_no_number_is_named(variable: str) -> None:
    with pytest.raises(EmbeddedError, match=f"{variable}.*'much'"):
        Settings.from_environment({variable: "much"})


def test_service_commands_that_are_no_json_are_refused_with_an_example() -> None:
    with pytest.raises(EmbeddedError, match=re.escape('{"ingest": "annostream-ingest"}')):
        Settings.from_environment({"ANNOSTREAM_SERVICE_COMMANDS": "annostream-ingest"})


def test_brought_servers_are_described_as_given() -> None:
    environment = {
        "ANNOSTREAM_MONGODB_URI": "mongodb://u:p@db/",
        "ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS": "k:9092",
        "ANNOSTREAM_S3_ENDPOINT_URL": "http://s3",
        "ANNOSTREAM_S3_BUCKET": "photos",
    }
    assert all(Settings.from_environment(environment).external(name) for name in ("mongodb", "kafka", "s3"))
    assert ExternalMongoDB.from_environment(environment).endpoint() == "mongodb://u:p@db/"
    assert ExternalKafka.from_environment(environment).endpoint()["security_protocol"] == "PLAINTEXT"
    assert ExternalS3.from_environment(environment).environment("ingest")["ANNOSTREAM_S3_BUCKET"] == "photos"


def test_too_little_disk_says_how_much_is_needed(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"are needed\. Make room.*ANNOSTREAM_MIN_FREE_BYTES"):
        DataDirectory.at(tmp_path).check_free_bytes(10**18)


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match="--data-dir"):
        DataDirectory.at(tmp_path / "file" / "data").create()


def test_a_data_directory_is_held_once(tmp_path: Path) -> None:
    data = DataDirectory.at(tmp_path)
    assert data.holder() is None
    with data.held():
        with pytest.raises(EmbeddedError, match="runs already"):
            data.check_not_held()
        with pytest.raises(EmbeddedError, match="runs already"), data.held():
            pass
    assert data.holder() is None


def test_a_file_written_whole_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "secret", "old")
    write_whole(tmp_path / "secret", "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("secret", "new")]
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_secrets_are_made_once_and_all_differ(tmp_path: Path) -> None:
    data = DataDirectory.at(tmp_path)
    first = credentials.load_or_create(data)
    assert credentials.load_or_create(data) == first
    made = [*first.kafka.values(), *first.mongodb.values(), *(key for pair in first.s3.values() for key in pair)]
    assert len(made) == len(set(made)) == 5 + 5 + 2 * 4


def test_the_lock_names_each_jar_once_with_its_checksum() -> None:
    jars = locked_jars()
    assert len({jar.file_name for jar in jars}) == len(jars) == 45
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in {jar.file_name for jar in jars}


def test_a_damaged_jar_in_the_cache_is_fetched_again_and_an_unreachable_repository_is_named(tmp_path: Path) -> None:
    cached = tmp_path / f"kafka-{KAFKA_VERSION}" / locked_jars()[0].file_name
    cached.parent.mkdir()
    cached.write_bytes(b"damaged")
    settings = replace(Settings.from_environment({}), cache_folder=tmp_path, maven_repository="http://127.0.0.1:9/")
    with pytest.raises(EmbeddedError, match="ANNOSTREAM_MAVEN_REPOSITORY"):
        kafka_classpath(settings, lambda _done, _total, _size: None)
    assert [file.name for file in cached.parent.iterdir()] == [cached.name]


def test_a_named_mongod_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=f"{tmp_path}/mongod.*ANNOSTREAM_MONGODB_URI"):
        find_mongod(Settings.from_environment({"ANNOSTREAM_MONGOD": f"{tmp_path}/mongod"}))


def test_borrowed_libraries_are_linked_by_the_names_that_mongod_asks_for(tmp_path: Path) -> None:
    wheel, links = tmp_path / "wheel", tmp_path / "links"
    wheel.mkdir()
    for name in ("libcurl-33.so.4.8.0", "libssl-8b.so.3", "libcrypto-fa.so.3", "libcurl-old.so.3"):
        (wheel / name).touch()
    borrow_libraries(wheel, links)
    assert {link.name: link.readlink().name for link in links.iterdir()} == {
        "libcurl.so.4": "libcurl-33.so.4.8.0",
        "libssl.so.3": "libssl-8b.so.3",
        "libcrypto.so.3": "libcrypto-fa.so.3",
    }


def test_a_request_is_signed_over_method_path_query_body_and_time() -> None:
    access = S3Access("http://s3", "us-east-1", "KEY", "SECRET", "b")
    now = datetime(2026, 1, 2, tzinfo=UTC)
    headers = signed_headers(access, "PUT", "/b/k", b"x", host="s3", now=now)
    assert headers["x-amz-content-sha256"] == hashlib.sha256(b"x").hexdigest()
    others = [
        signed_headers(access, "GET", "/b/k", b"x", host="s3", now=now),
        signed_headers(access, "PUT", "/b/l", b"x", host="s3", now=now),
        signed_headers(access, "PUT", "/b/k", b"y", host="s3", now=now),
        signed_headers(access, "PUT", "/b/k", b"x", host="s3", now=now, query="cors"),
        signed_headers(access, "PUT", "/b/k", b"x", host="s3", now=now.replace(minute=1)),
        signed_headers(replace(access, secret_key="OTHER"), "PUT", "/b/k", b"x", host="s3", now=now),
    ]
    assert len({headers["authorization"], *(other["authorization"] for other in others)}) == 7


def test_secrets_of_an_earlier_version_are_kept_and_newer_principals_added(tmp_path: Path) -> None:
    data = DataDirectory.at(tmp_path)
    first = credentials.load_or_create(data)
    known = json.loads(data.credentials.read_text())
    del known["mongodb"]["gateway"]
    write_whole(data.credentials, json.dumps(known))
    second = credentials.load_or_create(data)
    assert set(second.mongodb) == set(first.mongodb)
    assert replace(second, mongodb={**second.mongodb, "gateway": first.mongodb["gateway"]}) == first
    assert credentials.load_or_create(data) == second


def test_the_gateway_is_told_where_everything_is_and_no_more_than_it_needs(tmp_path: Path) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    settings = Settings.from_environment({})
    s3 = ExternalS3.from_environment({"ANNOSTREAM_S3_ENDPOINT_URL": "http://s3", "ANNOSTREAM_S3_SECRET_KEY": "hush"})
    backends: dict[str, Backend] = {"mongodb": ExternalMongoDB("mongodb://u:p@db/"), "s3": s3}
    (gateway,) = services.gateways(Ports(7401, 2, 8080), identity, backends, tmp_path, settings)
    assert (gateway.name, gateway.address) == ("gateway-1", "http://127.0.0.1:8080")
    assert gateway.environment["ANNOSTREAM_INGEST_ADDRESS"] == "ipv4:127.0.0.1:7401,127.0.0.1:7404"
    assert gateway.environment["ANNOSTREAM_SIGNING_KEYS_FOLDER"] == str(identity.keys_folder)
    assert gateway.environment["ANNOSTREAM_MONGODB_DATABASE"] == "annostream_gateway"
    assert gateway.environment["ANNOSTREAM_S3_ORIGIN"] == "http://s3"
    assert not [name for name in gateway.environment if "KAFKA" in name or "_S3_SECRET" in name]
    dummies = Settings.from_environment({"ANNOSTREAM_SERVICE_COMMANDS": "{}"})
    assert services.gateways(Ports(7401, 1), identity, backends, tmp_path, dummies) == []


@pytest.mark.parametrize(
    ("http", "last"), [("http://127.0.0.1:8080", "Open http://127.0.0.1:8080"), (None, "the data stays.")]
)
def test_the_address_to_open_is_the_last_that_is_said(tmp_path: Path, http: str | None, last: str) -> None:
    environment = {
        "ANNOSTREAM_MONGODB_URI": "mongodb://u:p@db/",
        "ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS": "k:9092",
        "ANNOSTREAM_S3_ENDPOINT_URL": "http://s3",
    }
    commands = {} if http else {"ANNOSTREAM_SERVICE_COMMANDS": "{}"}
    data = DataDirectory.at(tmp_path)
    plan = make_plan(Request(data, 0), Settings.from_environment(environment | commands))
    plan = replace(plan, ports=replace(plan.ports, http=8080))
    assert endpoints.describe(data, plan, 1.0).endswith(last)
    endpoints.write(data, plan, Settings.from_environment(environment))
    assert json.loads(data.endpoints.read_text()).get("http") == http
