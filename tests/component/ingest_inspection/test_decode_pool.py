"""The decode pool with real worker processes: killed, hung, starved, and still there for everyone else."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from annostream_ingest.inspection import (
    DecodePool,
    DecodeSettings,
    Inspection,
    Limits,
    PoolStopped,
    Reason,
    Rejection,
    wire,
)
from samples.make_samples import bomb_png
from tests.photos import HOSTILE, SAMPLES

GOOD = (SAMPLES / "chelsea.jpg").read_bytes()
HUGE = Limits(max_image_pixels=10**9)
PoolMaker = Callable[..., Awaitable[DecodePool]]


@pytest.fixture
async def make_pool() -> AsyncIterator[PoolMaker]:
    pools = list[DecodePool]()

    async def make(*command: str, **settings: object) -> DecodePool:
        chosen = DecodeSettings(**{"decode_workers": 2, **settings})  # type: ignore[arg-type]
        pool = DecodePool(chosen, command) if command else DecodePool(chosen)
        pools.append(pool)
        await pool.start()
        return pool

    yield make
    for pool in pools:
        await pool.stop()


def reason_of(outcome: Inspection | Rejection) -> Reason | None:
    return outcome.reason if isinstance(outcome, Rejection) else None


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def scripted_worker(directory: Path, body: str) -> tuple[str, str]:
    """A worker that runs `body` for each image that begins with `EVIL`, and decodes the others."""
    script = directory / "worker.py"
    patch = f"""
import os, signal, sys, time
from annostream_ingest.inspection import worker
decode = worker._inspect
def inspect(head, body):
    if body.startswith(b"EVIL"):
{textwrap.indent(textwrap.dedent(body), " " * 8)}
    return decode(head, body)
