"""The seam to the sdk, which knows the topics: what `annostream topics apply` does, as Kafka's admin."""
# ruff: noqa: PLC0415  # the sdk takes a second to import: load() does it while the servers boot

from importlib import import_module

from annostream_embedded.errors import EmbeddedError
from annostream_embedded.kafka_access import KafkaAccess


def load() -> None:
    import_module("annostream_sdk.topics")


async def apply_topics(admin: KafkaAccess) -> str:
    """What was done, in words. Raises EmbeddedError with the sdk's reason when Kafka refuses."""
    from annostream_sdk.endpoints import KafkaConnection
    from annostream_sdk.errors import AnnostreamError
    from annostream_sdk.topics import apply

    try:
        changes = await apply(KafkaConnection(**admin.endpoint()))
    except AnnostreamError as error:
        raise EmbeddedError(f"The topics could not be made: {error}") from error
    created = sum(change.action == "created" for change in changes)
    altered = sum(change.action == "altered" for change in changes)
    return f"{len(changes)} topics: {created} created, {altered} altered"
