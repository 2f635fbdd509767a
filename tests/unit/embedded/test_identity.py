"""Tokens are signed by this data directory's key, say who and what, and are written anew in time."""

import json
import stat
import time
from pathlib import Path

import jwt
import pytest

from annostream_embedded.data_directory import DataDirectory
from annostream_embedded.endpoints import past_half_of_life
from annostream_embedded.errors import EmbeddedError
from annostream_embedded.identity import Identity
from annostream_kit.keys import KeyRing, KeyTimes

NOW = 1_700_000_000


def claims(identity: Identity, token: str) -> dict[str, object]:
    keys = json.loads(identity.jwks_file.read_text())["keys"]
    decoded: dict[str, object] = jwt.decode(
        token,
        jwt.PyJWK(next(key for key in keys if key["kid"] == jwt.get_unverified_header(token)["kid"])),
        algorithms=["EdDSA"],
        audience="annostream",
        issuer="annostream",
        options={"verify_exp": False, "verify_iat": False},
    )
    return decoded


def test_a_token_is_verified_by_the_public_key_set(tmp_path: Path) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    token = identity.mint("users/yumi", ["annotator"], 60, now=NOW)
    expected = {"sub": "users/yumi", "roles": ["annotator"], "iat": NOW, "exp": NOW + 60}
    assert expected.items() <= claims(identity, token).items()


def test_a_restart_keeps_the_key(tmp_path: Path) -> None:
    data = DataDirectory.at(tmp_path)
    assert Identity.load_or_create(data).ring.public_keys() == Identity.load_or_create(data).ring.public_keys()


def test_the_one_key_of_an_earlier_version_stays_good(tmp_path: Path) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    token = identity.mint("users/yumi", ["annotator"], 60, now=NOW)
    (key,) = identity.keys_folder.iterdir()
    key.rename(tmp_path / "identity" / "signing_key.pem")
    assert claims(Identity.load(DataDirectory.at(tmp_path)), token)["sub"] == "users/yumi"
    assert not (tmp_path / "identity" / "signing_key.pem").exists()


def test_the_gateway_and_the_supervisor_have_one_ring(tmp_path: Path) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    later = time.time() + KeyTimes().rotate_seconds
    gateways = KeyRing(identity.keys_folder, identity.jwks_file, now=lambda: later)
    gateways.refresh()
    assert len(json.loads(identity.jwks_file.read_text())["keys"]) == 2
    identity.refresh(now=later)
    assert identity.ring.public_keys() == gateways.public_keys() == identity.jwks_file.read_bytes()


def test_a_key_file_that_is_none_is_named(tmp_path: Path) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    (key,) = identity.keys_folder.iterdir()
    key.write_text("none")
    with pytest.raises(EmbeddedError, match=key.name):
        Identity.load(DataDirectory.at(tmp_path))


def test_the_key_and_the_services_tokens_are_their_owners_alone(tmp_path: Path) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    identity.write_service_tokens(["export"], 60)
    for file in (*identity.keys_folder.iterdir(), identity.token_file("export")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_services_token_names_its_account(tmp_path: Path) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    identity.write_service_tokens(["export"], 60)
    found = claims(identity, identity.token_file("export").read_text())
    assert (found["sub"], found["roles"]) == ("service-accounts/export", ["service"])


@pytest.mark.parametrize(("roles", "lifetime"), [([], 60), (["boss"], 60), (["owner"], 0), (["owner"], 8 * 86400)])
def test_a_token_that_no_service_would_take_is_not_made(tmp_path: Path, roles: list[str], lifetime: int) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    with pytest.raises(EmbeddedError):
        identity.mint("users/yumi", roles, lifetime)


def test_no_token_is_made_where_nothing_was_ever_started(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="annostream up"):
        Identity.load(DataDirectory.at(tmp_path))


@pytest.mark.parametrize(("seconds", "due"), [(0, False), (29, False), (30, True), (90, True)])
def test_a_token_is_due_at_half_of_its_life(tmp_path: Path, seconds: int, due: bool) -> None:
    token = Identity.load_or_create(DataDirectory.at(tmp_path)).mint("users/owner", ["owner"], 60, now=NOW)
    assert past_half_of_life(token, now=NOW + seconds) is due


def test_no_token_is_due_at_once() -> None:
    assert past_half_of_life("")