worker._inspect = inspect
sys.exit(worker.main(sys.argv[1:]))
"""
    script.write_text(patch)
    return sys.executable, str(script)


async def test_bytes_and_files_are_inspected(make_pool: PoolMaker) -> None:
    pool = await make_pool()
    by_bytes, by_path = await asyncio.gather(pool.inspect(GOOD), pool.inspect(SAMPLES / "chelsea.jpg"))
    assert isinstance(by_bytes, Inspection)
    assert by_bytes == by_path
    assert by_bytes.camera == "Annostream Sample 1"


async def test_hostile_samples_are_refused_by_name(make_pool: PoolMaker) -> None:
    pool = await make_pool()
    assert reason_of(await pool.inspect(HOSTILE / "truncated.jpg")) is Reason.TRUNCATED_IMAGE
    assert reason_of(await pool.inspect(HOSTILE / "bomb.png")) is Reason.TOO_MANY_PIXELS
    assert reason_of(await pool.inspect(b"")) is Reason.EMPTY_FILE


async def test_a_missing_file_is_an_error_and_the_pool_goes_on(make_pool: PoolMaker, tmp_path: Path) -> None:
    pool = await make_pool()
    with pytest.raises(OSError, match="No such file"):
        await pool.inspect(tmp_path / "gone.jpg")
    assert reason_of(await pool.inspect(GOOD)) is None


async def test_a_killed_worker_costs_its_image_a_second_try_and_nothing_else(make_pool: PoolMaker) -> None:
    pool = await make_pool()
    before = pool.processes()
    slow = asyncio.create_task(pool.inspect(bomb_png(12_000)))
    others = [asyncio.create_task(pool.inspect(GOOD)) for _ in range(20)]
    busy = {pid: psutil.Process(pid).cpu_times().user for pid in before}
    await until(lambda: any(psutil.Process(pid).cpu_times().user > busy[pid] + 0.05 for pid in before))
    victim = max(before, key=lambda pid: psutil.Process(pid).cpu_times().user - busy[pid])
    assert not slow.done()
    os.kill(victim, signal.SIGKILL)
    assert reason_of(await slow) is None
    assert {reason_of(await other) for other in others} == {None}
    assert victim not in pool.processes()


async def test_an_idle_worker_that_dies_is_replaced(make_pool: PoolMaker) -> None:
    pool = await make_pool()
    before = set(pool.processes())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: len(pool.processes()) == 2 and not before & set(pool.processes()))
    assert reason_of(await pool.inspect(GOOD)) is None


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", Reason.DECODE_CRASHED),
        ("os.write(3, b'nonsense' * 99); os._exit(0)", Reason.DECODE_CRASHED),
        ("time.sleep(600)", Reason.DECODE_TIMED_OUT),
        ("hoard = [bytearray(1 << 20) for _ in range(5000)]", Reason.DECODE_OUT_OF_MEMORY),
    ],
)
async def test_a_hostile_image_fails_alone_after_one_retry(
    make_pool: PoolMaker, tmp_path: Path, deed: str, reason: Reason
) -> None:
    tries = tmp_path / "tries"
    command = scripted_worker(tmp_path, f"open({str(tries)!r}, 'a').write('x'); {deed}")
    pool = await make_pool(*command, decode_timeout_seconds=3.0, decode_memory_bytes=512 << 20)
    evil = asyncio.create_task(pool.inspect(b"EVIL"))
    good = await asyncio.gather(*(pool.inspect(GOOD) for _ in range(20)))
    assert {reason_of(outcome) for outcome in good} == {None}
    assert reason_of(await evil) is reason
    assert tries.read_text() == "xx"
    assert reason_of(await pool.inspect(GOOD)) is None


def test_a_worker_that_spins_is_ended_by_its_own_cpu_limit(tmp_path: Path) -> None:
    command = scripted_worker(tmp_path, "while True: pass")
    request = wire.pack(wire.request_head(b"", Limits(), cpu_seconds=0.5), b"EVIL")
    arguments = [*command, str(1 << 30), str(os.getpid())]
    ended = subprocess.run(arguments, input=request, stdout=subprocess.DEVNULL, timeout=60, check=False)
    assert ended.returncode == -signal.SIGXCPU


async def test_a_bomb_let_through_by_its_limits_meets_the_memory_limit(make_pool: PoolMaker) -> None:
    pool = await make_pool(decode_workers=1, decode_memory_bytes=256 << 20)
    outcome = await pool.inspect(HOSTILE / "bomb.png", HUGE)
    assert reason_of(outcome) is Reason.DECODE_OUT_OF_MEMORY
    assert "decode_memory_bytes" in getattr(outcome, "message", "")
    assert reason_of(await pool.inspect(GOOD)) is None


async def test_workers_are_replaced_after_so_many_images(make_pool: PoolMaker) -> None:
    pool = await make_pool(decode_workers=1, max_images_per_worker=3)
    seen = set()
    for _ in range(7):
        assert reason_of(await pool.inspect(GOOD)) is None
        seen.update(pool.processes())
    assert len(seen) == 3


async def test_a_caller_who_gives_up_leaves_the_pool_whole(make_pool: PoolMaker) -> None:
    pool = await make_pool(decode_workers=1, max_queued_images=1)
    callers = [asyncio.create_task(pool.inspect(GOOD)) for _ in range(10)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    assert {reason_of(await caller) for caller in callers[1::2]} == {None}


async def test_stopping_answers_whoever_waits_and_leaves_no_process(make_pool: PoolMaker) -> None:
    pool = await make_pool(max_queued_images=1)
    pids = pool.processes()
    waiting = [asyncio.create_task(pool.inspect(bomb_png(12_000))) for _ in range(6)]
    await asyncio.sleep(0)
    await pool.stop()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {PoolStopped}
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(PoolStopped):
        await pool.inspect(GOOD)


async def test_workers_are_told_no_secret_and_idle_small(make_pool: PoolMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNOSTREAM_S3_SECRET_KEY", "hush")
    pool = await make_pool(decode_workers=1)
    worker = psutil.Process(pool.processes()[0])
    assert "ANNOSTREAM_S3_SECRET_KEY" not in worker.environ()
    assert worker.memory_info().rss < 80 << 20


async def test_no_worker_outlives_a_killed_parent() -> None:
    program = """
import asyncio
from annostream_ingest.inspection import DecodePool, DecodeSettings
async def main():
    pool = DecodePool(DecodeSettings(decode_workers=2))
    await pool.start()
    print(*pool.processes(), flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    parent.kill()
    await parent.wait()
    await until(lambda: not any(is_running(pid) for pid in pids))


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
