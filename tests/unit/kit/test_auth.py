"""Tokens and roles, with keys made here."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from annostream_kit.auth import Caller, Role, ServiceToken, TokenVerifier, current_caller, require, set_caller
from annostream_kit.errors import MisconfiguredError, PermissionDenied, Unauthenticated

NOW = time.time()


class Issuer:
    """A key pair and its public key set in a file."""

    def __init__(self, file: Path, kid: str = "one") -> None:
        self.file, self.kid, self.key = file, kid, Ed25519PrivateKey.generate()
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        x = urlsafe_b64encode(raw).decode().rstrip("=")
        self.public = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}
        self.publish()

    def publish(self, *others: dict[str, Any]) -> None:
        self.file.write_text(json.dumps({"keys": [self.public, *others]}))

    def token(self, **changes: Any) -> str:
        claims: dict[str, Any] = {"iss": "annostream", "aud": "annostream", "sub": "users/yumi", "roles": ["annotator"]}
        claims |= {"iat": int(NOW), "exp": int(NOW) + 600, **changes}
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm="EdDSA", headers={"kid": self.kid})


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "jwks.json")


def verifier(issuer: Issuer, *, now: float = NOW, remembered: int = 10) -> TokenVerifier:
    return TokenVerifier(issuer.file, now=lambda: now, remembered=remembered)


def reason(checking: TokenVerifier, authorization: str | None) -> str:
    with pytest.raises(Unauthenticated) as refused:
        checking.verify(authorization)
    assert "annostream token" in refused.value.message
    return refused.value.reason


def test_a_good_token_names_its_caller(issuer: Issuer) -> None:
    checking = verifier(issuer)
    for _ in range(2):
        assert checking.verify(f"Bearer {issuer.token()}") == Caller("users/yumi", Role.ANNOTATOR, int(NOW) + 600)


def test_the_greatest_role_counts(issuer: Issuer) -> None:
    assert verifier(issuer).verify(f"bearer {issuer.token(roles=['viewer', 'manager'])}").role is Role.MANAGER


@pytest.mark.parametrize("authorization", [None, "", "Basic abc", "Bearer"])
def test_no_token_is_refused(issuer: Issuer, authorization: str | None) -> None:
    assert reason(verifier(issuer), authorization) == "TOKEN_MISSING"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "others"},
        {"aud": "others"},
        {"sub": None},
        {"exp": None},
        {"exp": "soon"},
        {"roles": ["emperor"]},
        {"roles": "owner"},
        {"roles": 7},
        {"roles": []},
        {"roles": None},
        {"nbf": int(NOW) + 10_000},
    ],
)
def test_a_token_with_wrong_claims_is_refused(issuer: Issuer, changes: dict[str, Any]) -> None:
    assert reason(verifier(issuer), f"Bearer {issuer.token(**changes)}") == "TOKEN_INVALID"


def test_a_token_of_a_clock_a_little_ahead_is_taken(issuer: Issuer) -> None:
    assert verifier(issuer).verify(f"Bearer {issuer.token(iat=int(time.time()) + 20)}").subject == "users/yumi"


def test_a_token_of_another_key_or_another_algorithm_is_refused(issuer: Issuer, tmp_path: Path) -> None:
    forger = Issuer(tmp_path / "other.json")
    assert reason(verifier(issuer), f"Bearer {forger.token()}") == "TOKEN_INVALID"
    unsigned = jwt.encode({"sub": "users/yumi"}, "", algorithm="none", headers={"kid": "one"})
    shared = jwt.encode({"sub": "users/yumi"}, "x" * 32, algorithm="HS256", headers={"kid": "one"})
    for token in (unsigned, shared, "a.b.c", ""):
        assert reason(verifier(issuer), f"Bearer {token}") == "TOKEN_INVALID"


def test_a_token_ends_at_its_time_even_when_it_is_remembered(issuer: Issuer) -> None:
    clock = [NOW]
    checking = TokenVerifier(issuer.file, now=lambda: clock[0])
    checking.verify(f"Bearer {issuer.token()}")
    clock[0] += 601
    assert reason(checking, f"Bearer {issuer.token()}") == "TOKEN_EXPIRED"


def test_only_so_many_tokens_are_remembered(issuer: Issuer) -> None:
    checking = verifier(issuer, remembered=2)
    for number in range(5):
        checking.verify(f"Bearer {issuer.token(sub=f'users/{number}')}")
    assert len(checking._known) == 2


def test_new_keys_are_read_and_old_tokens_end_with_their_key(issuer: Issuer, tmp_path: Path) -> None:
    checking, old = verifier(issuer), issuer.token()
    checking.verify(f"Bearer {old}")
    newer = Issuer(tmp_path / "new.json", kid="two")
    newer.file.replace(issuer.file)
    assert checking.verify(f"Bearer {newer.token()}").subject == "users/yumi"
    assert reason(checking, f"Bearer {old}") == "TOKEN_INVALID"


def test_keys_of_other_kinds_are_passed_over(issuer: Issuer) -> None:
    issuer.publish({"kty": "RSA", "n": "x", "e": "y", "kid": "rsa"}, {**issuer.public, "kid": None})
    assert verifier(issuer).verify(f"Bearer {issuer.token()}").subject == "users/yumi"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"keys": [7]}'])
def test_a_key_file_that_is_broken_for_a_moment_changes_nothing(issuer: Issuer, content: str) -> None:
    checking = verifier(issuer)
    checking.verify(f"Bearer {issuer.token()}")
    issuer.file.write_text(content or "{")
    if not content:
        issuer.file.unlink()
    assert checking.verify(f"Bearer {issuer.token()}").subject == "users/yumi"


def test_a_start_without_keys_is_refused_in_a_sentence(issuer: Issuer) -> None:
    issuer.public["x"] = "!"
    issuer.publish()
    for checking in (verifier(issuer), TokenVerifier(issuer.file.with_name("none.json"))):
        with pytest.raises(MisconfiguredError, match="ANNOSTREAM_JWKS_FILE"):
            checking.check()


def test_roles_are_in_their_order() -> None:
    assert sorted(Role) == [Role.VIEWER, Role.ANNOTATOR, Role.REVIEWER, Role.MANAGER, Role.SERVICE, Role.OWNER]
    require(Caller("users/a", Role.MANAGER, 0), Role.MANAGER, "X")
    with pytest.raises(PermissionDenied, match="PurgeAssets needs the role owner; users/a is manager"):
        require(Caller("users/a", Role.MANAGER, 0), Role.OWNER, "PurgeAssets")


def test_the_caller_of_a_call_is_known_within_it() -> None:
    import contextvars

    caller = Caller("users/a", Role.OWNER, 0)

    def within() -> Caller:
        set_caller(caller)
        return current_caller()

    context = contextvars.Context()
    assert context.run(within) == caller
    with pytest.raises(LookupError):
        contextvars.Context().run(current_caller)


def test_our_own_token_is_read_again_when_it_changes_and_kept_when_its_file_is_away(tmp_path: Path) -> None:
    file = tmp_path / "token.jwt"
    file.write_text("first\n")
    token = ServiceToken(file)
    assert [token.metadata() for _ in range(2)] == [(("authorization", "Bearer first"),)] * 2
    file.write_text("second one\n")
    assert token.metadata() == (("authorization", "Bearer second one"),)
    file.unlink()
    assert token.metadata() == (("authorization", "Bearer second one"),)


def test_a_service_without_a_token_sends_none_and_one_whose_file_is_missing_says_so(tmp_path: Path) -> None:
    assert ServiceToken(None).metadata() == ()
    with pytest.raises(MisconfiguredError, match="ANNOSTREAM_SERVICE_TOKEN_FILE"):
        ServiceToken(tmp_path / "none").metadata()
