"""Servers that the user brings: their addresses and credentials come from the environment and are passed on."""

from collections.abc import Mapping
from dataclasses import dataclass

from annostream_embedded.kafka_access import KafkaAccess
from annostream_embedded.mongodb import service_database
from annostream_embedded.s3_request import S3Access


@dataclass(frozen=True)
class ExternalMongoDB:
    uri: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ExternalMongoDB":
        return cls(environment["ANNOSTREAM_MONGODB_URI"])

    def environment(self, service: str) -> dict[str, str]:
        return {"ANNOSTREAM_MONGODB_URI": self.uri, "ANNOSTREAM_MONGODB_DATABASE": service_database(service)}

    def endpoint(self) -> str:
        return self.uri


@dataclass(frozen=True)
class ExternalKafka:
    """One principal for all: the user's own ACLs say what it may do."""

    given: KafkaAccess

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ExternalKafka":
        def read(name: str, default: str) -> str:
            return environment.get(f"ANNOSTREAM_KAFKA_{name}", default)

        protocol, mechanism = read("SECURITY_PROTOCOL", "PLAINTEXT"), read("SASL_MECHANISM", "SCRAM-SHA-256")
        return cls(
            KafkaAccess(read("BOOTSTRAP_SERVERS", ""), protocol, mechanism, read("USERNAME", ""), read("PASSWORD", ""))
        )

    def access(self, _principal: str) -> KafkaAccess:
        return self.given

    def environment(self, _service: str) -> dict[str, str]:
        return self.given.environment()

    def endpoint(self) -> dict[str, str]:
        return self.given.endpoint()


@dataclass(frozen=True)
class ExternalS3:
    given: S3Access

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ExternalS3":
        def read(name: str, default: str) -> str:
            return environment.get(f"ANNOSTREAM_S3_{name}", default)

        keys = read("ACCESS_KEY", ""), read("SECRET_KEY", "")
        return cls(S3Access(read("ENDPOINT_URL", ""), read("REGION", "us-east-1"), *keys, read("BUCKET", "annostream")))

    def environment(self, _service: str) -> dict[str, str]:
        return self.given.environment()

    def endpoint(self) -> dict[str, str]:
        return self.given.endpoint()
