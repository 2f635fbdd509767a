"""`annostream annotations`: answers written by programs."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from annostream_sdk import aio
from annostream_sdk.cli.exit_codes import Exit
from annostream_sdk.cli.session import NOT_THERE, Session, command
from annostream_sdk.cli.ticker import Ticker
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.regions import Submission, submissions

app = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True)
class Answer:
    """outcome: submitted, draft_kept or refused. reason and message: of the latter two."""

    task: str
    outcome: str
    annotation: str = ""
    reason: str = ""
    message: str = ""


@command(app, "submit")
async def submit(
    session: Session,
    file: Annotated[Path, typer.Argument(help="JSON, a list of it, or JSON Lines; - reads stdin.", allow_dash=True)],
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Submits under way at a time.")] = 8,
) -> Exit:
    """Submit annotations from a file.

    {"task": "projects/P/tasks/T", "regions": [{"label": "순이", "box": [x, y, width, height]}, {"label": "유미",
    "polygon": [x0, y0, x1, y1, x2, y2], "attributes": {"pose": "sitting"}}]}

    Pixels of the upright image; x and y of a box are its left upper corner. Labels go by name or id; no region at all
    says: nothing is there. The task is leased first, unless "lease_token" is given. Exit code 4 when some of several
    were refused or kept as a draft.
    """
    written = list(submissions(sys.stdin.buffer.read() if str(file) == "-" else _read(file)))
    answers: list[Answer] = []
    async with session.client() as client:
        with Ticker(session.progress) as ticker:
            async for answer in _submit_all(client, written, at_once):
                answers.append(answer)
                ticker.show(f"{len(answers)} of {len(written)}")
    if session.as_json:
        session.print_json([vars(answer) for answer in answers])
    else:
        rows = [(one.task, one.outcome, one.reason, one.message or one.annotation) for one in answers]
        session.print_table(("task", "outcome", "reason", ""), rows)
    return _exit(answers)


async def _submit_all(client: aio.Client, written: Iterable[Submission], at_once: int) -> AsyncIterator[Answer]:
    """In the order written; a server that is away ends it, a refusal does not."""
    running: deque[asyncio.Task[Answer]] = deque()
    try:
        for submission in written:
            if len(running) >= at_once:
                yield await running.popleft()
            running.append(asyncio.ensure_future(_submit(client, submission)))
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _submit(client: aio.Client, submission: Submission) -> Answer:
    try:
        response = await client.annotations.submit_described(submission)
    except AnnostreamError as error:
        if error.reason in NOT_THERE:
            raise
        return Answer(submission.task, "refused", reason=error.reason, message=error.message)
    if response.HasField("draft_kept"):
        kept = response.draft_kept
        return Answer(submission.task, "draft_kept", reason=kept.reason, message=_kept(kept.reason, kept.holder))
    return Answer(submission.task, "submitted", response.annotation.name)


def _kept(reason: str, holder: str) -> str:
    lost = "The task was withdrawn, for its asset was deleted" if reason == "TASK_WITHDRAWN" else "The lease was lost"
    taken = f" {holder} holds the task." if holder else ""
    return f"{lost}; the work is kept as your draft.{taken}"


def _exit(answers: list[Answer]) -> Exit:
    submitted = sum(answer.outcome == "submitted" for answer in answers)
    if submitted == len(answers):
        return Exit.OK
    return Exit.PARTLY_REJECTED if submitted else Exit.REFUSED


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AnnostreamError(
            "FILE_NOT_FOUND", f"{path} cannot be read: {error.strerror}.", {"path": str(path)}
        ) from error
