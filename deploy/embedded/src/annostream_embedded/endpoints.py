"""endpoints.json: how a client of this machine reaches everything, with an owner's token that never grows old."""

import json
import os
import time
from typing import Any

import jwt

from annostream_embedded.data_directory import DataDirectory, read_json, write_whole
from annostream_embedded.plan import Plan
from annostream_embedded.services import addresses
from annostream_embedded.settings import SERVICES, Settings

OWNER = "users/owner"
HOW_TO_STOP = "Ctrl-C stops it; the data stays."


def write(data: DataDirectory, plan: Plan, settings: Settings) -> None:
    """Mode 0600: it holds the owner's token and the servers' credentials."""
    replicas = addresses(plan.ports)
    content = {
        "grpc": {service: listed[0] for service, listed in replicas.items()},
        "grpc_replicas": replicas,
        "kafka": plan.kafka.endpoint(),
        "mongodb": plan.mongodb.endpoint(),
        "s3": plan.s3.endpoint(),
        **({"http": plan.http} if plan.http else {}),
        "token": plan.identity.mint(OWNER, ["owner"], settings.owner_token_lifetime_seconds),
        "pid": os.getpid(),
    }
    write_whole(data.endpoints, json.dumps(content, indent=2))


def renew_tokens(data: DataDirectory, plan: Plan, settings: Settings) -> None:
    """Each token is written anew once half of its life is over, signed by the key whose turn it is."""
    plan.identity.refresh()
    if past_half_of_life(read_json(data.endpoints).get("token", "")):
        write(data, plan, settings)
    for service in SERVICES:
        if past_half_of_life(plan.identity.token_file(service).read_text()):
            plan.identity.write_service_tokens([service], settings.service_token_lifetime_seconds)


def past_half_of_life(token: str, *, now: float | None = None) -> bool:
    if not token:
        return True
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    middle = (float(claims["iat"]) + float(claims["exp"])) / 2
    return (time.time() if now is None else now) >= middle


def describe(data: DataDirectory, plan: Plan, seconds: float) -> str:
    """For the person at the terminal: addresses, never secrets."""
    services = {program.name.rsplit("-", 1)[0] for program in plan.services}
    rows = [(name, ", ".join(listed)) for name, listed in addresses(plan.ports).items() if name in services]
    rows.append(("MongoDB", plan.mongodb.endpoint().rsplit("@", 1)[-1].split("/")[0].removeprefix("mongodb:")))
    rows.append(("Kafka", plan.kafka.endpoint()["bootstrap_servers"]))
    rows.append(("S3", plan.s3.endpoint()["endpoint_url"]))
    rows.append(("endpoints", str(data.endpoints)))
    lines = [f"Annostream is up after {seconds:.1f} s:", *(f"  {name:<10} {value}" for name, value in rows)]
    lines.append(HOW_TO_STOP)
    # Last, where the eye is, and where a terminal makes it a link.
    return "\n".join([*lines, f"Open {plan.http}"] if plan.http else lines)
