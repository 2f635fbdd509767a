"""The secrets of one data directory, made at its first start and kept in one file of mode 0600."""

import json
import secrets
import uuid
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass

from annostream_embedded.data_directory import DataDirectory, read_json, write_whole
from annostream_embedded.settings import SERVICES

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
    known = read_json(data.credentials)
    if known:
        known["s3"] = {name: (pair[0], pair[1]) for name, pair in known["s3"].items()}
        return Credentials(**known)
    made = _create()
    write_whole(data.credentials, json.dumps(asdict(made), indent=2))
    return made


def _create() -> Credentials:
    return Credentials(
        kafka_cluster_id=urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="),
        kafka={name: secrets.token_hex(16) for name in (KAFKA_ADMIN, KAFKA_CLIENT, *SERVICES)},
        mongodb={name: secrets.token_hex(16) for name in (MONGODB_ROOT, *SERVICES)},
        mongodb_keyfile=secrets.token_hex(64),
        s3={name: (secrets.token_hex(10).upper(), secrets.token_hex(20)) for name in (S3_ADMIN, *SERVICES)},
        s3_signing_key=secrets.token_hex(32),
    )
