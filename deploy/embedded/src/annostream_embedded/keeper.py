"""The keeper: a child's life from its first start to the supervisor's end, whatever kills it in between."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from annostream_embedded import child
from annostream_embedded.data_directory import DataDirectory
from annostream_embedded.errors import EmbeddedError, NotReady
from annostream_embedded.progress import Progress
from annostream_embedded.server import Program
from annostream_embedded.settings import Settings

_PROBE_INTERVAL_SECONDS = 0.1
# A child that dies this often before it was ever ready will not get better by trying again.
_FIRST_ATTEMPTS = 3
_HEALTHY_AFTER_SECONDS = 60.0


@dataclass
class Child:
    program: Program
    process: asyncio.subprocess.Process | None = None
    started_at: float = 0.0
    restarts: int = 0
    was_ready: bool = False
    last_exit: str | None = None
    last_words: str = ""  # why it ended, as far as it could say
    last_answer: str = "nothing yet"
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: "asyncio.Task[None] | None" = None


class Keeper:
    """Keeps children alive; each has a task that runs `keep`."""

    def __init__(
        self,
        data: DataDirectory,
        settings: Settings,
        progress: Progress,
        guardian: child.Guardian,
        *,
        changed: Callable[[], None],
        must_be_ready: Callable[[Child], bool],
    ) -> None:
        """changed: called after each change of a child.  must_be_ready: whether one may be given up that never was."""
        self._data, self._settings, self._progress, self._guardian = data, settings, progress, guardian
        self._changed = changed
        self._must_be_ready = must_be_ready

    async def keep(self, kept: Child) -> None:
        """One child's life: started, probed until ready, awaited, and started again after a growing pause."""
        failures = 0
        while True:
            kept.process = await child.spawn(kept.program.command(), self._data.log(kept.program.name))
            self._guardian.watch(kept.process.pid)
            kept.started_at = time.time()
            self._changed()
            probing = asyncio.create_task(self._probe(kept))
            returncode = await kept.process.wait()
            probing.cancel()
            self._end_group(kept.process.pid)
            kept.ready.clear()
            healthy = kept.was_ready and time.time() - kept.started_at > _HEALTHY_AFTER_SECONDS
            failures = 1 if healthy else failures + 1
            kept.last_exit = child.exit_text(returncode)
            kept.last_words = child.last_words(self._data.log(kept.program.name))
            if not kept.was_ready and failures >= _FIRST_ATTEMPTS and self._must_be_ready(kept):
                raise EmbeddedError(
                    f"{self._died_text(kept)} It never became ready. Its last words (more of them in "
                    f"{self._data.log(kept.program.name)}):\n{self._tail(kept)}"
                )
            kept.restarts += 1
            pause = self._pause(failures)
            self._progress.note(f"{self._died_text(kept)} Restarting in {pause:g} s (restart {kept.restarts}).")
            self._changed()
            await asyncio.sleep(pause)

    async def _probe(self, kept: Child) -> None:
        while True:
            try:
                await asyncio.to_thread(kept.program.make_ready)
                break
            except NotReady as answer:
                kept.last_answer = str(answer)
                await asyncio.sleep(_PROBE_INTERVAL_SECONDS)
        if kept.restarts and kept.was_ready:
            self._progress.note(f"{kept.program.name} is ready again after {time.time() - kept.started_at:.1f} s.")
        kept.was_ready = True
        kept.ready.set()
        self._changed()

    def _end_group(self, group: int) -> None:
        """What a dead child has left running."""
        child.kill_group(group)
        self._guardian.forget(group)

    def _pause(self, failures: int) -> float:
        delay = self._settings.restart_delay_seconds * 2.0 ** min(failures - 1, 16)
        return min(delay, self._settings.max_restart_delay_seconds)

    def _died_text(self, kept: Child) -> str:
        cause = " (the disk is almost full)" if self._data.free_bytes() < self._settings.min_free_bytes else ""
        words = f" {kept.last_words}" if kept.last_words and kept.was_ready else ""
        return f"{kept.program.name} died: {kept.last_exit}{cause}.{words}"

    def _tail(self, kept: Child) -> str:
        return kept.last_words or child.log_tail(self._data.log(kept.program.name))
