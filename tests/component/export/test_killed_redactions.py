"""A purge outlives the process that consumed it.

This file comes before those that share one export process: two databases can't be in one consumer group.
"""

from __future__ import annotations

from pathlib import Path

from tests.component.export.redactions import database_of, labelled, redacted, until_redacted
from tests.component.export.service import running
from tests.component.export.story import Story
from tests.component.export.upstreams import Upstreams
from tests.servers import Servers, fresh_name


async def test_a_purge_consumed_by_a_process_that_was_killed_is_redacted_by_the_next(
    servers: Servers, upstreams: Upstreams, story: Story, tmp_path: Path
) -> None:
    assets = await labelled(story, 3)
    database = fresh_name("test_export_redactor_killed")
    async with running(servers, upstreams, tmp_path, database, redactor_poll_seconds=3600) as doomed:
        snapshot = await doomed.snapshot(story.name)
        await story.purge(assets[0])
        # This one waits for the model, which has the purge then.
        assert (await doomed.snapshot(story.name)).item_count == 2
        doomed.process.kill()
        await doomed.process.wait()
    assert redacted(servers, snapshot.name) == []
    rows = database_of(servers, database)["redactions"]
    assert "waiting" in (await rows.find_one({"_id": assets[0].name}) or {})
    async with (
        running(servers, upstreams, tmp_path, database) as heir,
        running(servers, upstreams, tmp_path, database) as second,
    ):
        await until_redacted(servers, snapshot.name, assets[0])
        counts = [(await one.export(snapshot.name, "COCO")).item_count for one in (heir, second)]
    assert counts == [2, 2]
