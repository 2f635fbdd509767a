"""Kafka behind plain types: the one package of the kit that imports aiokafka."""

from annostream_kit.kafka.connection import connection
from annostream_kit.kafka.producer import Producer
from annostream_kit.kafka.reader import MissingTopicError, TopicReader
from annostream_kit.kafka.subscription import Subscription

__all__ = ["MissingTopicError", "Producer", "Subscription", "TopicReader", "connection"]
