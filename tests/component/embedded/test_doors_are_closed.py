"""Nobody gets into the embedded servers without the credentials of this data directory, nor further than theirs go."""

import http.client
import stat
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import boto3
import grpc
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from annostream_embedded.credentials import load_or_create
from annostream_embedded.data_directory import DataDirectory
from annostream_embedded.kafka_access import KafkaAccess
from annostream_embedded.s3_request import S3Access, send
from annostream_embedded.stack import Stack

SECRETS = (
    "endpoints.json",
    "credentials.json",
    "identity/keys",
    "kafka/server.properties",
    "mongodb/keyfile",
)


def kafka_as(running: Stack, principal: str) -> KafkaAccess:
    known = load_or_create(DataDirectory.at(running.data_dir))
    return KafkaAccess(
        **{**running.endpoints["kafka"], "username": principal, "password": known.kafka[principal]},
    )


def produce_error(access: KafkaAccess, topic: str) -> int | None:
    """The error code with which a produced record came back; None when it was taken."""
    outcome: list[Any] = []
    producer = Producer({**access.client_config(), "message.timeout.ms": 2000, "enable.idempotence": True})
    producer.produce(topic, b"value", b"key", on_delivery=lambda error, _message: outcome.append(error))
    producer.flush(10)
    error = outcome[0]
    return None if error is None else int(error.code())


def join_error(access: KafkaAccess, group: str, topic: str) -> int | None:
    """The error code with which a group's member was refused; None when it got partitions."""
    consumer = Consumer({**access.client_config(), "group.id": group})
    try:
        consumer.subscribe([topic])
        for _ in range(100):
            message = consumer.poll(0.1)
            error = None if message is None else message.error()
            if error is not None:
                return error.code()
            if consumer.assignment():
                return None
        raise AssertionError("neither refused nor given partitions")
    finally:
        consumer.close()


@pytest.mark.parametrize("path", SECRETS)
def test_a_file_with_secrets_is_its_owners_alone(running: Stack, path: str) -> None:
    mode = stat.S_IMODE((running.data_dir / path).stat().st_mode)
    assert mode & 0o077 == 0


def test_no_secret_stands_on_a_command_line(running: Stack) -> None:
    known = load_or_create(DataDirectory.at(running.data_dir))
    secrets = [*known.kafka.values(), *known.mongodb.values(), *(pair[1] for pair in known.s3.values())]
    for pid in running.processes.values():
        with open(f"/proc/{pid}/cmdline") as file:  # noqa: PTH123
            line = file.read()
        assert not [secret for secret in secrets if secret in line]


def test_mongodb_refuses_an_anonymous_caller(running: Stack) -> None:
    address = running.endpoints["mongodb"].split("@")[1].split("/")[0]
    with MongoClient[Any](f"mongodb://{address}/", directConnection=True) as client, pytest.raises(OperationFailure):
        client.annostream_ingest.assets.find_one()


def test_mongodb_lets_a_service_into_its_own_database_alone(running: Stack) -> None:
    known = load_or_create(DataDirectory.at(running.data_dir))
    address = running.endpoints["mongodb"].split("@")[1]
    with MongoClient[Any](f"mongodb://ingest:{known.mongodb['ingest']}@{address}") as client:
        client.annostream_ingest.probe.insert_one({})
        client.annostream_ingest.probe.create_index("x")
        client.annostream_ingest.probe.drop()
        with pytest.raises(OperationFailure):
            client.annostream_annotate.tasks.find_one()


def test_kafka_refuses_a_wrong_password(running: Stack) -> None:
    errors: list[KafkaError] = []
    wrong = replace(KafkaAccess(**running.endpoints["kafka"]), password="wrong")
    producer = Producer({**wrong.client_config(), "error_cb": errors.append})
    with pytest.raises(KafkaException):
        producer.list_topics(timeout=2)
    producer.poll(0)
    assert KafkaError._AUTHENTICATION in {error.code() for error in errors}


def test_kafka_refuses_a_caller_without_password(running: Stack) -> None:
    plain = replace(KafkaAccess(**running.endpoints["kafka"]), security_protocol="PLAINTEXT")
    with pytest.raises(KafkaException):
        Producer(plain.client_config()).list_topics(timeout=2)


