"""The guardian: ends what the children of a killed supervisor have started themselves.

The kernel ends a direct child with its supervisor (Linux alone), not that child's own children. So this small process
holds the other end of a pipe: "+<group>" and "-<group>" are told on it, and when it closes, however that came about,
the groups that are left are killed. Run as a file by itself, with the standard library's core alone.
"""

import os
import signal
import sys


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
