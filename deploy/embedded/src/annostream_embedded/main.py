"""The command `annostream-embedded`: the same commands where the sdk is not installed."""

import typer

from annostream_embedded.commands import register


def main() -> None:
    app = typer.Typer(no_args_is_help=True, add_completion=False, help="The embedded servers of Annostream.")
    register(app)
    app()
