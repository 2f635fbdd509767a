"""CreateUploads and CompleteUploads on the wire."""

from __future__ import annotations

from annostream.ingest.v1 import asset_pb2, upload_pb2
from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream_ingest.domain.refusal import Refusal, Rejection
from annostream_ingest.messages import arrival_of, asset_to_wire, project_id, rejection_to_wire, timestamp
from annostream_ingest.use_cases.intake import Acknowledged
from annostream_ingest.use_cases.uploads import Answer, Arrived, Opened, Wanted
from annostream_kit.errors import InvalidArgument
from annostream_kit.ids import parse_name


def wanted_of(request: api.CreateUploadsRequest) -> list[Wanted]:
    """Raises InvalidArgument INVALID_NAME."""
    project_id(request.parent)
    return [_wanted_of(request.parent, upload) for upload in request.uploads]


def _wanted_of(parent: str, upload: api.CreateUploadsRequest.NewUpload) -> Wanted:
    header = api.AssetHeader(
        parent=parent, path=upload.path, dedupe_key=upload.dedupe_key, size_bytes=upload.size_bytes
    )
    if upload.HasField("metadata"):
        header.metadata.CopyFrom(upload.metadata)
    arrival, refusal = arrival_of(header)
    return Wanted(arrival, upload.media_type, refusal)


def opened_to_wire(result: Opened | Rejection) -> api.CreateUploadsResponse.Result:
    if isinstance(result, Rejection):
        return api.CreateUploadsResponse.Result(rejection=rejection_to_wire(result))
    upload = upload_pb2.Upload(
        name=result.upload.key,
        put_urls=result.links,
        part_size_bytes=result.upload.part_bytes,
        expire_time=timestamp(result.upload.expires_at),
    )
    return api.CreateUploadsResponse.Result(upload=upload)


def arrived_of(request: api.CompleteUploadsRequest) -> tuple[str, list[Arrived]]:
    """Project and what has arrived, which must all be of that project; raises InvalidArgument INVALID_NAME."""
    project = project_id(request.parent)
    arrived: list[Arrived] = []
    for upload in request.uploads:
        of, own = parse_name("projects/*/uploads/*", upload.name)
        if of != project:
            message = f"{upload.name} is not an upload of {request.parent}: send one call for each project."
            raise InvalidArgument("INVALID_NAME", message, name=upload.name)
        arrived.append(Arrived(own, tuple(upload.part_etags)))
    return project, arrived


def answer_to_wire(answer: Answer) -> api.CompleteUploadsResponse.Result:
    if isinstance(answer, Acknowledged):
        taken = api.CompleteUploadsResponse.Taken(asset=asset_to_wire(answer.asset), duplicate=answer.duplicate)
        return api.CompleteUploadsResponse.Result(taken=taken)
    if isinstance(answer, Refusal):
        undecided = asset_pb2.Rejection(reason=answer.reason, message=answer.message)
        return api.CompleteUploadsResponse.Result(rejection=undecided)
    return api.CompleteUploadsResponse.Result(rejection=rejection_to_wire(answer))
