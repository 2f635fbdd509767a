"""`make bench`: runs every part on a stack of its own, prints the report and writes it to benchmarks/report.md."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks import browser, delay, exports, ingest, labelling, lists, memory, report, rest, startup
from benchmarks.bench import FULL, LARGE, QUICK, Bench, Sizes, open_bench
from benchmarks.report import Section

PARTS: dict[str, Callable[[Bench], Awaitable[Section]]] = {
    "ingest": ingest.measure,
    "delay": delay.measure,
    "labelling": labelling.measure,
    "rest": rest.measure,
    "lists": lists.measure,
    "browser": browser.measure,
    "export": exports.measure,
    "memory": memory.measure,
}


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    # Stopped from outside, it still stops the stack and removes what it has written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="annostream-bench-", dir=options.directory) as folder:
        sections, failed = asyncio.run(_run(options, Path(folder)))
    report.write(report.preamble(arguments), sections, options.output)
    print(f"\nWritten to {options.output}.")
    for name in failed:
        print(f"error: the part {name} did not end well; see above.", file=sys.stderr)
    return 1 if failed else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a smoke test of a minute: its figures say little")
    size.add_argument("--large", action="store_true", help="stream 0.5 and 5 GB through ingest, not 0.5 and 1.5")
    parser.add_argument("--only", metavar="PART", choices=["startup", *PARTS], action="append", default=[])
    parser.add_argument("--directory", type=Path, help="for data and photos, removed at the end")
    parser.add_argument("--ports-from", type=int, default=0, help="0: free ones")
    parser.add_argument("--output", type=Path, default=report.FILE)
    return parser.parse_args(arguments)


def _sizes(options: argparse.Namespace) -> Sizes:
    if options.quick:
        return QUICK
    return LARGE if options.large else FULL


async def _run(options: argparse.Namespace, folder: Path) -> tuple[list[str], list[str]]:
    """Sections as Markdown, and the names of the parts that failed."""
    print(report.preamble(sys.argv[1:]), flush=True)
    sizes, wanted = _sizes(options), options.only or ["startup", *PARTS]
    deadline = asyncio.get_running_loop().time() + sizes.run_seconds
    twice = "startup" in wanted and not options.quick
    stack, started = startup.start_twice(folder / "stack", options.ports_from, again=twice)
    sections: list[str] = []
    failed: list[str] = []
    with stack:
        if "startup" in wanted:
            idle = await startup.idle(stack, sizes.idle_seconds)
            _show(sections, startup.idle_section(started, idle).markdown())
        async with open_bench(stack, sizes, folder / "photos") as bench:
            for name in (name for name in PARTS if name in wanted):
                await _part(name, bench, sections, failed, deadline)
            _show(sections, startup.peaks_section(bench.peaks).markdown())
    return sections, failed


async def _part(name: str, bench: Bench, sections: list[str], failed: list[str], deadline: float) -> None:
    """A part that fails, or is not done by the deadline, is named so; it does not take the others with it."""
    print(f"\n… {name}", file=sys.stderr, flush=True)
    start = time.perf_counter()
    try:
        async with asyncio.timeout_at(deadline):
            section = await PARTS[name](bench)
        _show(sections, section.markdown())
    except Exception as error:  # noqa: BLE001 -- the process's edge: the report says what failed
        traceback.print_exc()
        failed.append(name)
        _show(sections, f"## {name}\n\nFailed: {type(error).__name__}: {str(error)[:500]}")
    bench.note_peaks()
    print(f"… {name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


def _show(sections: list[str], markdown: str) -> None:
    sections.append(markdown)
    print(f"\n{markdown}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
