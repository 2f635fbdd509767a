"""`annostream rebuild`: read models made anew from events."""

import typer

from annostream_sdk.aio.operations import RebuildReadModelResponse
from annostream_sdk.cli.exit_codes import Exit
from annostream_sdk.cli.session import Session, command
from annostream_sdk.cli.ticker import Ticker
from annostream_sdk.events import message_json

app = typer.Typer(no_args_is_help=True)


@command(app, "export")
async def rebuild_export(session: Session) -> Exit:
    """Build the read model of export from offset 0, beside the one in use, and switch to it.

    Prints the digests of both: equal ones show that the events tell the whole story. Exit code 1 when they differ.
    """
    last = RebuildReadModelResponse()
    async with session.client() as client:
        with Ticker(session.progress) as ticker:
            async for last in client.operations.rebuild_read_model():
                ticker.show(f"{last.records_read} of {last.records_total} records")
    if session.as_json:
        session.print_json(message_json(last))
    else:
        facts = {
            "records": last.records_read,
            "records skipped": last.records_skipped,
            "digest before": last.digest_before,
            "digest after": last.digest_after,
        }
        session.print_facts(facts)
    if last.records_skipped:
        session.remark(
            f"{last.records_skipped} records are unreadable or their bytes are gone, as the dead letters say too: "
            "see the service's log (event_passed_over), and `annostream dlq list`."
        )
    if last.digest_before and last.digest_before != last.digest_after:
        session.remark("The digests differ: the old read model was not what the events say, or events came in between.")
        return Exit.REFUSED
    return Exit.OK
