"""Polling limits: endless loops are stopped, even those that swallow exceptions, and the message names the cause."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import datetime
import threading
import time
from typing import Any

import freezegun
import pytest
from polling_loops import wait, wait_swallowing_errors

import pytest_dxjobs as dx
from pytest_dxjobs import faults
from pytest_dxjobs._core.errors import PollingStopped

ID = "d" * 32


def message_lines(caught: pytest.ExceptionInfo[dx.RunawayPolling]) -> list[str]:
    return str(caught.value).splitlines()


def test_polling_after_an_unhandled_end_state_is_stopped(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.times_out(after=60))
    with pytest.raises(dx.RunawayPolling) as caught:
        wait(client, job.id)
    assert message_lines(caught) == [
        (
            f"get_job was called 26 times for job {job.id} after it reported TIMED_OUT, "
            "an end state: every 10 s, over 0:04:10."
        ),
        "The history of the job is dx.times_out(after=60).",
        "Calls about this job, from 2025-01-01 00:00:00 UTC:",
        "       +0.000 s  get_job  200 IN_PROGRESS   6 times, last at +50.000 s",
        "      +60.000 s  get_job  200 TIMED_OUT   26 times, last at +310.000 s",
        (
            "The loop does not handle TIMED_OUT, so it was stopped here. If the calls are meant, raise the "
            "option max_polls_after_end, or set it to None."
        ),
    ]


def test_a_loop_that_sleeps_is_stopped_by_max_wait(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    with pytest.raises(dx.RunawayPolling) as caught:
        wait(client, job.id, 60)
    assert message_lines(caught)[0] == (
        f"The code slept for 1 day, 0:01:00 while get_job was called 1442 times for job {job.id} and each "
        "time reported IN_PROGRESS: every 60 s, over 1 day, 0:01:00."
    )
    assert "raise the option max_wait" in message_lines(caught)[-1]
    assert dxjobs_clock.now == datetime.datetime(2025, 1, 2, 0, 1, tzinfo=datetime.timezone.utc)


def test_a_loop_without_a_sleep_is_stopped_by_max_polls(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    end = time.time() + 60  # never reached: virtual time stands still
    with pytest.raises(dx.RunawayPolling) as caught:
        all(client.get_job(JobId=job.id) for _ in iter(lambda: time.time() < end, False))
    assert message_lines(caught)[0] == (
        f"get_job was called 5001 times for job {job.id} and each time reported IN_PROGRESS: without a pause."
    )
    assert "raise the option max_polls" in message_lines(caught)[-1]


@pytest.mark.dxjobs(max_wait=datetime.timedelta(hours=1))
def test_max_wait_counts_only_sleeps_of_the_code(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    for _ in range(100):
        client.get_job(JobId=job.id)
        dxjobs_clock.tick(3600)
    dxjobs_clock.move_to("2026-01-01")
    dxjobs.inject(faults.throttling(), requests=dx.ALWAYS)
    for _ in range(40):
        with dx.raises_throttling():
            client.get_job(JobId=job.id)
    assert sum(each.seconds for each in dxjobs_clock.sleeps if each.is_backoff) > 1
    time.sleep(3600)
    with dx.raises_throttling():
        client.get_job(JobId=job.id)
    time.sleep(1)
    with pytest.raises(dx.RunawayPolling, match="The code slept for 1:00:01 while"):
        client.get_job(JobId=job.id)


@pytest.mark.dxjobs(max_wait=3600)
def test_max_wait_counts_for_each_state_of_each_job(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    history = dx.history(("WAITING", 3000), ("IN_PROGRESS", 3000), "COMPLETED")
    assert wait(client, dxjobs.add_job("EXPORT_ASSETS_TO_S3", history).id) == "COMPLETED"
    assert wait(client, dxjobs.add_job("EXPORT_ASSETS_TO_S3", history).id) == "COMPLETED"


@pytest.mark.dxjobs(max_wait=3600)
def test_overlapping_sleeps_of_workers_count_once(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    history = dx.completes(after=1800)
    ids = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", history).id for _ in range(5)]
    with concurrent.futures.ThreadPoolExecutor(5) as executor:
        assert list(executor.map(lambda each: wait(client, each, 60), ids)) == ["COMPLETED"] * 5


@pytest.mark.dxjobs(max_polls=2)
def test_a_long_timeline_omits_its_middle(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    for _ in range(10):
        client.get_job(JobId=job.id)
        dxjobs.inject(faults.not_found())
        with dx.raises_not_found():
            client.get_job(JobId=job.id)
    client.get_job(JobId=job.id)
    client.get_job(JobId=job.id)
    with pytest.raises(dx.RunawayPolling) as caught:
        client.get_job(JobId=job.id)
    lines = message_lines(caught)
    assert len(lines) == 12
    assert [line.split()[-1] for line in lines[3:5]] == ["IN_PROGRESS", "ResourceNotFoundException"]
    assert lines[5] == "  ..."
    assert "200 IN_PROGRESS   2 times" in lines[10]


@pytest.mark.dxjobs(max_polls=3)
def test_max_polls_counts_equal_requests_of_other_operations(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("get_revision", times=dx.ALWAYS)
    dxjobs.add_response("create_revision", times=dx.ALWAYS)
    for _ in range(3):
        dxjobs.inject(faults.throttling(), operation="get_revision")
        client.get_revision(DataSetId=ID, RevisionId=ID)  # with a retry, which does not count
    for number in range(5):
        client.get_revision(DataSetId=ID, RevisionId=dx.job_id(str(number)))
        client.create_revision(DataSetId=ID)  # not a GET request: does not count
    with pytest.raises(dx.RunawayPolling, match="get_revision was called 4 times with the same"):
        client.get_revision(DataSetId=ID, RevisionId=ID)


def test_a_loop_that_swallows_exceptions_is_stopped_by_a_base_exception(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
    message = "(?s)TIMED_OUT.*The code swallowed RunawayPolling and went on"
    with pytest.raises(PollingStopped, match=message) as caught:
        wait_swallowing_errors(client, job.id)
    assert not issubclass(PollingStopped, Exception)
    assert caught.value.times == 1
    assert len(dxjobs.calls) == 1 + 25 + 25 + 1
    dxjobs.reset()


def test_a_stopped_job_does_not_affect_other_jobs(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    stuck = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("CANCELLED")).id for _ in range(2)]
    for job_id in stuck:
        for _ in range(2):
            with pytest.raises(dx.RunawayPolling):
                wait(client, job_id)
    assert wait(client, dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=600)).id)


def test_code_that_swallows_the_failure_and_sleeps_on_is_stopped_in_a_sleep(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
    done = threading.Event()

    def run() -> None:
        try:
            wait(client, job.id)
        except Exception:
            while not done.wait(1):
                pass

    with pytest.raises(BaseException, match="TIMED_OUT") as caught:
        run()
    assert not isinstance(caught.value, Exception)
    assert len([each for each in dxjobs_clock.sleeps if each.seconds == 1]) == 26
    dxjobs.reset()


def test_a_test_that_expects_the_failure_may_sleep_on(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    stuck = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
    with pytest.raises(dx.RunawayPolling):
        wait(client, stuck.id)
    for _ in range(100):
        time.sleep(1)


def test_max_wait_adds_up_sleeps_of_several_clocks(client: Any) -> None:
    with dx.FakeDataExchange(max_wait=100) as fake:
        job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
        with dx.VirtualClock():
            client.get_job(JobId=job.id)
            time.sleep(60)
        with dx.VirtualClock():
            client.get_job(JobId=job.id)
            time.sleep(60)
            with pytest.raises(dx.RunawayPolling, match="slept for 0:02:00 while"):
                client.get_job(JobId=job.id)


def test_code_may_sleep_on_after_a_later_successful_call(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    stuck = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
    with pytest.raises(dx.RunawayPolling):
        wait(client, stuck.id)
    client.get_job(JobId=dxjobs.add_job().id)
    for _ in range(100):
        time.sleep(1)


def test_an_asyncio_loop_that_swallows_exceptions_is_stopped(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))

    async def poll() -> None:
        while True:
            try:
                await asyncio.to_thread(client.get_job, JobId=job.id)
            except Exception:
                pass
            await asyncio.sleep(10)

    with pytest.raises(BaseException, match="TIMED_OUT") as caught:
        asyncio.run(poll())
    assert not isinstance(caught.value, Exception)
    dxjobs.reset()


def test_a_task_that_sleeps_on_after_its_thread_failed_is_stopped(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))

    async def poll() -> None:
        try:
            while True:
                await asyncio.to_thread(client.get_job, JobId=job.id)
                await asyncio.sleep(10)
        except Exception:
            while True:
                await asyncio.sleep(10)

    with pytest.raises(BaseException, match="TIMED_OUT") as caught:
        asyncio.run(poll())
    assert not isinstance(caught.value, Exception)
    dxjobs.reset()


def test_failures_swallowed_by_workers_fail_the_test_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import multiprocessing.dummy, time
        import boto3
        import pytest_dxjobs as dx

        def wait(job_id):
            client = boto3.client("dataexchange", region_name="us-east-1")
            try:
                while client.get_job(JobId=job_id)["State"] != "COMPLETED":
                    time.sleep(10)
            except Exception:
                return None

        def test_three_workers(dxjobs, dxjobs_clock):
            ids = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("ERROR")).id for _ in range(3)]
            with multiprocessing.dummy.Pool(3) as pool:
                pool.map(wait, ids)
        """
    )
    result = pytester.runpytest("-p", "no:randomly")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*RunawayPolling: get_job was called 26 times for job * after it reported ERROR, *"])
    result.stdout.fnmatch_lines(["It was raised at *test_failures_swallowed_by_workers_fail_the_test_once.py:*"])


