"""The border: what the domain says, as protobuf, and back."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from annostream.annotate.v1 import project_pb2
from annostream.ingest.v1 import asset_pb2, events_pb2, ingest_service_pb2
from annostream_ingest.domain.arrival import Arrival, clean_path
from annostream_ingest.domain.asset import Asset, AssetDeleted, AssetIngested, AssetPurged, Fact, Image, State
from annostream_ingest.domain.blob import blob_key
from annostream_ingest.domain.listing import Listing
from annostream_ingest.domain.metadata import Json
from annostream_ingest.domain.project import Project
from annostream_ingest.domain.refusal import AssetRejected, Refusal, Rejection
from annostream_kit.errors import InvalidArgument
from annostream_kit.events import Event, event_of
from annostream_kit.ids import parse_name

SOURCE = "annostream/ingest"
_WHOLE_BELOW = 2.0**53
_STATES = {
    State.ACTIVE: asset_pb2.Asset.STATE_ACTIVE,
    State.DELETED: asset_pb2.Asset.STATE_DELETED,
    State.PURGED: asset_pb2.Asset.STATE_PURGED,
}
_STATES_OF_WIRE = {number: state for state, number in _STATES.items()}


def project_id(parent: str) -> str:
    """The id in projects/{project}; raises InvalidArgument INVALID_NAME."""
    return parse_name("projects/*", parent)[0]


def asset_ids(parent: str, names: list[str]) -> tuple[str, list[str]]:
    """Project and ids of assets that must all be of that project; raises InvalidArgument INVALID_NAME."""
    project = project_id(parent)
    ids: list[str] = []
    for name in names:
        of, asset = parse_name("projects/*/assets/*", name)
        if of != project:
            message = f"{name} is not an asset of {parent}: send one call for each project."
            raise InvalidArgument("INVALID_NAME", message, name=name)
        ids.append(asset)
    return project, ids


def arrival_of(header: ingest_service_pb2.AssetHeader) -> tuple[Arrival, Refusal | None]:
    """What a header says, and what is wrong with its path or metadata; raises InvalidArgument INVALID_NAME."""
    path = clean_path(header.path)
    metadata = _metadata_of(header)
    arrival = Arrival(
        project=project_id(header.parent),
        path=header.path if isinstance(path, Refusal) else path,
        dedupe_key=header.dedupe_key,
        metadata="" if isinstance(metadata, Refusal) else metadata,
        size_bytes=max(0, header.size_bytes),
        sha256=header.sha256,
    )
    refusal = next((part for part in (path, metadata) if isinstance(part, Refusal)), None)
    return arrival, refusal


def _metadata_of(header: ingest_service_pb2.AssetHeader) -> str | Refusal:
    if not header.HasField("metadata") or not header.metadata.fields:
        return ""
    try:
        return orjson.dumps(_object(header.metadata), option=orjson.OPT_SORT_KEYS).decode()
    except (ValueError, RecursionError) as error:
        return Refusal("INVALID_METADATA", f"The metadata is not JSON: {error}. Send numbers that are finite.")


def _object(struct: Struct) -> dict[str, Json]:
    return {key: _json(value) for key, value in struct.fields.items()}


def _json(value: Value) -> Json:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            return _number(value.number_value)
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _object(value.struct_value)
        case "list_value":
            return [_json(item) for item in value.list_value.values]
        case _:
            return None


def _number(number: float) -> int | float:
    """Whole numbers as such: 5 and not 5.0. Raises ValueError where it is not finite."""
    if number - number != 0:
        raise ValueError(f"{number} is no number of JSON")
    return int(number) if number.is_integer() and abs(number) < _WHOLE_BELOW else number


def timestamp(moment: datetime) -> Timestamp:
    """A naive time, of a camera that knew no time zone, is taken as UTC."""
    wire = Timestamp()
    wire.FromDatetime(moment if moment.tzinfo is None else moment.astimezone(UTC))
    return wire


def image_to_wire(image: Image) -> asset_pb2.Image:
    wire = asset_pb2.Image(
        width=image.width,
        height=image.height,
        orientation=image.orientation,
        frames=image.frames,
        colour_mode=image.colour_mode,
        format=image.format,
        phash=image.phash,
        camera=image.camera,
    )
    if image.captured_at is not None:
        wire.capture_time.CopyFrom(timestamp(image.captured_at))
    if image.location is not None:
        wire.location.CopyFrom(asset_pb2.GeoPoint(latitude=image.location[0], longitude=image.location[1]))
    return wire


def asset_to_wire(asset: Asset) -> asset_pb2.Asset:
    """A purged one has name, state and revision only."""
    if asset.state is State.PURGED:
        return asset_pb2.Asset(name=asset.name, state=_STATES[asset.state], revision=asset.revision)
    wire = asset_pb2.Asset(
        name=asset.name,
        state=_STATES[asset.state],
        storage=asset_pb2.Asset.STORAGE_COPIED,
        dedupe_key=asset.dedupe_key,
        path=asset.path,
        sha256=asset.sha256,
        md5=asset.md5,
        size_bytes=asset.size_bytes,
        media_type=asset.media_type,
        blob_key=blob_key(asset.project, asset.sha256),
        thumbnail_key=asset.thumbnail_key,
        image=image_to_wire(asset.image) if asset.image else None,
        revision=asset.revision,
        create_time=timestamp(asset.created_at),
        update_time=timestamp(asset.updated_at),
    )
    if asset.metadata:
        wire.metadata.update(orjson.loads(asset.metadata))
    return wire


def rejection_to_wire(rejection: Rejection) -> asset_pb2.Rejection:
    return asset_pb2.Rejection(
        name=rejection.name,
        path=rejection.path,
        dedupe_key=rejection.dedupe_key,
        reason=rejection.reason,
        message=rejection.message,
        sha256=rejection.sha256,
        size_bytes=rejection.size_bytes,
        revision=rejection.revision,
        create_time=timestamp(rejection.created_at),
    )


def asset_event(fact: Fact) -> Event:
    asset = fact.asset
    wire = asset_to_wire(asset)
    message: Message
    match fact:
        case AssetIngested():
            message = events_pb2.AssetIngested(asset=wire)
        case AssetDeleted():
            message = events_pb2.AssetDeleted(asset=wire)
        case AssetPurged():
            message = events_pb2.AssetPurged(asset=wire, reason=fact.reason)
    return event_of(message, source=SOURCE, subject=asset.name, revision=asset.revision, time=asset.updated_at)


def rejection_event(fact: AssetRejected) -> Event:
    rejection = fact.rejection
    message = events_pb2.AssetRejected(rejection=rejection_to_wire(rejection))
    return event_of(
        message, source=SOURCE, subject=rejection.name, revision=rejection.revision, time=rejection.created_at
    )


def listing_of(request: ingest_service_pb2.ListAssetsRequest) -> Listing:
    """Raises InvalidArgument INVALID_NAME, INVALID_FILTER."""
    state = _STATES_OF_WIRE.get(request.state or asset_pb2.Asset.STATE_ACTIVE)
    if state is None:
        raise InvalidArgument("INVALID_FILTER", f"{request.state} is no state of assets: give ACTIVE or DELETED.")
    return Listing(
        project=project_id(request.parent),
        state=state,
        created_from=_moment(request, "create_time_from"),
        created_until=_moment(request, "create_time_until"),
        path_prefix=request.path_prefix,
        metadata=dict(request.metadata),
    )


def _moment(request: ingest_service_pb2.ListAssetsRequest, field: str) -> datetime | None:
    if not request.HasField(field):  # type: ignore[arg-type]  # the stub wants a literal
        return None
    moment: Timestamp = getattr(request, field)
    try:
        return moment.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument("INVALID_FILTER", f"{field} is no time: {error}.") from error


def project_of(wire: project_pb2.Project) -> Project:
    return Project(
        id=project_id(wire.name),
        active=wire.state != project_pb2.Project.STATE_ARCHIVED,
        keep_location=wire.keep_location,
        revision=wire.revision,
    )
