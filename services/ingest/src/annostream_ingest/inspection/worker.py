"""A decode worker: reads one request after another from its standard input, within limits of memory and CPU time.

Started by the pool as `python -m annostream_ingest.inspection.worker MEMORY_BYTES PARENT_PID`. It dies with its parent.
"""

import ctypes
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from annostream_imaging import Limits, Reason, Rejection
from annostream_ingest.inspection import wire
from annostream_ingest.inspection.facts import Inspection, inspect_image, too_large

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    memory_bytes, parent = int(arguments[0]), int(arguments[1])
    _die_with(parent)
    _limit_memory(memory_bytes)
    requests, answers = sys.stdin.buffer, _private_stdout()
    answers.write(wire.pack({"kind": "ready"}))
    while (frame := wire.read_frame(requests)) is not None:
        answers.write(_answer(*frame))
        del frame
    return 0


def _private_stdout() -> BinaryIO:
    """The pipe to the pool; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the pool that started this worker is gone")


def _limit_memory(memory_bytes: int) -> None:
    """Data, where the kernel counts private mappings too (Linux): mapped libraries then cost nothing."""
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    resource.setrlimit(kind, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(seconds: float) -> None:
    """From now on; the kernel then ends this process with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(head: dict[str, Any], body: bytes) -> bytes:
    _limit_cpu(float(head["cpu_seconds"]))
    try:
        return wire.pack_outcome(_inspect(head, body))
    except MemoryError:
        return wire.pack_outcome(
            Rejection(Reason.DECODE_OUT_OF_MEMORY, "The image needs more memory than a decoder is given.")
        )
    except OSError as error:
        return wire.pack({"kind": "unreadable", "message": str(error)})
    except Exception as error:  # noqa: BLE001 -- the edge of a process that exists to take such blows
        sys.stderr.write(f"decoder failed: {type(error).__name__}: {error}\n")
        message = f"The image data is damaged ({type(error).__name__} in the decoder). Save the image anew."
        return wire.pack_outcome(Rejection(Reason.DAMAGED_IMAGE, message))


def _inspect(head: dict[str, Any], body: bytes) -> Inspection | Rejection:
    limits = Limits(**head["limits"])
    if head["path"] is None:
        return inspect_image(body, limits)
    path = Path(head["path"])
    return too_large(path.stat().st_size, limits) or inspect_image(path.read_bytes(), limits)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
