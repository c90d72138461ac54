"""The chart of a job along virtual time, in the report of a failed test."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from failure_reports import report_lines

import pytest_dxjobs as dx
from pytest_dxjobs import faults


def test_failed_attempts_and_backoff_have_their_own_marks(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    dxjobs.inject(faults.throttling(), requests=2, after=1)
    client.get_job(JobId=job.id)
    dxjobs_clock.tick(1)
    client.get_job(JobId=job.id)
    states, marks, scale, *_, first, second = report_lines(dxjobs, dxjobs_clock, 60)[2:]
    assert states == "  WAITING"
    assert set(marks.strip()) == {"o", "x", "~", " "}
    assert marks.strip().startswith("o ")
    assert marks.count("x") == 2
    assert marks.rstrip().endswith("~o")
    assert scale.startswith("  0 s ")
    assert len(scale) == len(marks) <= 60
    assert "backoff" not in first
    throttled, backoff = second.split("   backoff ")
    assert throttled.endswith("429 ThrottlingException (2 times), then 200 WAITING")
    total = sum(each.backoff for each in dxjobs.calls[1].attempts)
    assert backoff == f"{round(total, 3)} s"


def test_an_endless_sleep_is_drawn_to_the_end(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))

    async def main() -> None:
        for seconds in (10, 1e300):
            client.get_job(JobId=job.id)
            asyncio.get_running_loop().create_task(asyncio.sleep(seconds))
            await asyncio.sleep(10)
        client.get_job(JobId=job.id)

    asyncio.run(main())
    assert report_lines(dxjobs, dxjobs_clock, 30)[3] == "  o.........o.........o"


def test_a_sleep_that_began_before_the_first_poll_is_drawn_to_its_end(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))

    async def main() -> None:
        asyncio.get_running_loop().create_task(asyncio.sleep(30))
        await asyncio.sleep(20)
        client.get_job(JobId=job.id)
        dxjobs_clock.tick(20)
        client.get_job(JobId=job.id)

    asyncio.run(main())
    assert report_lines(dxjobs, dxjobs_clock, 30)[3] == "  o..........         o"


def test_a_sleep_is_drawn_at_its_time(dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    time.sleep(4)  # before the chart begins
    client.get_job(JobId=job.id)
    time.sleep(8)
    dxjobs_clock.tick(4)  # not a sleep
    client.get_job(JobId=job.id)
    dxjobs_clock.tick(4)
    time.sleep(4)
    client.get_job(JobId=job.id)
    time.sleep(4)  # goes on after the last poll
    assert report_lines(dxjobs, dxjobs_clock, 30)[3] == "  o.......  o  ....o..."


def test_one_legend_explains_the_marks_and_fits_the_width(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    for job in dxjobs.add_job(), dxjobs.add_job():
        client.get_job(JobId=job.id)
        dxjobs_clock.tick(60)
        client.get_job(JobId=job.id)
    lines = report_lines(dxjobs, dxjobs_clock, 30)
    legend = lines.index("o poll, 2-9 # several, x")
    assert lines[legend + 1] == "failed, ~ backoff, . sleep"
    assert lines[legend + 2].startswith("Calls")
    assert sum("backoff" in line for line in lines) == 1


def test_the_scales_of_all_charts_count_from_the_first_call(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    for job in dxjobs.add_job(), dxjobs.add_job():
        client.get_job(JobId=job.id)
        dxjobs_clock.tick(1234.5678)
        client.get_job(JobId=job.id)
    lines = report_lines(dxjobs, dxjobs_clock, 80)
    assert lines[4].split() == ["0", "s", "+1,234.568", "s"]
    assert lines[9].split() == ["+1,234.568", "s", "+2,469.136", "s"]


def test_the_chart_of_an_abandoned_wait_ends_with_the_final_state(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=100))
    client.get_job(JobId=job.id)
    time.sleep(600)
    lines = report_lines(dxjobs, dxjobs_clock, 40)
    assert lines[0].endswith(", COMPLETED, 1 poll")
    assert lines[2:5] == [
        "  IN_PROGRESS-----------------COMPLETED",
        "  o............................",
        "  0 s                    +600 s",
    ]


def test_the_chart_ends_at_the_first_poll_of_an_end_state(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=10))
    for _ in range(2):
        client.get_job(JobId=job.id)
        dxjobs_clock.tick(10)
    assert report_lines(dxjobs, dxjobs_clock, 40)[4].endswith("+10 s")


def test_a_state_name_is_cut_if_it_does_not_fit(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    history = dx.history(("WAITING", 10), ("IN_PROGRESS", 50), "COMPLETED")
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", history)
    for seconds in (0, 10, 50, 140):
        dxjobs_clock.tick(seconds)
        client.get_job(JobId=job.id)
    states = [report_lines(dxjobs, dxjobs_clock, width)[2] for width in (30, 49, 210)]
    assert states == [
        "  |IN_P|COMPLETED",
        "  W|IN_PROGR|COMPLETED",
        "  WAITING---IN_PROGRESS" + "-" * 38 + "COMPLETED",
    ]


def test_a_state_name_that_just_fits_is_separated_by_a_bar(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.history(("WAITING", 7), "IN_PROGRESS"))
    for seconds in (0, 7, 12):
        dxjobs_clock.tick(seconds)
        client.get_job(JobId=job.id)
    assert report_lines(dxjobs, dxjobs_clock, 10)[2] == "  WAITIN|IN_PROGRESS"  # a column a second


def test_a_clock_that_is_set_back_gives_negative_times(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    client.get_job(JobId=job.id)
    dxjobs_clock.move_to("2024-12-31")
    client.get_job(JobId=job.id)
    lines = report_lines(dxjobs, dxjobs_clock, 40)
    assert lines[4].split() == ["-86,400", "s", "0", "s"]
    assert lines[-1].endswith("last at -86,400.000 s")


def test_polls_in_one_column_are_counted(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=600))
    for polls in (9, 10, 1):
        for _ in range(polls):
            client.get_job(JobId=job.id)
        dxjobs_clock.tick(300)
    states, marks = report_lines(dxjobs, None, 10)[2:4]  # less than the minimum width
    assert states == "  IN_PROGRESS--------COMPLETED"
    assert marks == "  9         #        o"


def test_there_is_no_line_of_states_if_no_poll_succeeded(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    for _ in range(2):
        with dx.raises_not_found():
            client.get_job(JobId="0" * 32)
        dxjobs_clock.tick(10)
    lines = report_lines(dxjobs, dxjobs_clock)
    assert lines[1] == "  x" + " " * 76 + "x"


def test_a_sleep_is_drawn_in_the_chart_of_the_job_that_its_thread_polls(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    mine, other = (dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=20)) for _ in range(2))

    def poll_around_a_sleep() -> None:
        client.get_job(JobId=other.id)
        time.sleep(10)
        client.get_job(JobId=other.id)

    client.get_job(JobId=mine.id)
    thread = threading.Thread(target=poll_around_a_sleep)
    thread.start()
    thread.join()
    time.sleep(10)
    client.get_job(JobId=mine.id)
    marks = [line.strip() for line in report_lines(dxjobs, dxjobs_clock, 31) if line.startswith("  o")]
    assert marks == ["o         .........o", "o.........o"]
