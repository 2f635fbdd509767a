"""Identity's settings fit together, and its keys are kept current whatever happens to their folder."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from annostream_gateway.identity.domain.policy import Policy
from annostream_gateway.identity.wiring import Identity
from annostream_gateway.settings import Settings
from annostream_kit.errors import MisconfiguredError


def _settings(**changes: Any) -> Settings:
    required = {"mongodb_uri": "mongodb://db/", "jwks_file": Path("jwks.json"), "signing_keys_folder": Path("keys")}
    return Settings(**{**required, **changes})


def test_the_defaults_of_the_settings_are_those_of_the_policy() -> None:
    assert _settings().policy() == Policy()


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token_lifetime_seconds": 700, "signing_key_overlap_seconds": 600},
        {"api_token_default_days": 2, "api_token_max_days": 1},
        {"invitation_default_days": 2, "invitation_max_days": 1},
        {"sign_up": "sometimes"},
        {"sign_up_role": "owner"},
    ],
)
def test_settings_that_contradict_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        _settings(**changes)


def test_clients_are_told_the_addresses_that_they_can_reach() -> None:
    settings = _settings(ingest_address="ipv4:10.0.0.1:1,10.0.0.2:1", advertised_annotate_address="label.example:2")
    assert settings.advertised_addresses() == {"ingest": "10.0.0.1:1,10.0.0.2:1", "annotate": "label.example:2"}


async def test_keys_are_looked_after_though_their_folder_is_away_for_a_while() -> None:
    looks = list[int]()

    class Ring:
        def refresh(self) -> None:
            looks.append(len(looks))
            if len(looks) == 1:
                raise OSError("away")
            if len(looks) == 2:
                raise MisconfiguredError("no key")

    unused: Any = None
    identity = Identity(unused, unused, (), ring=Ring(), refresh_seconds=0.0)  # type: ignore[arg-type]  # all it needs
    keeping = asyncio.create_task(identity.keep_keys())
    async with asyncio.timeout(60):
        while len(looks) < 4:
            await asyncio.sleep(0)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
