"""What `annostream login` keeps: an API token, in a file that its owner alone can read."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from annostream_sdk.errors import AnnostreamError


@dataclass(frozen=True)
class StoredLogin:
    """address: of the gateway. account: users/{user}. expires: RFC 3339."""

    address: str
    account: str
    api_token: str = field(repr=False)
    expires: str = ""


def login_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Raises AnnostreamError NO_HOME where the environment names no folder of this user."""
    home = environment.get("HOME") or environment.get("USERPROFILE")
    base = environment.get("XDG_CONFIG_HOME") or (home and str(Path(home) / ".config"))
    if not base:
        raise AnnostreamError("NO_HOME", "There is no place for a log-in: set HOME or XDG_CONFIG_HOME.")
    return Path(base) / "annostream" / "login.json"


def find_login(environment: Mapping[str, str] = os.environ) -> StoredLogin | None:
    """None where nobody has logged in, or could have; raises AnnostreamError INVALID_LOGIN_FILE."""
    try:
        path = login_path(environment)
    except AnnostreamError:
        return None
    return read_login(path)


def read_login(path: Path) -> StoredLogin | None:
    """None where nobody has logged in; raises AnnostreamError INVALID_LOGIN_FILE."""
    try:
        return StoredLogin(**orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, TypeError, ValueError) as error:
        message = f"{path} cannot be read ({error}): `annostream login` writes it anew."
        raise AnnostreamError("INVALID_LOGIN_FILE", message, {"path": str(path)}) from error


def write_login(path: Path, login: StoredLogin) -> None:
    """Mode 0600 from the first byte on; a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(asdict(login), option=orjson.OPT_INDENT_2))
    partial.replace(path)
