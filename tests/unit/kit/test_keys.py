"""The key ring: whatever the clock and the replicas do, a token in its life is verified by the public keys."""

from __future__ import annotations

import stat
from pathlib import Path

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from annostream_kit.auth import Role, TokenVerifier
from annostream_kit.errors import MisconfiguredError, Unauthenticated
from annostream_kit.keys import KeyRing, KeyTimes, is_next_due, public, signer

TIMES = KeyTimes(rotate_seconds=1000, publish_ahead_seconds=50, overlap_seconds=200)
NOW = 1_700_000_000


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(tmp_path: Path, clock: Clock) -> KeyRing:
    made = KeyRing(tmp_path / "keys", tmp_path / "jwks.json", TIMES, now=clock)
    made.refresh()
    return made


def _mint(ring: KeyRing, clock: Clock, seconds: int = 200) -> str:
    return ring.mint("users/yumi", ["annotator"], issued_at=int(clock.now), expires_at=int(clock.now) + seconds)


def _kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


@given(
    steps=st.lists(st.integers(1, 1500), min_size=1, max_size=40),
    life=st.integers(1, 5000),
    times=st.builds(KeyTimes, st.integers(100, 3000), st.integers(0, 400), st.just(5000)),
)
def test_a_token_in_its_life_is_always_verified_however_late_keys_are_made(
    steps: list[int], life: int, times: KeyTimes
) -> None:
    now, made, signed = 0, [0], list[tuple[int, int]]()
    for step in steps:
        now += step
        if is_next_due(made, times, now):
            made.append(now)
        made = [key for key in made if key in public(made, times, now)]
        signed.append((signer(made, times, now), now + life))
        assert {key for key, end in signed if now < end} <= set(public(made, times, now))


@given(made=st.sets(st.integers(0, 5000), min_size=2), now=st.integers(0, 6000))
def test_a_key_is_public_for_a_while_before_it_signs_unless_it_is_the_first(made: set[int], now: int) -> None:
    chosen = signer(sorted(made), TIMES, now)
    assert chosen + TIMES.publish_ahead_seconds <= now or chosen == min(made)


def test_the_services_verify_what_it_signs(ring: KeyRing, clock: Clock) -> None:
    caller = TokenVerifier(ring.jwks_file, now=clock).verify(f"Bearer {_mint(ring, clock)}")
    assert (caller.subject, caller.role, caller.expires_at) == ("users/yumi", Role.ANNOTATOR, NOW + 200)


def test_rotation_goes_unnoticed_by_a_service_that_reads_the_file(ring: KeyRing, clock: Clock) -> None:
    verifier = TokenVerifier(ring.jwks_file, now=clock)
    seen = set()
    for _ in range(60):
        clock.now += 45
        ring.refresh()
        token = _mint(ring, clock)
        assert verifier.verify(f"Bearer {token}").subject == "users/yumi"
        seen.add(_kid(token))
    assert len(seen) == 3


def test_what_a_removed_key_signed_is_refused(ring: KeyRing, clock: Clock) -> None:
    token = _mint(ring, clock)
    for seconds in (TIMES.rotate_seconds, TIMES.publish_ahead_seconds + TIMES.overlap_seconds + 120):
        clock.now += seconds
        ring.refresh()
    assert len(list(ring.folder.glob("*.pem"))) == 1
    with pytest.raises(Unauthenticated, match="TOKEN_INVALID"):
        TokenVerifier(ring.jwks_file, now=lambda: NOW).verify(f"Bearer {token}")


def test_replicas_share_what_one_of_them_made(ring: KeyRing, clock: Clock) -> None:
    other = KeyRing(ring.folder, ring.jwks_file, TIMES, now=clock)
    clock.now += TIMES.rotate_seconds
    for one in (ring, other, ring):
        one.refresh()
    assert len(list(ring.folder.iterdir())) == 2
    assert ring.public_keys() == other.public_keys() == ring.jwks_file.read_bytes()


def test_private_keys_are_their_owners_alone_and_never_in_the_public_set(ring: KeyRing) -> None:
    (file,) = ring.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {"d"}.isdisjoint(*(key.keys() for key in orjson.loads(ring.jwks_file.read_bytes())["keys"]))


def test_an_unchanged_public_set_is_not_written_again(ring: KeyRing) -> None:
    before = ring.jwks_file.stat().st_ino
    ring.refresh()
    assert ring.jwks_file.stat().st_ino == before


def test_a_ring_that_others_fill_makes_and_removes_nothing(tmp_path: Path, ring: KeyRing, clock: Clock) -> None:
    theirs = KeyRing(ring.folder, tmp_path / "other.json", TIMES, rotate=False, now=clock)
    clock.now += 10 * TIMES.rotate_seconds
    theirs.refresh()
    assert len(list(ring.folder.iterdir())) == 1
    with pytest.raises(MisconfiguredError, match="no signing key"):
        KeyRing(tmp_path / "none", tmp_path / "other.json", rotate=False).refresh()


@pytest.mark.parametrize(("roles", "seconds"), [([], 60), (["boss"], 60), (["owner"], 0), (["owner"], 201)])
def test_a_token_that_no_service_would_take_to_its_end_is_not_made(
    ring: KeyRing, roles: list[str], seconds: int
) -> None:
    with pytest.raises(ValueError, match=r"no role|lives for"):
        ring.mint("users/yumi", roles, issued_at=NOW, expires_at=NOW + seconds)


@pytest.mark.parametrize("kind", ["garbage", "rsa"])
def test_a_file_that_is_no_key_is_named(ring: KeyRing, kind: str) -> None:
    content = b"none"
    if kind == "rsa":
        content = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    (ring.folder / f"{NOW + 1}.pem").write_bytes(content)
    with pytest.raises(MisconfiguredError, match=f"{NOW + 1}.pem"):
        ring.refresh()
