"""What can go wrong for a user of the embedded servers, each with a sentence that says what to do."""

from collections.abc import Iterator


class EmbeddedError(Exception):
    """Shown to the user as it is, without a traceback."""


class NotReady(Exception):
    """A server or service does not answer its readiness probe yet; the text says what it answered."""


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The single exceptions of a group of groups, for steps that fail at once."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error
