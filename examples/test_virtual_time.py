"""Minutes of polling in milliseconds, with ``dxjobs_clock``."""

from __future__ import annotations

import datetime

import pytest
from price_feed import deadline

import pytest_dxjobs as dx


def test_five_minutes_pass_at_once(dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=300))
    deadline.wait(job.id)
    assert len(dxjobs_clock.sleeps) == 30


def test_the_code_gives_up_after_a_quarter_of_an_hour(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    started_at = dxjobs_clock.now
    with pytest.raises(TimeoutError, match="still WAITING after 900 s"):
        deadline.wait(job.id)
    assert dxjobs_clock.now - started_at == datetime.timedelta(minutes=15)


def test_ten_parallel_waits_take_as_long_as_the_longest(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock
) -> None:
    started_at = dxjobs_clock.now
    jobs = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=60 * minutes)) for minutes in range(1, 11)]
    deadline.wait_for_all([job.id for job in jobs])
    assert dxjobs_clock.now - started_at == datetime.timedelta(minutes=10)
    dxjobs.assert_all_started_jobs_polled_to_end()
