"""The calls in the report of a failed test: what stands in a line, and whose sleeps are told."""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
import threading
import time
from typing import Any

from failure_reports import told

import pytest_dxjobs as dx


def calls(fake: dx.FakeDataExchange, clock: dx.VirtualClock) -> list[str]:
    """The lines of the calls, without their times."""
    lines = told(fake, clock, 200)
    begin = next(number for number, line in enumerate(lines) if line.startswith("Calls"))
    return [" ".join(line.split()[2:]) for line in lines[begin + 1 :]]


def wait(client: Any, job: dx.Job, interval: float) -> None:
    while client.get_job(JobId=job.id)["State"] != "COMPLETED":
        time.sleep(interval)


def test_a_sleep_is_told_of_the_thread_that_slept(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    jobs = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=50)) for _ in range(2)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(wait, [client] * 2, jobs, (10, 25)))
    lines = {re.sub(r" \d+ times, .*", "", line) for line in calls(dxjobs, dxjobs_clock)}
    assert lines == {
        f"..{job.id[-8:]} get_job 200 {answered}"
        for job, interval in zip(jobs, (10, 25), strict=True)
        for answered in (f"IN_PROGRESS, then a sleep of {interval} s", "COMPLETED")
    }


def test_a_sleep_of_who_does_not_call_is_not_told_with_the_calls_of_who_does(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    client.get_job(JobId=dxjobs.add_job().id)
    time.sleep(10)
    other = threading.Thread(target=time.sleep, args=(7,))
    other.start()
    other.join()
    assert calls(dxjobs, dxjobs_clock) == ["get_job 200 COMPLETED, then a sleep of 10 s"]


def test_who_has_others_call_is_told_to_sleep(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))

    async def main() -> None:
        for _ in range(2):
            await asyncio.to_thread(client.get_job, JobId=job.id)
            await asyncio.sleep(10)

    asyncio.run(main())
    polled = "get_job 200 WAITING, then a sleep of 10 s"
    assert calls(dxjobs, dxjobs_clock) == [f"{polled} 2 times, last at +10.000 s"]


def test_of_a_loop_that_sleeps_several_times_at_once_no_sleep_is_told(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))

    async def poll(interval: float) -> None:
        client.get_job(JobId=job.id)
        await asyncio.sleep(interval)

    async def main() -> None:
        await asyncio.gather(poll(10), poll(25))

    asyncio.run(main())
    assert calls(dxjobs, dxjobs_clock) == ["get_job 200 WAITING 2 times, last at +0.000 s"]


def test_sleeps_between_two_calls_are_counted_and_backoff_is_none_of_them(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    time.sleep(1)  # before there is a call to tell it with
    client.get_job(JobId=job.id)
    for seconds in (13, 80000):
        time.sleep(seconds)
    dxjobs.throttle(requests=1)
    client.get_job(JobId=job.id)
    (backoff,) = (each.seconds for each in dxjobs_clock.sleeps if each.is_backoff)
    assert calls(dxjobs, dxjobs_clock) == [
        "get_job 200 WAITING, then 2 sleeps of 80,013 s in all",
        f"get_job 429 ThrottlingException, then 200 WAITING backoff {round(backoff, 3)} s",
    ]


def test_the_text_is_plain_ascii(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    for job in dxjobs.add_job(), dxjobs.add_job():
        client.get_job(JobId=job.id)
        time.sleep(0.5)
    assert "".join(told(dxjobs, dxjobs_clock)).isascii()
