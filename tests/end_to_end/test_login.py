"""A person signs up, logs the command line in, and works without an endpoints.json; the gateway may die meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from annostream_embedded.stack import Stack

_PASSWORD = "고양이 세 마리"


def _annostream(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANNOSTREAM_")}
    environment |= {"HOME": str(folder), "XDG_CONFIG_HOME": ""}
    command = [str(Path(sys.executable).parent / "annostream"), *arguments]
    return subprocess.run(
        command, input=typed, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def _sign_up(address: str, login: str) -> None:
    answer = httpx.post(f"{address}/api/v1/auth:signUp", json={"login": login, "password": _PASSWORD}, trust_env=False)
    assert answer.status_code == 200, answer.text


def test_the_command_line_logs_in_and_its_work_is_the_accounts(stack: Stack, tmp_path: Path) -> None:
    address = str(stack.endpoints["http"])
    _sign_up(address, "renga")
    assert _annostream(tmp_path, "projects", "list").returncode == 3
    logged_in = _annostream(tmp_path, "login", address, "--account", "renga", "--json", typed=f"{_PASSWORD}\n")
    assert logged_in.returncode == 0, logged_in.stderr
    # The first account is who `annostream up` lets the command line be: what that has made is theirs.
    assert json.loads(logged_in.stdout)["account"] == "users/owner"
    assert _annostream(tmp_path, "projects", "create", "로그인", "--labels", "순이").returncode == 0

    killed = stack.kill("gateway-1")
    stack.wait_until_ready("gateway-1", other_than=killed)
    assert "로그인" in _annostream(tmp_path, "projects", "list").stdout

    assert _annostream(tmp_path, "logout").returncode == 0
    assert _annostream(tmp_path, "projects", "list").returncode == 3
