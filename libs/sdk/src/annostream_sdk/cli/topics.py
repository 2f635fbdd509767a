"""`annostream topics`: the Kafka topics that Annostream needs."""

from dataclasses import replace
from typing import Annotated

import typer

from annostream_sdk import topics
from annostream_sdk.cli.session import Session, command
from annostream_sdk.endpoints import KafkaConnection

app = typer.Typer(no_args_is_help=True)


@command(app, "apply")
async def apply_topics(
    session: Session,
    bootstrap_servers: Annotated[
        str | None,
        typer.Option(
            help="Kafka's address (host:port). [default: $ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS]", show_default=False
        ),
    ] = None,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            envvar="ANNOSTREAM_KAFKA_PARTITIONS",
            help="Partitions of each topic; existing ones grow to it, none shrinks. New ones have 12 else.",
            show_default=False,
        ),
    ] = None,
    replication_factor: Annotated[
        int | None,
        typer.Option(
            min=1, help="Replicas of new topics; else as many as there are brokers, at most 3.", show_default=False
        ),
    ] = None,
) -> None:
    """Create the topics that are missing and correct the settings of the others. Safe to repeat.

    ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS, …_SECURITY_PROTOCOL, …_SASL_MECHANISM, …_USERNAME and …_PASSWORD win over what
    endpoints.json says. The principal needs the right to create and alter topics. That of endpoints.json lacks it: the
    embedded Kafka needs no apply, `annostream up` does it at each start.
    """
    changes = await topics.apply(
        _connection(session, bootstrap_servers), partitions=partitions, replication_factor=replication_factor
    )
    if session.as_json:
        session.print_json([{**vars(change), "details": dict(change.details)} for change in changes])
        return
    rows = [(change.topic, change.action, change.partitions, _settings(change)) for change in changes]
    session.print_table(("topic", "", "partitions", "settings"), rows)


def _connection(session: Session, bootstrap_servers: str | None) -> KafkaConnection:
    if bootstrap_servers:
        named = {"ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers}
        session = replace(session, environment={**session.environment, **named})
    return session.kafka()


def _settings(change: topics.Change) -> str:
    return ", ".join(f"{name}={value}" for name, value in change.details.items())
