"""An account: a person who may log in. Pure decisions, and what they refuse."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime

from annostream_kit.auth import Role
from annostream_kit.errors import FailedPrecondition, InvalidArgument, PermissionDenied

# The first account has this id: users/owner is who the command line of the embedded servers is, so its work is theirs.
FIRST_ID = "owner"
# Service accounts stand beside people: nobody logs in as one.
ROLES = frozenset(Role) - {Role.SERVICE}
_LOGIN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_NAME_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Account:
    """password_version: a session begun under another one has ended, also one that was begun in that very moment."""

    id: str
    login: str
    display_name: str
    role: Role
    password_hash: str = field(repr=False)
    created_at: datetime
    disabled: bool = False
    password_version: int = 1
    revision: int = 1

    @property
    def name(self) -> str:
        """The subject of its JWTs."""
        return f"users/{self.id}"

    @property
    def is_working_owner(self) -> bool:
        return self.role is Role.OWNER and not self.disabled


def opened(login: str, display_name: str, password_hash: str, role: Role, *, is_first: bool, now: datetime) -> Account:
    """The first account is owner whatever role it was given: somebody must be."""
    role = Role.OWNER if is_first else role
    return Account(FIRST_ID if is_first else login, login, display_name or login, role, password_hash, now)


def checked_login(text: str) -> str:
    """In small letters; raises InvalidArgument INVALID_LOGIN."""
    login = text.strip().lower()
    if not _LOGIN.match(login):
        message = "A login has 1 to 63 letters a-z, digits and hyphens, and begins with a letter or digit."
        raise InvalidArgument("INVALID_LOGIN", message)
    return login


def checked_display_name(text: str) -> str:
    """Composed (NFC) and stripped; raises InvalidArgument INVALID_DISPLAY_NAME."""
    name = unicodedata.normalize("NFC", text).strip()
    # C: control characters, and those that turn the direction of what follows.
    if not 1 <= len(name) <= _NAME_CHARACTERS or any(unicodedata.category(one)[0] == "C" for one in name):
        message = f"A display name has 1 to {_NAME_CHARACTERS} characters, and no control characters."
        raise InvalidArgument("INVALID_DISPLAY_NAME", message)
    return name


def renamed(account: Account, display_name: str) -> Account:
    return _changed(replace(account, display_name=checked_display_name(display_name)))


def with_password(account: Account, password_hash: str) -> Account:
    """Ends every session that is not carried over."""
    version = account.password_version + 1
    return _changed(replace(account, password_hash=password_hash, password_version=version))


def rehashed(account: Account, password_hash: str) -> Account:
    """The same password, hashed by newer parameters."""
    return _changed(replace(account, password_hash=password_hash))


def with_role(account: Account, role: Role) -> Account:
    return _changed(replace(account, role=role))


def switched(account: Account, *, disabled: bool) -> Account:
    return _changed(replace(account, disabled=disabled))


def last_owner(account: Account) -> FailedPrecondition:
    message = f"{account.name} is the last owner: make somebody else owner first."
    return FailedPrecondition("LAST_OWNER", message, account=account.name)


def granted(asked: Role | None, own: Role) -> Role:
    """The role to give; None asks for one's own. Raises PermissionDenied ROLE_TOO_HIGH."""
    # A service account, which only a JWT has, stands among managers here.
    most = Role.MANAGER if own is Role.SERVICE else own
    if asked is not None and asked > most:
        asked_name, own_name = asked.name.lower(), most.name.lower()
        message = f"The role {asked_name} is greater than your own, {own_name}: ask for {own_name} or less."
        raise PermissionDenied("ROLE_TOO_HIGH", message, asked=asked_name, own=own_name)
    return most if asked is None else asked


def _changed(account: Account) -> Account:
    return replace(account, revision=account.revision + 1)
