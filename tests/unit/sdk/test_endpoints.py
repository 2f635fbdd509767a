"""Where the client looks for an Annostream, and what it says when there is none."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from annostream_sdk.endpoints import KafkaConnection, find_endpoints, kafka_from_environment, read_endpoints
from annostream_sdk.errors import AnnostreamError

DOCUMENT = {
    "grpc": {"ingest": "127.0.0.1:7401", "annotate": "127.0.0.1:7402"},
    "grpc_replicas": {"ingest": ["127.0.0.1:7401", "127.0.0.1:7404"]},
    "kafka": {
        "bootstrap_servers": "127.0.0.1:7412",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "username": "client",
        "password": "secret",
    },
    "mongodb": "mongodb://127.0.0.1",
    "token": "t",
    "pid": 1,
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".annostream" / "endpoints.json"
    path.parent.mkdir()
    path.write_bytes(orjson.dumps(DOCUMENT))
    return path


@pytest.mark.usefixtures("path")
def test_the_file_of_the_working_directory_is_the_default() -> None:
    found = find_endpoints(environment={})

    assert found.grpc == {"ingest": ("127.0.0.1:7401", "127.0.0.1:7404"), "annotate": ("127.0.0.1:7402",)}
    assert (found.token, found.path) == ("t", Path(".annostream/endpoints.json"))
    assert found.kafka == KafkaConnection("127.0.0.1:7412", "SASL_PLAINTEXT", "SCRAM-SHA-256", "client", "secret")


def test_the_path_given_wins_over_the_environment_and_that_over_the_default(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(orjson.dumps({**DOCUMENT, "token": "other"}))

    assert find_endpoints(environment={"ANNOSTREAM_ENDPOINTS": str(other)}).token == "other"
    assert find_endpoints(path, {"ANNOSTREAM_ENDPOINTS": str(other)}).token == "t"


def test_the_data_directory_of_up_is_where_the_file_is_looked_for(tmp_path: Path, path: Path) -> None:
    elsewhere = tmp_path / "data"
    elsewhere.mkdir()
    (elsewhere / "endpoints.json").write_bytes(orjson.dumps({**DOCUMENT, "token": "elsewhere"}))
    environment = {"ANNOSTREAM_DATA_DIR": str(elsewhere)}

    assert find_endpoints(environment=environment).token == "elsewhere"
    assert find_endpoints(environment={**environment, "ANNOSTREAM_ENDPOINTS": str(path)}).token == "t"


@pytest.mark.usefixtures("path")
def test_a_data_directory_on_which_nothing_runs_is_named_and_no_other_annostream_is_taken(tmp_path: Path) -> None:
    with pytest.raises(AnnostreamError, match=r"there is no .*stopped/endpoints.json") as missing:
        find_endpoints(environment={"ANNOSTREAM_DATA_DIR": str(tmp_path / "stopped")})

    assert missing.value.reason == "ENDPOINTS_NOT_FOUND"


def test_addresses_and_a_token_are_enough_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    found = find_endpoints(environment={"ANNOSTREAM_INGEST_ADDRESS": "a:1, b:2", "ANNOSTREAM_TOKEN": "mine"})

    assert found.grpc == {"ingest": ("a:1", "b:2")}
    assert (found.token, found.path, found.kafka) == ("mine", None, None)


@pytest.mark.usefixtures("path")
def test_a_token_of_the_environment_is_never_replaced_by_one_of_the_file() -> None:
    found = find_endpoints(environment={"ANNOSTREAM_TOKEN": "mine"})

    assert (found.token, found.path) == ("mine", None)


def test_without_any_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(AnnostreamError, match="Start one with `annostream up`") as missing:
        find_endpoints(environment={})

    assert missing.value.reason == "ENDPOINTS_NOT_FOUND"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is not JSON."),
        (b"root:x:0", "it is not JSON."),
        (b"{}", "it has no 'grpc'."),
        (b"[]", "its JSON has another form."),
        (b'{"grpc": 3}', "its JSON has another form."),
        (b'{"grpc": {}, "kafka": {"username": "x"}}', "its JSON has another form."),
    ],
)
def test_a_file_that_is_no_endpoints_json_is_refused_by_name(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "endpoints.json"
    path.write_bytes(content)

    with pytest.raises(AnnostreamError) as refused:
        read_endpoints(path)

    assert refused.value.reason == "INVALID_ENDPOINTS"
    assert str(refused.value).startswith(f"{path} is no endpoints.json as `annostream up` writes it: {told}")


def test_kafka_settings_of_the_environment_win_field_by_field_for_the_same_servers() -> None:
    of_file = KafkaConnection("k:1", "SASL_PLAINTEXT", "SCRAM-SHA-256", "client", "secret")

    admin = kafka_from_environment({"ANNOSTREAM_KAFKA_USERNAME": "admin", "ANNOSTREAM_KAFKA_PASSWORD": "p"}, of_file)

    assert admin == KafkaConnection("k:1", "SASL_PLAINTEXT", "SCRAM-SHA-256", "admin", "p")


def test_another_kafka_takes_no_password_from_the_file() -> None:
    of_file = KafkaConnection("k:1", "SASL_PLAINTEXT", "SCRAM-SHA-256", "client", "secret")

    other = kafka_from_environment({"ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS": "other:1"}, of_file)

    assert other == KafkaConnection("other:1")


def test_secrets_are_not_printed() -> None:
    assert "secret" not in repr(KafkaConnection("k:1", password="secret"))
