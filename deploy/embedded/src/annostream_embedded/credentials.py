"""The secrets of one data directory, made at its first start and kept in one file of mode 0600."""

import json
import secrets
import uuid
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass

from annostream_embedded.data_directory import DataDirectory, read_json, write_whole
from annostream_embedded.settings import SERVICES, WITH_DATABASE

KAFKA_ADMIN = "admin"
KAFKA_CLIENT = "client"
MONGODB_ROOT = "root"
S3_ADMIN = "admin"


@dataclass(frozen=True)
class Credentials:
    """Passwords by principal; S3's are pairs of access key and secret key."""

    kafka_cluster_id: str
    kafka: dict[str, str]
    mongodb: dict[str, str]
    mongodb_keyfile: str
    s3: dict[str, tuple[str, str]]
    s3_signing_key: str


def load_or_create(data: DataDirectory) -> Credentials:
    """Those of principals that came with a newer version are added."""
    known, made = read_json(data.credentials), asdict(_create())
    for name, kept in known.items():
        made[name] = {**made[name], **kept} if isinstance(kept, dict) else kept
    if made != known:
        write_whole(data.credentials, json.dumps(made, indent=2))
    made["s3"] = {name: (pair[0], pair[1]) for name, pair in made["s3"].items()}
    return Credentials(**made)


def _create() -> Credentials:
    return Credentials(
        kafka_cluster_id=urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="),
        kafka={name: secrets.token_hex(16) for name in (KAFKA_ADMIN, KAFKA_CLIENT, *SERVICES)},
        mongodb={name: secrets.token_hex(16) for name in (MONGODB_ROOT, *WITH_DATABASE)},
        mongodb_keyfile=secrets.token_hex(64),
        s3={name: (secrets.token_hex(10).upper(), secrets.token_hex(20)) for name in (S3_ADMIN, *SERVICES)},
        s3_signing_key=secrets.token_hex(32),
    )
