"""The exit codes of the `annostream` command."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of the command, as its --help documents them."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    SERVER_NOT_THERE = 3
    PARTLY_REJECTED = 4
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 ok; 1 refused; 2 wrong usage; 3 the server is not there; 4 some of it was rejected; 130 interrupted."
)
