"""Where the ports end: MongoDB, Kafka, S3, the other services."""
