"""The root of the `annostream` command; other distributions add theirs by the entry point group annostream.commands."""

from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from annostream_sdk.cli.exit_codes import EXIT_CODES
from annostream_sdk.cli.groups import Root

COMMANDS_GROUP = "annostream.commands"


def build() -> typer.Typer:
    """The whole command, with what installed distributions add to it."""
    app = typer.Typer(
        cls=Root,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Label data together: photos in, tasks, boxes, a data set out.",
        epilog=EXIT_CODES,
    )
    app.callback()(_root)
    for found in sorted(entry_points(group=COMMANDS_GROUP), key=lambda one: one.name):
        try:
            register = found.load()
        except ImportError as error:
            typer.echo(f"The commands of {found.value} are left out: {error}", err=True)
        else:
            register(app)
    return app


def _print_version(asked: bool) -> None:  # as typer calls it
    if asked:
        typer.echo(f"annostream {version('annostream-sdk')}")
        raise typer.Exit


def _root(
    *,
    show_version: Annotated[  # its callback answers
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


def main() -> None:
    build()()
