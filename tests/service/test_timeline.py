"""The lines of calls in the report of a failed test, and the sleeps shown in them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
import threading
import time
from typing import Any

from failure_reports import report_lines

import pytest_dxjobs as dx


def call_lines(fake: dx.FakeDataExchange, clock: dx.VirtualClock) -> list[str]:
    """Return the lines of the calls, without their times."""
    lines = report_lines(fake, clock, 200)
    start = next(number for number, line in enumerate(lines) if line.startswith("Calls"))
    return [" ".join(line.split()[2:]) for line in lines[start + 1 :]]


def wait(client: Any, job: dx.Job, interval: float) -> None:
    while client.get_job(JobId=job.id)["State"] != "COMPLETED":
        time.sleep(interval)


def test_sleep_is_shown_with_the_calls_of_its_thread(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    jobs = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=50)) for _ in range(2)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(wait, [client] * 2, jobs, (10, 25)))
    lines = {re.sub(r" \d+ times, .*", "", line) for line in call_lines(dxjobs, dxjobs_clock)}
    assert lines == {
        f"..{job.id[-8:]} get_job 200 {outcome}"
        for job, interval in zip(jobs, (10, 25), strict=True)
        for outcome in (f"IN_PROGRESS, then a sleep of {interval} s", "COMPLETED")
    }


def test_sleep_of_a_thread_without_calls_is_not_shown(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    client.get_job(JobId=dxjobs.add_job().id)
    time.sleep(10)
    other = threading.Thread(target=time.sleep, args=(7,))
    other.start()
    other.join()
    assert call_lines(dxjobs, dxjobs_clock) == ["get_job 200 COMPLETED, then a sleep of 10 s"]


def test_sleep_is_shown_if_other_threads_call_for_the_loop(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))

    async def main() -> None:
        for _ in range(2):
            await asyncio.to_thread(client.get_job, JobId=job.id)
            await asyncio.sleep(10)

    asyncio.run(main())
    line = "get_job 200 WAITING, then a sleep of 10 s"
    assert call_lines(dxjobs, dxjobs_clock) == [f"{line} 2 times, last at +10.000 s"]


def test_overlapping_sleeps_of_a_loop_are_not_shown(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))

    async def poll(interval: float) -> None:
        client.get_job(JobId=job.id)
        await asyncio.sleep(interval)

    async def main() -> None:
        await asyncio.gather(poll(10), poll(25))

    asyncio.run(main())
    assert call_lines(dxjobs, dxjobs_clock) == ["get_job 200 WAITING 2 times, last at +0.000 s"]


def test_sleeps_between_two_calls_are_summed_without_backoff(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    time.sleep(1)  # before the first call, so not shown
    client.get_job(JobId=job.id)
    for seconds in (13, 80000):
        time.sleep(seconds)
    dxjobs.throttle(requests=1)
    client.get_job(JobId=job.id)
    (backoff,) = (each.seconds for each in dxjobs_clock.sleeps if each.is_backoff)
    assert call_lines(dxjobs, dxjobs_clock) == [
        "get_job 200 WAITING, then 2 sleeps of 80,013 s in all",
        f"get_job 429 ThrottlingException, then 200 WAITING backoff {round(backoff, 3)} s",
    ]


def test_report_is_plain_ascii(dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any) -> None:
    for job in dxjobs.add_job(), dxjobs.add_job():
        client.get_job(JobId=job.id)
        time.sleep(0.5)
    assert "".join(report_lines(dxjobs, dxjobs_clock)).isascii()
