"""Groups of commands, each imported when it is called: `annostream --help` does not wait for gRPC and Kafka."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from annostream_sdk.cli.exit_codes import EXIT_CODES

# Name -> module, and what the help says of it.
GROUPS = {
    "projects": ("projects", "Projects: what is labelled together, and with which labels."),
    "assets": ("assets", "Assets: photos go in, and are listed."),
    "tasks": ("tasks", "Tasks: what is to be labelled, and what has been."),
    "annotations": ("annotations", "Annotations: answers written by programs."),
    "snapshots": ("snapshots", "Snapshots: a project's completed tasks at one moment."),
    "exports": ("exports", "Exports: a snapshot in a format that trainers use, on your disk."),
    "events": ("events", "Events: what has happened, as Kafka has it."),
    "dlq": ("dead_letters", "Dead letters: messages that a service gave up on, with the reason."),
    "topics": ("topics", "The Kafka topics that Annostream needs."),
    "rebuild": ("rebuild", "Read models, made anew from the events in Kafka."),
}
# Commands of no group, in the same way.
COMMANDS = {
    "login": ("login", "Log in, and keep an API token for the commands that follow."),
    "logout": ("login", "Revoke the API token that `annostream login` keeps, and remove it."),
}
_LATER = {**COMMANDS, **GROUPS}


class Root(TyperGroup):
    """The commands that were registered, then the others, and the groups."""

    def list_commands(self, ctx: Any) -> list[str]:  # typer's copy of click is private
        return [*super().list_commands(ctx), *_LATER]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return Later(cmd_name) if cmd_name in _LATER else super().get_command(ctx, cmd_name)


class Later(TyperCommand):
    """Stands for a group or command in the help of the root; that itself takes over where one calls it."""

    def __init__(self, name: str) -> None:
        super().__init__(name, help=_LATER[name][1])

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return _imported(str(self.name)).make_context(info_name, args, parent, **extra)


def _imported(name: str) -> Any:
    module, text = _LATER[name]
    app: typer.Typer = import_module(f"annostream_sdk.cli.{module}").app
    if name in COMMANDS:
        return typer.main.get_group(app).commands[name]
    around = typer.Typer()
    around.add_typer(app, name=name, help=text, epilog=EXIT_CODES)
    return typer.main.get_group(around).commands[name]
