"""Environments of third-party oracles: each has its own lock, is made on demand, and is called as a subprocess.

In one lock with our own packages they would drag those back by versions.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

_HERE = Path(__file__).parent


def oracle_python(name: str) -> Path:
    """The interpreter of the oracle's environment, which is made when its lock is new.

    Kept in ANNOSTREAM_ORACLES, or in the user's cache folder. Raises CalledProcessError with pip's own words.
    """
    lock = _HERE / name / "requirements.lock"
    key = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("ANNOSTREAM_ORACLES") or Path.home() / ".cache" / "annostream" / "oracles")
    folder = cache / f"{name}-{key}-py{sys.version_info.major}{sys.version_info.minor}"
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder)
        uv = Path(sys.executable).parent / "uv"
        command: list[str | Path] = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            "--require-hashes",
            "-r",
            lock,
        ]
        subprocess.run(command, check=True)
        ready.touch()
    return python


def run_oracle(name: str, *arguments: str) -> bytes:
    """What the oracle's run.py prints; raises CalledProcessError."""
    command: list[str | Path] = [oracle_python(name), _HERE / name / "run.py", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
