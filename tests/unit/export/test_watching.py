"""How often a watcher looks."""

from __future__ import annotations

from itertools import accumulate, islice, pairwise

from annostream_export.use_cases.service import watch_pauses


def test_a_watcher_is_late_by_a_tenth_of_the_time_gone_by_or_a_fiftieth_of_a_second() -> None:
    looks = [0.0, *accumulate(islice(watch_pauses(), 200))]
    assert all(later - earlier <= max(earlier / 10, 0.02) for earlier, later in pairwise(looks))


def test_a_long_job_is_asked_about_three_times_a_second_at_most() -> None:
    assert all(0.3 <= seconds < 0.5 for seconds in islice(watch_pauses(), 100, 200))
