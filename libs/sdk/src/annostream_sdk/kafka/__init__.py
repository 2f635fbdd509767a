"""The one package that speaks to Kafka: the cluster's topics, reading records, sending them again."""

from annostream_sdk.kafka.cluster import Cluster, TopicState, open_cluster
from annostream_sdk.kafka.records import KafkaRecord, Position, TopicReader, TopicWriter, open_reader, open_writer

__all__ = [
    "Cluster",
    "KafkaRecord",
    "Position",
    "TopicReader",
    "TopicState",
    "TopicWriter",
    "open_cluster",
    "open_reader",
    "open_writer",
]