@pytest.mark.parametrize(
    ("principal", "topic"),
    [
        ("ingest", "annostream.ingest.v1"),
        ("ingest", "annostream.ingest.requests.v1.dlq"),
        ("ingest", "annostream.annotate.v1.dlq"),
        ("annotate", "annostream.ingest.v1.dlq"),
        ("export", "annostream.annotate.v1.dlq"),
        ("client", "annostream.ingest.requests.v1"),
        ("client", "annostream.annotate.v1"),
    ],
)
def test_kafka_takes_what_a_principal_may_write(running: Stack, principal: str, topic: str) -> None:
    assert produce_error(kafka_as(running, principal), topic) is None


@pytest.mark.parametrize(
    ("principal", "topic"),
    [
        ("ingest", "annostream.annotate.v1"),
        ("annotate", "annostream.ingest.v1"),
        ("export", "annostream.ingest.requests.v1"),
        ("client", "annostream.ingest.v1.dlq"),
    ],
)
def test_kafka_refuses_what_a_principal_may_not_write(running: Stack, principal: str, topic: str) -> None:
    assert produce_error(kafka_as(running, principal), topic) == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_kafka_lets_nobody_take_a_services_partitions(running: Stack) -> None:
    client, topic = KafkaAccess(**running.endpoints["kafka"]), "annostream.ingest.v1"
    assert join_error(client, "annostream-annotate", topic) == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert join_error(client, "client-training", topic) is None
    assert join_error(kafka_as(running, "annotate"), "annostream-annotate", topic) is None


def test_kafka_makes_no_topic_for_a_typing_error(running: Stack) -> None:
    admin = kafka_as(running, "admin")
    assert produce_error(admin, "annostream.ingset.v1") in {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._MSG_TIMED_OUT,
    }


def test_s3_refuses_a_wrong_secret_key(running: Stack) -> None:
    known = running.endpoints["s3"]
    client = boto3.client(
        "s3",
        endpoint_url=known["endpoint_url"],
        region_name=known["region"],
        aws_access_key_id=known["access_key"],
        aws_secret_access_key="wrong",
        config=Config(signature_version="s3v4"),
    )
    with pytest.raises(ClientError) as refused:
        client.list_objects_v2(Bucket=known["bucket"])
    client.close()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_s3_refuses_an_anonymous_caller(running: Stack, method: str) -> None:
    url = urlsplit(running.endpoints["s3"]["endpoint_url"])
    assert anonymous_status(url.netloc, method, "/annostream/.annostream/probe") == 403


def test_a_services_s3_keys_open_our_bucket_alone(running: Stack) -> None:
    known = load_or_create(DataDirectory.at(running.data_dir))
    access_key, secret_key = known.s3["ingest"]
    ingest = replace(S3Access(**running.endpoints["s3"]), access_key=access_key, secret_key=secret_key)
    assert send(ingest, "PUT", "/annostream/projects/p/x", b"x") == 200
    assert send(ingest, "GET", "/annostream/projects/p/x") == 200
    assert send(ingest, "DELETE", "/annostream/projects/p/x") == 204
    assert send(ingest, "PUT", "/other") == 403


def test_the_inner_ports_of_s3_take_no_stranger(running: Stack) -> None:
    host, port = urlsplit(running.endpoints["s3"]["endpoint_url"]).netloc.split(":")
    filer, volume = int(port) + 7, int(port) + 5  # the order of ports.SERVER_PORTS
    path = "/buckets/annostream/.annostream/probe"
    assert {anonymous_status(f"{host}:{filer}", method, path) for method in ("GET", "PUT", "DELETE")} == {401}
    assert anonymous_status(f"{host}:{volume}", "DELETE", "/1,01637037d6") == 401
    with grpc.insecure_channel(f"{host}:{filer + 1}") as channel:
        call = channel.unary_unary("/filer_pb.SeaweedFiler/Ping", request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.RpcError):
            call(b"", timeout=3)


def anonymous_status(netloc: str, method: str, path: str) -> int:
    connection = http.client.HTTPConnection(netloc, timeout=5)
    try:
        connection.request(method, path, body=b"x" if method == "PUT" else None)
        return connection.getresponse().status
    finally:
        connection.close()
