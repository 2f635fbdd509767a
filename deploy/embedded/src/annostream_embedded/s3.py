"""The embedded S3 server: SeaweedFS in one process, an identity a service, every inner port closed to strangers."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from annostream_embedded import s3_cors
from annostream_embedded.credentials import S3_ADMIN, Credentials
from annostream_embedded.data_directory import write_whole
from annostream_embedded.errors import EmbeddedError, NotReady
from annostream_embedded.ports import LOOPBACK, Ports
from annostream_embedded.s3_certificates import write_certificate
from annostream_embedded.s3_request import S3Access, send
from annostream_embedded.server import Command, Say
from annostream_embedded.settings import Settings

BUCKET = "annostream"
REGION = "us-east-1"
_GRPC_PARTS = ("master", "volume", "filer", "s3", "client")
_SHELL_TIMEOUT_SECONDS = 30


@dataclass
class S3:
    folder: Path
    ports: Ports
    credentials: Credentials
    settings: Settings
    name: str = "s3"
    # Its own shutdown waits 15 s for streams between its parts; an acknowledged object is on disk long before.
    stop_seconds: float = 0.5
    _weed: str = field(default="weed", init=False)

    def prepare(self, say: Say) -> None:
        self._weed = find_weed()
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        write_certificate(self._home / "certificate.pem", self._home / "key.pem")
        write_whole(self._home / "security.toml", self._security())
        write_whole(self._identities, json.dumps({"identities": self._identity_list()}, indent=2))
        say(f"weed from {self._weed}")

    def command(self) -> Command:
        port = self.ports.server
        argv = [self._weed, "server", f"-dir={self.folder / 'data'}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}"]
        argv += ["-filer", "-s3", f"-s3.config={self._identities}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        argv += [
            "-master.raftHashicorp",
            "-master.raftBootstrap",
            "-master.electionTimeout=1s",
            "-master.telemetry=false",
        ]
        argv += ["-master.volumeSizeLimitMB=1024", "-volume.max=100", "-volume.preStopSeconds=0"]
        argv += [f"-volume.minFreeSpace={max(1, self.settings.min_free_bytes // 2 // 1024**2)}MiB"]
        for part in ("master", "volume", "filer"):
            argv += [f"-{part}.port={port(f's3_{part}')}", f"-{part}.port.grpc={port(f's3_{part}_grpc')}"]
        argv += [f"-s3.port={port('s3')}", f"-s3.port.grpc={port('s3_grpc')}"]
        # Relative, for a socket's path is short by law and a data directory's may be long.
        argv += ["-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"]
        return Command(tuple(argv), self.folder, self._environment())

    def make_ready(self) -> None:
        """A listing answers before a write does, so the probe is a real write."""
        access = self.access(S3_ADMIN)
        if not self._synced.exists():
            self._sync_each_object()
        made = send(access, "PUT", f"/{BUCKET}")
        probed = send(access, "PUT", f"/{BUCKET}/.annostream/probe", b"ready")
        if made not in {200, 409} or probed != 200:
            raise NotReady(f"S3 answers {made} to the bucket, {probed} to an object")
        # At each start: the gateway's port may be another than before.
        s3_cors.allow(access, s3_cors.origins(self.settings, self.ports))

    def access(self, identity: str) -> S3Access:
        access_key, secret_key = self.credentials.s3[identity]
        return S3Access(f"http://{self.ports.address('s3')}", REGION, access_key, secret_key, BUCKET)

    def environment(self, service: str) -> dict[str, str]:
        return self.access(service).environment()

    def endpoint(self) -> dict[str, str]:
        return self.access(S3_ADMIN).endpoint()

    @property
    def _home(self) -> Path:
        return self.folder / ".seaweedfs"

    @property
    def _identities(self) -> Path:
        return self.folder / "identities.json"

    @property
    def _synced(self) -> Path:
        return self.folder / "synced"

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.folder)}

    def _sync_each_object(self) -> None:
        """Once a data directory: the rule is kept by the filer."""
        master = f"{LOOPBACK}:{self.ports.server('s3_master')}.{self.ports.server('s3_master_grpc')}"
        filer = f"{LOOPBACK}:{self.ports.server('s3_filer')}.{self.ports.server('s3_filer_grpc')}"
        try:
            done = subprocess.run(
                [self._weed, "shell", f"-master={master}", f"-filer={filer}"],
                input="fs.configure -locationPrefix=/buckets/ -fsync=true -apply\nexit\n",
                cwd=self.folder,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=_SHELL_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NotReady("S3 did not take its settings yet") from error
        if '"fsync"' not in done.stdout or done.returncode:
            raise NotReady(f"S3 did not take its settings yet: {(done.stderr or done.stdout).strip()[-500:]}")
        self._synced.touch()

    def _identity_list(self) -> list[dict[str, object]]:
        whole, own = ["Admin", "Read", "Write", "List", "Tagging"], BUCKET
        return [
            {
                "name": name,
                "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
                "actions": whole if name == S3_ADMIN else [f"{action}:{own}" for action in whole],
            }
            for name, (access_key, secret_key) in self.credentials.s3.items()
        ]

    def _security(self) -> str:
        """Signed HTTP between the parts, and gRPC with certificates on both sides."""
        sections = [
            f'[{section}]\nkey = "{self.credentials.s3_signing_key}"'
            for section in ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
        ]
        certificate, key = self._home / "certificate.pem", self._home / "key.pem"
        sections.append(f'[grpc]\nca = "{certificate}"')
        sections += [f'[grpc.{part}]\ncert = "{certificate}"\nkey = "{key}"' for part in _GRPC_PARTS]
        return "\n\n".join(sections) + "\n"


def find_weed() -> str:
    """Beside this Python, where its wheel puts it, then PATH. Raises EmbeddedError when neither has it."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise EmbeddedError(
            "weed (SeaweedFS) was not found: run `make setup`, or use your own server by ANNOSTREAM_S3_ENDPOINT_URL."
        )
    return found
