"""Nobody gets in where they don't belong: other people's clients, without credentials or with too few."""

from __future__ import annotations

from typing import Any

import aiokafka
import grpc
import pymongo
import pytest
from aiokafka.errors import KafkaError
from botocore.exceptions import ClientError
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from pymongo.errors import OperationFailure

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.export.v1 import export_service_pb2
from annostream.ingest.v1 import ingest_service_pb2
from tests.end_to_end.kafka_log import connection
from tests.end_to_end.world import World

_SERVICES = {
    "ingest": "annostream.ingest.v1.IngestService",
    "annotate": "annostream.annotate.v1.AnnotateService",
    "export": "annostream.export.v1.ExportService",
}


@pytest.mark.parametrize("service", _SERVICES)
async def test_a_call_without_a_token_is_told_how_to_get_one(world: World, service: str) -> None:
    calls: dict[str, tuple[Any, Message]] = {
        "ingest": (world.ingest.GetAsset, ingest_service_pb2.GetAssetRequest()),
        "annotate": (world.annotate.ListProjects, annotate_api.ListProjectsRequest()),
        "export": (world.export.ListSnapshots, export_service_pb2.ListSnapshotsRequest()),
    }
    method, request = calls[service]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await method(request)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "annostream token" in (refused.value.details() or "")


async def test_an_annotator_may_not_make_projects_and_the_refusal_has_a_reason(world: World) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.call(
            world.annotate.CreateProject,
            annotate_api.CreateProjectRequest(display_name="mine"),
            subject="users/yumi",
            role="annotator",
        )
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    trailing: Any = refused.value.trailing_metadata()  # grpc's stubs do not say that these are pairs
    status = status_pb2.Status.FromString(dict(trailing)["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo.FromString(status.details[0].value)
    assert (info.domain, info.reason) == ("annostream", "ROLE_TOO_LOW")


@pytest.mark.parametrize("service", _SERVICES)
def test_reflection_lists_the_service(world: World, service: str) -> None:
    with grpc.insecure_channel(world.endpoints["grpc"][service]) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert _SERVICES[service] in database.get_services()
        assert DescriptorPool(database).FindServiceByName(_SERVICES[service]).methods


async def test_kafka_takes_no_wrong_password(world: World) -> None:
    consumer = aiokafka.AIOKafkaConsumer(**connection(world.endpoints["kafka"], password="wrong"))
    with pytest.raises(KafkaError):
        await consumer.start()
    await consumer.stop()


async def test_kafka_takes_no_anonymous_caller(world: World) -> None:
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=world.endpoints["kafka"]["bootstrap_servers"])
    with pytest.raises(KafkaError):
        await consumer.start()
    await consumer.stop()


def test_mongodb_takes_no_anonymous_caller(world: World) -> None:
    address = world.endpoints["mongodb"].rsplit("@", 1)[-1].split("/")[0]
    with (
        pymongo.MongoClient[dict[str, Any]](f"mongodb://{address}/?directConnection=true") as client,
        pytest.raises(OperationFailure, match="auth"),
    ):
        client["annostream_annotate"]["tasks"].find_one()


def test_s3_takes_no_wrong_key(world: World) -> None:
    bucket = world.endpoints["s3"]["bucket"]
    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|InvalidAccessKeyId|AccessDenied|403"):
        world.bucket.client(secret_key="wrong").list_objects_v2(Bucket=bucket)


def test_endpoints_are_readable_by_their_owner_alone(world: World) -> None:
    assert (world.stack.data_dir / "endpoints.json").stat().st_mode & 0o777 == 0o600