def test_the_ini_file_sets_max_wait(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ndxjobs_max_wait = 3600\n")
    pytester.makepyfile(
        """
        import time
        import boto3
        import pytest_dxjobs as dx

        def test_an_hour(dxjobs, dxjobs_clock):
            client = boto3.client("dataexchange", region_name="us-east-1")
            job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
            while client.get_job(JobId=job.id):
                time.sleep(60)
        """
    )
    result = pytester.runpytest("-p", "no:randomly")
    result.stdout.fnmatch_lines(["E  *The code slept for 1:01:00 while get_job was called 62 times*"])


def test_a_fake_shared_by_tests_counts_for_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import time
        import boto3, pytest
        import pytest_dxjobs as dx

        keys = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
        client = boto3.client("dataexchange", region_name="us-east-1", **keys)

        @pytest.fixture(scope="session")
        def fake():
            with dx.FakeDataExchange(max_polls=3) as fake:
                yield fake

        @pytest.fixture(scope="session")
        def job(fake):
            return fake.add_job()

        @pytest.fixture
        def before(fake, job):
            client.get_job(JobId=job.id)
            client.list_jobs()

        @pytest.mark.parametrize("_", range(30))
        def test_it(before, job, _):
            client.get_job(JobId=job.id)
            client.list_jobs()

        def test_too_often(before, job):
            client.get_job(JobId=job.id)
            client.get_job(JobId=job.id)
            client.get_job(JobId=job.id)

        def test_that_swallows(before, job):
            def poll():
                try:
                    client.get_job(JobId=job.id)
                except Exception:
                    pass
            for _ in range(5):
                poll()

        def test_that_sleeps(fake):
            with dx.VirtualClock():
                for _ in range(100):
                    time.sleep(1)
        """
    )
    result = pytester.runpytest("-p", "no:randomly")
    result.assert_outcomes(passed=32, failed=1)
    result.stdout.fnmatch_lines(["E * get_job was called 4 times for job *"])


@pytest.mark.parametrize("sets_back", [False, True])
def test_a_history_that_starts_after_the_time_of_the_clock_is_reported(client: Any, sets_back: bool) -> None:
    with freezegun.freeze_time("2025-06-01"), dx.FakeDataExchange(max_polls=3) as fake:
        job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=600))
        with dx.VirtualClock("2025-05-01") as clock:
            if sets_back:
                job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=600))
                clock.move_to("2025-04-01")
            with pytest.raises(dx.RunawayPolling) as caught:
                wait(client, job.id)
    entered, shown = ("05", "04") if sets_back else ("06", "05")
    assert (
        f"The history of the job is dx.completes(after=600). It came to IN_PROGRESS at 2025-{entered}-01 00:00:00 "
        f"UTC, later than the clock shows, 2025-{shown}-01 00:00:30 UTC: start the clock before you add the "
        "job, and do not set it back.\n"
    ) in str(caught.value)


def test_a_history_in_real_time_suggests_the_clock(client: Any) -> None:
    for clock, suggested in (contextlib.nullcontext(), True), (dx.VirtualClock(), False):
        with clock, dx.FakeDataExchange(max_polls=1) as fake:
            job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=600))
            with pytest.raises(dx.RunawayPolling) as caught:
                wait(client, job.id, interval=0)
        advice = "in real time: add dxjobs_clock to the test's arguments, or count in polls"
        assert (advice in str(caught.value)) == suggested
