"""`annostream login` and `annostream logout`: who the command line is, where no endpoints.json says so."""

import asyncio
import getpass
import socket
import sys
from typing import Annotated

import typer

from annostream_sdk.cli.exit_codes import Exit
from annostream_sdk.cli.session import Session, command
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.gateway import Gateway, checked_address
from annostream_sdk.stored_login import StoredLogin, login_path, read_login, write_login

app = typer.Typer()
_DEFAULT_ADDRESS = "http://127.0.0.1:8080"


@command(app, "login")
async def login(
    session: Session,
    address: Annotated[str, typer.Argument(help="Of the web page; asked for if left out.", show_default=False)] = "",
    *,
    account: Annotated[str, typer.Option("--account", "-a", help="Your login; asked for if left out.")] = "",
    days: Annotated[int, typer.Option(min=0, help="How long it lasts; 0: as long as is usual there.")] = 0,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Send the password to another machine without encryption.")
    ] = False,
) -> None:
    """Log in, and keep an API token for the commands that follow. The password is asked for, and is kept nowhere.

    An endpoints.json in .annostream of the working directory, or one that is named, goes before it.
    """
    chosen = checked_address(address or _asked("Address", _DEFAULT_ADDRESS), plain_http=plain_http)
    name = account or _asked("Account", "")
    stored = await asyncio.to_thread(_log_in, chosen, name, _password(), days)
    path = login_path(session.environment)
    write_login(path, stored)
    facts = {"account": stored.account, "address": stored.address, "expires": stored.expires, "kept in": str(path)}
    if session.as_json:
        session.print_json(facts)
    else:
        session.print_facts(facts)


@command(app, "logout")
async def logout(session: Session) -> Exit:
    """Revoke the API token that `annostream login` keeps, and remove it."""
    path = login_path(session.environment)
    stored = read_login(path)
    if stored is None:
        session.remark("Nobody is logged in here.")
        return Exit.OK
    try:
        await asyncio.to_thread(Gateway(stored.address).revoke, stored.api_token)
    except AnnostreamError as error:
        if error.reason != "API_TOKEN_INVALID":
            path.unlink(missing_ok=True)
            session.remark(f"It is removed here, but not revoked: {error.message} Revoke it in the web page.")
            return Exit.REFUSED
    path.unlink(missing_ok=True)
    session.remark(f"{stored.account} is logged out of {stored.address}.")
    return Exit.OK


def _log_in(address: str, account: str, password: str, days: int) -> StoredLogin:
    """The session lasts for as long as the API token takes to make."""
    gateway = Gateway(address)
    name = gateway.log_in(account, password)
    try:
        secret, expires = gateway.create_api_token(f"annostream on {socket.gethostname()}"[:100], days)
    finally:
        gateway.log_out()
    return StoredLogin(address, name, secret, expires)


def _asked(what: str, default: str) -> str:
    return str(typer.prompt(what, default=default or None, err=True))


def _password() -> str:
    """From the terminal without echo, or the first line of what is piped in: never from the command line."""
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\r\n")
