"""The arithmetic of the benchmark report."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import (
    Run,
    arrival_times,
    median_rate,
    merged,
    percentile,
    rate,
    sum_of_parts_seconds,
    used_between,
)

_SAMPLES = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=200)


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (0.5, 1)])
def test_a_percentile_is_a_sample_by_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], percent) == expected


def test_of_two_samples_the_p99_is_the_greater_and_the_median_the_smaller() -> None:
    assert (percentile([7.0, 3.0], 99), percentile([7.0, 3.0], 50)) == (7.0, 3.0)


@given(_SAMPLES, st.floats(0.1, 100))
def test_at_least_that_share_of_samples_lies_at_or_below_a_percentile(samples: list[float], percent: float) -> None:
    found = percentile(samples, percent)
    assert found in samples
    assert sum(sample <= found for sample in samples) >= len(samples) * percent / 100


@pytest.mark.parametrize(("samples", "percent"), [([], 50.0), ([1.0], 0.0), ([1.0], 101.0)])
def test_a_percentile_of_nothing_or_beyond_all_is_refused(samples: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(samples, percent)


def test_a_rate_is_items_a_second_and_no_time_is_infinitely_fast() -> None:
    assert (rate(100, 4), rate(1, 0)) == (25, math.inf)


def test_parts_one_after_another_take_the_sum_of_their_times() -> None:
    assert sum_of_parts_seconds(100, [50, 25]) == 2 + 4


def test_the_median_rate_is_that_of_the_middle_round() -> None:
    assert median_rate([Run(10, seconds, {}) for seconds in (1.0, 5.0, 2.0)]) == 5


def test_merged_runs_have_the_sum_of_items_time_and_each_process() -> None:
    both = merged([Run(10, 1.0, {"kafka": 1.0}), Run(30, 2.0, {"kafka": 1.0, "client": 2.0})])
    assert both == Run(40, 3.0, {"kafka": 2.0, "client": 2.0})
    assert both.cpu_milliseconds_per_item() == {"kafka": 50.0, "client": 50.0}


def test_a_run_without_items_has_no_cost_an_item() -> None:
    assert Run(0, 1.0, {"kafka": 1.0}).cpu_milliseconds_per_item() == {}


def test_cpu_use_is_the_difference_and_a_new_process_counts_from_zero() -> None:
    assert used_between({"a": 1.0, "gone": 9.0}, {"a": 3.5, "new": 0.5}) == {"a": 2.5, "new": 0.5}


def test_a_process_that_was_replaced_never_counts_below_zero() -> None:
    assert used_between({"ingest-1": 20.0}, {"ingest-1": 0.5}) == {"ingest-1": 0.0}


def test_arrivals_are_the_same_each_time_and_about_as_many_as_offered() -> None:
    arrivals = arrival_times(60, 100)
    assert arrivals == arrival_times(60, 100) == sorted(arrivals)
    assert 0 <= arrivals[0] <= arrivals[-1] < 100
    assert abs(len(arrivals) - 6000) < 4 * math.sqrt(6000)
