"""``assert_*`` of the fake: each passes, or fails with the timeline of the job."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

import pytest_dxjobs as dx

ID, OTHER = "d" * 32, "e" * 32
REVISIONS = {"DataSetId": ID, "RevisionDestinations": [{"Bucket": "prices", "RevisionId": OTHER}]}
CREATE: dict[str, Any] = {
    "Type": "EXPORT_REVISIONS_TO_S3",
    "Details": {"ExportRevisionsToS3": REVISIONS},
}


def poll(client: Any, job: dx.Job | str, times: int = 1) -> None:
    for _ in range(times):
        client.get_job(JobId=job if isinstance(job, str) else job.id)


def poll_at_intervals(client: Any, clock: Any, job: dx.Job, intervals: list[float]) -> None:
    poll(client, job)
    for seconds in intervals:
        clock.tick(seconds)
        poll(client, job)


# assert_polled


@pytest.mark.parametrize(
    ("polls", "bounds"),
    [
        (1, {}),
        (0, {"times": 0}),
        (2, {"times": 2}),
        (3, {"at_least": 2}),
        (0, {"at_least": 0}),
        (2, {"at_most": 2}),
        (2, {"at_least": 2, "at_most": 2}),
    ],
)
def test_assert_polled_passes_for_the_expected_number(
    dxjobs: dx.FakeDataExchange, client: Any, polls: int, bounds: dict[str, int]
) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    poll(client, other, 5)
    poll(client, job, polls)
    client.list_jobs()
    dxjobs.assert_polled(job, **bounds)
    dxjobs.assert_polled(job.id, **bounds)


@pytest.mark.parametrize(
    ("polls", "bounds"),
    [
        (0, {}),
        (1, {"times": 0}),
        (1, {"times": 2}),
        (1, {"at_least": 2}),
        (3, {"at_most": 2}),
        (4, {"at_least": 2, "at_most": 3}),
    ],
)
def test_assert_polled_fails_for_another_number(
    dxjobs: dx.FakeDataExchange, client: Any, polls: int, bounds: dict[str, int]
) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    poll(client, other, 2)
    poll(client, job, polls)
    for each in (job, job.id):
        with pytest.raises(AssertionError, match=f"{job.id} was polled {polls} time") as caught:
            dxjobs.assert_polled(each, **bounds)
        assert other.id not in str(caught.value)


def test_only_successful_polls_count(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.add_client_error("get_job", "ThrottlingException", expected_params={"JobId": job.id})
    for each in (job.id, ID):
        with pytest.raises(ClientError):
            poll(client, each)
        dxjobs.assert_polled(each, 0)
    poll(client, job)
    dxjobs.assert_polled(job, 1)


def test_a_failed_check_shows_the_timeline_of_the_job(dxjobs: dx.FakeDataExchange, client: Any, clock: Any) -> None:
    other = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("CANCELLED"))
    dxjobs.default_history = dx.completes(after=60)
    job_id = client.create_job(**CREATE)["Id"]
    client.start_job(JobId=job_id)
    poll(client, other)
    for seconds in (30, 60):
        clock.tick(seconds)
        poll(client, job_id)
    poll(client, job_id)
    checks: tuple[Callable[[], None], ...] = (
        lambda: dxjobs.assert_polled(job_id, 9),
        lambda: dxjobs.assert_not_polled_after_end(job_id),
        lambda: dxjobs.assert_not_polled_after_end(),
        lambda: dxjobs.assert_poll_interval(job_id, min=40),
        lambda: dxjobs.assert_poll_interval(job_id, max=40),
        lambda: dxjobs.assert_intervals_grow(job_id),
    )
    for check in checks:
        with pytest.raises(AssertionError) as caught:
            check()
        message = str(caught.value)
        assert job_id in message
        assert "2024-01-01 00:00:00" in message
        for line in (
            r"\+0\.000 s +create_job +201 WAITING",
            r"\+0\.000 s +start_job +202",
            r"\+30\.000 s +get_job +200 IN_PROGRESS",
            r"\+90\.000 s +get_job +200 COMPLETED",
        ):
            assert re.search(line, message)
        assert "CANCELLED" not in message


def test_calls_that_violate_a_check_have_lines_of_their_own(
    dxjobs: dx.FakeDataExchange, client: Any, clock: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=5))
    for seconds in (10, 10, 3, 10, 10, 10, 10, 10):
        poll(client, job.id)
        clock.tick(seconds)
    drawn = []
    checks: tuple[Callable[[], None], ...] = (
        lambda: dxjobs.assert_poll_interval(job, min=10),
        lambda: dxjobs.assert_poll_interval(job, max=9),
        lambda: dxjobs.assert_intervals_grow(job),
        lambda: dxjobs.assert_not_polled_after_end(job),
    )
    for check in checks:
        with pytest.raises(AssertionError) as caught:
            check()
        lines = [line.split() for line in str(caught.value).splitlines()[2:]]
        drawn.append([" ".join([line[0], *line[5:7]]) for line in lines])
    assert drawn == [
        ["+0.000 2 times,", "+20.000", "+23.000", "+33.000 4 times,"],
        ["+0.000", "+10.000", "+20.000 2 times,", "+33.000 4 times,"],
        ["+0.000 2 times,", "+20.000", "+23.000", "+33.000 4 times,"],
        ["+0.000 4 times,", "+33.000", "+43.000", "+53.000 2 times,"],
    ]


# assert_not_polled_after_end


def test_one_poll_of_an_end_state_passes(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    jobs = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays(state)) for state in dx.TERMINAL_STATES]
    waiting = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    poll(client, waiting, 5)
    for job in jobs:
        poll(client, job)
        client.list_jobs()
        dxjobs.assert_not_polled_after_end(job)
    dxjobs.assert_not_polled_after_end(waiting)
    dxjobs.assert_not_polled_after_end()


@pytest.mark.parametrize("state", dx.TERMINAL_STATES)
def test_a_poll_after_the_end_fails(dxjobs: dx.FakeDataExchange, client: Any, state: str) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.history("IN_PROGRESS"))
    job.become(state)
    other = dxjobs.add_job()
    poll(client, other)
    poll(client, job, 3)
    for arguments in ([job], [job.id], []):
        with pytest.raises(AssertionError, match=f"{job.id} was polled 2 more times.*{state}"):
            dxjobs.assert_not_polled_after_end(*arguments)
    dxjobs.assert_not_polled_after_end(other)


def test_an_end_state_in_a_queued_response_counts(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("get_job", {"State": "TIMED_OUT"})
    dxjobs.add_client_error("get_job", "ThrottlingException")
    poll(client, ID)
    dxjobs.assert_not_polled_after_end()
    with pytest.raises(ClientError):
        poll(client, ID)
    with pytest.raises(AssertionError, match=f"{ID} was polled 1 more time after TIMED_OUT"):
        dxjobs.assert_not_polled_after_end()


# assert_all_started_jobs_polled_to_end


def test_a_started_job_not_polled_to_the_end_fails(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.assert_all_started_jobs_polled_to_end()
    dxjobs.default_history = dx.completes(polls=2)
    created = [client.create_job(**CREATE)["Id"] for _ in range(4)]
    client.cancel_job(JobId=created[3])
    for job_id in created[:2]:
        client.start_job(JobId=job_id)
        poll(client, job_id)
    poll(client, created[0])
    with pytest.raises(AssertionError) as caught:
        dxjobs.assert_all_started_jobs_polled_to_end()
    message = str(caught.value)
    assert created[1] in message
    assert re.search("start_job +202", message)
    assert re.search("get_job +200 IN_PROGRESS", message)
    assert "COMPLETED" not in message
    assert [job_id for job_id in created if job_id in message] == [created[1]]
    poll(client, created[1])
    dxjobs.assert_all_started_jobs_polled_to_end()


def test_jobs_of_add_job_count_as_started(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    jobs = [dxjobs.add_job() for _ in range(2)]
    client.list_jobs()
    with pytest.raises(AssertionError, match=rf"(?s)2 started jobs.*{jobs[0].id}.*{jobs[1].id}"):
        dxjobs.assert_all_started_jobs_polled_to_end()
    poll(client, jobs[0])
    with pytest.raises(AssertionError, match=f"1 started job was.*\n.*{jobs[1].id}"):
        dxjobs.assert_all_started_jobs_polled_to_end()
    poll(client, jobs[1])
    dxjobs.assert_all_started_jobs_polled_to_end()


# assert_poll_interval and assert_intervals_grow


@pytest.mark.parametrize(
    ("bounds", "holds"),
    [
        ({"min": 10.5}, False),
        ({"max": 29.5}, False),
        ({"min": 10, "max": 30}, True),
        ({"min": 10, "max": 15}, False),
        ({"min": 20, "max": 20}, False),
        ({"min": datetime.timedelta(seconds=10), "max": datetime.timedelta(minutes=1)}, True),
        ({"min": datetime.timedelta(seconds=11)}, False),
        ({"max": 0}, False),
    ],
)
def test_assert_poll_interval_checks_min_and_max(
    dxjobs: dx.FakeDataExchange, client: Any, clock: Any, bounds: dict[str, Any], holds: bool
) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    poll_at_intervals(client, clock, job, [20, 10, 30])
    poll_at_intervals(client, clock, other, [1, 1000])
    outcome = contextlib.nullcontext() if holds else pytest.raises(AssertionError, match=job.id)
    with outcome:
        dxjobs.assert_poll_interval(job, **bounds)
    with outcome:
        dxjobs.assert_poll_interval(job.id, **bounds)


@pytest.mark.parametrize(
    ("intervals", "finding"),
    [
        ([1, 2, 4], ""),
        ([1, 1, 2, 2], ""),
        ([2, 1], r"again after 1 s \(interval 2\), expected at least 2 s, the interval before\."),
        (
            [1, 3, 2, 4],
            r"again after 2 s \(interval 3\), expected at least 3 s, the interval before\.",
        ),
        ([2, 2, 2], "4 times, and the intervals never grow"),
        ([5], "2 times, and the intervals never grow"),
        ([], "1 time; an interval needs two polls"),
    ],
)
def test_assert_intervals_grow_needs_one_that_grows_and_none_that_shrinks(
    dxjobs: dx.FakeDataExchange, client: Any, clock: Any, intervals: list[float], finding: str
) -> None:
    job = dxjobs.add_job()
    poll_at_intervals(client, clock, job, intervals)
    failure = pytest.raises(AssertionError, match=f"{job.id} was polled {finding}")
    with failure if finding else contextlib.nullcontext():
        dxjobs.assert_intervals_grow(job)
    outcome = pytest.raises(AssertionError) if len(intervals) == 0 else contextlib.nullcontext()
    with outcome:
        dxjobs.assert_poll_interval(job, max=60)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda fake: fake.assert_polled(None), "a job or its id is needed, not None"),
        (
            lambda fake: fake.assert_polled(ID, "2"),
            "times: a whole number from 0 is needed, not '2'",
        ),
        (lambda fake: fake.assert_polled(ID, True), "times: a whole number from 0.*not True"),
        (lambda fake: fake.assert_polled(ID, at_least=1.5), "at_least: a whole number"),
        (lambda fake: fake.assert_polled(ID, at_most="1"), "at_most: a whole number"),
        (lambda fake: fake.assert_polled(ID, 0, at_most=0), "give either times, or at_least and"),
        (lambda fake: fake.assert_polled(ID, False), "times: a whole number"),
        (
            lambda fake: fake.assert_polled("typo", 0),
            "job: 'typo' is not in this fake, and no call was",
        ),
        (lambda fake: fake.assert_not_polled_after_end("typo"), "'typo' is not in this fake"),
        (
            lambda fake: fake.assert_polled(dx.FakeDataExchange().add_job(), 0),
            "is not in this fake",
        ),
        (
            lambda fake: fake.assert_polled(ID, at_least=2, at_most=1),
            "at_least=2 is more than at_most=1",
        ),
        (lambda fake: fake.assert_poll_interval(ID, min=2, max=1), "min=2 is more than max=1"),
        (lambda fake: fake.assert_not_polled_after_end(5), "a job or its id is needed, not 5"),
        (lambda fake: fake.assert_poll_interval(ID), "min, max or both"),
        (lambda fake: fake.assert_poll_interval(ID, min="1"), "min: seconds or a timedelta"),
        (lambda fake: fake.assert_poll_interval(ID, max=-1), "max: seconds or a timedelta"),
        (lambda fake: fake.assert_poll_interval(ID, max=float("nan")), "max: seconds or a time"),
        (lambda fake: fake.assert_poll_interval([], min=1), "a job or its id is needed"),
        (lambda fake: fake.assert_intervals_grow(0), "a job or its id is needed, not 0"),
    ],
)
def test_a_wrong_argument_is_refused(dxjobs: dx.FakeDataExchange, check: Any, message: str) -> None:
    name = check.__code__.co_names[0]  # the assertion that it calls
    with pytest.raises(dx.UsageError, match=f"^{name}: .*{message}"):
        check(dxjobs)


def test_cancelled_jobs_need_no_poll(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    client.cancel_job(JobId=job.id)
    dxjobs.assert_all_started_jobs_polled_to_end()


def test_at_most_five_unfinished_jobs_are_shown(dxjobs: dx.FakeDataExchange) -> None:
    for jobs, last in ((5, r"calls about job \w+: no calls"), (3, "and 3 more")):
        for _ in range(jobs):
            dxjobs.add_job()
        with pytest.raises(AssertionError, match=f"\n{last}$") as caught:
            dxjobs.assert_all_started_jobs_polled_to_end()
        message = str(caught.value)
        assert message.startswith(f"{len(dxjobs.jobs)} started jobs were not ")
        assert message.count("calls about job") == 5
