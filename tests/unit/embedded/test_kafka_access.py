"""The table of grants: each principal may do its own work and nobody else's."""

from annostream_embedded.kafka_access import DOOR, OWN_TOPIC, Grant, KafkaAccess, grants

TOPICS = (DOOR, *OWN_TOPIC.values())


def may(principal: str, operation: str, kind: str, name: str) -> bool:
    """As Kafka decides: any denial wins, else one permission is enough."""
    fitting = [
        grant for grant in grants() if (grant.principal, grant.operation, grant.kind) == (principal, operation, kind)
    ]
    fitting = [grant for grant in fitting if covers(grant, name)]
    return any(not grant.denied for grant in fitting) and not any(grant.denied for grant in fitting)


def covers(grant: Grant, name: str) -> bool:
    return name.startswith(grant.name) if grant.prefixed else grant.name in {name, "*"}


def test_an_event_topic_is_written_by_its_service_and_by_replays_alone() -> None:
    for owner, topic in OWN_TOPIC.items():
        writers = {name for name in (*OWN_TOPIC, "client", "stranger") if may(name, "write", "topic", topic)}
        assert writers == {owner, "client"}


def test_each_service_may_put_aside_what_it_cannot_read() -> None:
    for service in OWN_TOPIC:
        for topic in TOPICS:
            if may(service, "read", "topic", topic):
                assert may(service, "write", "topic", f"{topic}.dlq")


def test_the_client_reads_everything_and_writes_no_dead_letter() -> None:
    for topic in TOPICS:
        assert may("client", "read", "topic", topic)
        assert may("client", "read", "topic", f"{topic}.dlq")
        assert not may("client", "write", "topic", f"{topic}.dlq")


def test_the_client_joins_any_group_but_a_services() -> None:
    assert may("client", "read", "group", "client-training")
    assert may("client", "read", "group", "console-consumer-81321")
    assert may("client", "describe", "group", "annostream-annotate")
    assert not may("client", "read", "group", "annostream-annotate")


def test_a_service_joins_its_own_groups_alone() -> None:
    for service in OWN_TOPIC:
        joined = {other for other in OWN_TOPIC if may(service, "read", "group", f"annostream-{other}")}
        assert joined == {service}


def test_the_password_is_not_shown() -> None:
    access = KafkaAccess("h:1", "SASL_PLAINTEXT", "SCRAM-SHA-256", "client", "hidden")
    assert "hidden" not in repr(access)
    assert access.environment()["ANNOSTREAM_KAFKA_PASSWORD"] == "hidden"
