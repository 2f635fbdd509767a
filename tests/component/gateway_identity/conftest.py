"""A gateway with identity, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
import pytest_asyncio

from annostream_gateway.settings import Settings
from tests.component.gateway_identity.gateway import Gateway, gateway_of
from tests.conftest import SettingsFactory

MakeGateway = Callable[..., AbstractAsyncContextManager[Gateway]]


@pytest.fixture
def make_gateway(service_settings: SettingsFactory) -> MakeGateway:
    """With the key ring that `annostream token` signs with, and hashes that cost next to nothing."""

    def make(**changes: object) -> AbstractAsyncContextManager[Gateway]:
        cheap = {"password_hash_memory_kibibytes": 8, "password_hash_iterations": 1}
        settings = service_settings("gateway", Settings, **{**cheap, **changes})
        assert isinstance(settings, Settings)
        return gateway_of(settings)

    return make


@pytest_asyncio.fixture
async def gateway(make_gateway: MakeGateway) -> AsyncIterator[Gateway]:
    async with make_gateway() as made:
        yield made
