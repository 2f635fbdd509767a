"""What an answer of S3 means: mend the settings, give up on this one call, or wait."""

from __future__ import annotations

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError

from annostream_kit.errors import DependencyAwayError, MisconfiguredError
from annostream_kit.objects import ObjectMissingError, ObjectRefusedError, meaning_of


def answered(status: str, body: str = "", kind: type[Exception] = GenericError) -> Exception:
    """As obstore puts it; a streaming writer raises OSError for every status but 404."""
    return kind(
        f"Generic S3 error: Error performing PUT http://s3/b/a in 2ms - Server returned non-2xx status code: {status}: "
        f"<Error>{body}</Error>"
    )


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (answered("400 Bad Request"), ObjectRefusedError),
        (answered("400 Bad Request", kind=OSError), ObjectRefusedError),
        (answered("400 Bad Request", "Server returned non-2xx status code: 503"), ObjectRefusedError),
        (answered("413 Payload Too Large"), ObjectRefusedError),
        (answered("403 Forbidden", kind=PermissionDeniedError), MisconfiguredError),
        (answered("403 Forbidden", kind=OSError), MisconfiguredError),
        (answered("401 Unauthorized"), MisconfiguredError),
        (answered("404 Not Found", kind=FileNotFoundError), ObjectMissingError),
        (answered("404 Not Found", "<Code>NoSuchBucket</Code>", kind=FileNotFoundError), MisconfiguredError),
        (answered("408 Request Timeout"), DependencyAwayError),
        (answered("429 Too Many Requests"), DependencyAwayError),
        (answered("500 Internal Server Error"), DependencyAwayError),
        (answered("503 Slow Down", kind=OSError), DependencyAwayError),
        (GenericError("HTTP error: error sending request"), DependencyAwayError),
        (ConnectionResetError(), DependencyAwayError),
    ],
)
def test_only_what_may_pass_counts_as_away(error: Exception, meaning: type[Exception]) -> None:
    assert type(meaning_of(error)) is meaning
