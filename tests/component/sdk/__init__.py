"""The client against a real Kafka."""
