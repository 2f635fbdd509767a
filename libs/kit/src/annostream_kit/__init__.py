"""The kit: what every service needs and which names no labelling concept.

settings      what differs by deployment          errors        refusals, and how they cross the wire
auth          who calls, and what they may        grpc_server   serving: tokens, roles, errors, health, reflection
events        the envelope                        outbox        from a service's documents to Kafka
consumer      from Kafka into a service           readiness     what keeps a service from being ready
mongo         the one module that imports motor   kafka         the one package that imports aiokafka
objects       the one module that speaks S3       batching      many small calls as one large
records       records of Kafka as plain types     tracing       W3C trace context
"""
