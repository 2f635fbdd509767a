"""The order of the queue: near its front, yet apart from each other.

Tasks have dense ranks in order of arrival. With one annotation a task, a lease starts at a random rank within the
window behind the front, so that annotators do not collide. With more, an annotator walks two disjoint segments:

    front ... behind --> start ... ahead -->

Both positions only grow, so that one's own tasks are never met again, however many they are. What arrives behind a
position (ranks of two replicas may become visible out of order) is found by the sweep, when both segments are used up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

LEAST_WINDOW = 32


def window(people: int) -> int:
    """Ranks within which the order holds.  people: annotators at work."""
    return max(LEAST_WINDOW, 4 * people)


def random_start(front: int, width: int, draw: float) -> int:
    """A rank in [front, front + width).  draw: in [0, 1)."""
    return front + int(draw * width)


# A task's place among the requeued: since when a slot waits, and its id, for many come back in the same moment.
Waiting = tuple[datetime, str]


class Segment(Enum):
    BEHIND = "behind"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where an annotator stands in a project.

    ahead: the next rank from `start` upward.  behind: the next rank from the front up to `start`.
    sweep: the next rank of the sweep.  requeue_sweep: where the last task that it passed stands among the requeued.
    """

    start: int
    ahead: int
    behind: int
    sweep: int = 0
    requeue_sweep: Waiting | None = None

    def order(self, width: int) -> tuple[Segment, ...]:
        """Which segments to look in, in this order: who is too far ahead takes from behind first."""
        if self.behind >= self.start:
            return (Segment.AHEAD,)
        if self.ahead - self.behind > width:
            return (Segment.BEHIND, Segment.AHEAD)
        return (Segment.AHEAD, Segment.BEHIND)

    def bounds(self, segment: Segment) -> tuple[int, int | None]:
        """Lowest rank, and the rank before which it ends."""
        return (self.behind, self.start) if segment is Segment.BEHIND else (self.ahead, None)

    def passed(self, segment: Segment, rank: int) -> Cursor:
        """The segment is used up to `rank`, which is included."""
        if segment is Segment.BEHIND:
            return replace(self, behind=max(self.behind, rank + 1))
        return replace(self, ahead=max(self.ahead, rank + 1))

    def exhausted(self, segment: Segment) -> Cursor:
        """Nothing is left in it; ahead stays open for what arrives."""
        return replace(self, behind=self.start) if segment is Segment.BEHIND else self


def begin(front: int, width: int, draw: float) -> Cursor:
    start = random_start(front, width, draw)
    return Cursor(start=start, ahead=start, behind=front)
