"""Tokens are signed by this data directory's key, say who and what, and are written anew in time."""

import json
import stat
from pathlib import Path

import jwt
import pytest

from annostream_embedded.data_directory import DataDirectory
from annostream_embedded.endpoints import past_half_of_life
from annostream_embedded.errors import EmbeddedError
from annostream_embedded.identity import Identity

NOW = 1_700_000_000


def claims(identity: Identity, token: str) -> dict[str, object]:
    keys = json.loads(identity.jwks_file.read_text())["keys"]
    assert jwt.get_unverified_header(token)["kid"] == keys[0]["kid"]
    decoded: dict[str, object] = jwt.decode(
        token,
        jwt.PyJWK(keys[0]),
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
    assert Identity.load_or_create(data).public_key() == Identity.load_or_create(data).public_key()


def test_the_key_and_the_services_tokens_are_their_owners_alone(tmp_path: Path) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    identity.write_service_tokens(["export"], 60)
    for file in (tmp_path / "identity" / "signing_key.pem", identity.token_file("export")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_services_token_names_its_account(tmp_path: Path) -> None:
    identity = Identity.load_or_create(DataDirectory.at(tmp_path))
    identity.write_service_tokens(["export"], 60)
    found = claims(identity, identity.token_file("export").read_text())
    assert (found["sub"], found["roles"]) == ("service-accounts/export", ["service"])


@pytest.mark.parametrize(("roles", "lifetime"), [([], 60), (["boss"], 60), (["owner"], 0)])
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
