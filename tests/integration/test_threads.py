"""Many threads at once: jobs stay independent, and no call, poll or history is lost or used twice."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import botocore.session
import pytest
from botocore.exceptions import ClientError

import pytest_dxjobs as dx

T = TypeVar("T")
R = TypeVar("R")

ENDS = ("COMPLETED", "ERROR", "TIMED_OUT")


@pytest.fixture(autouse=True)
def _frequent_thread_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def run_in_threads(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Call the function with each item in a thread of its own; all threads start together."""
    barrier = threading.Barrier(len(items), timeout=60)

    def start(item: T) -> R:
        barrier.wait()
        return work(item)

    with concurrent.futures.ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(start, items))


def make_clients(count: int) -> list[Any]:
    session = botocore.session.Session()
    session.set_credentials("example", "example")
    return [session.create_client("dataexchange", region_name="us-east-1") for _ in range(count)]


def fake_without_limits() -> dx.FakeDataExchange:
    return dx.FakeDataExchange(max_polls=None, max_polls_after_end=None)


def poll_states(client: Any, job_id: str, times: int) -> list[str]:
    return [client.get_job(JobId=job_id)["State"] for _ in range(times)]


def poll_to_end(client: Any, job_id: str) -> list[str]:
    states = poll_states(client, job_id, 1)
    while states[-1] not in dx.TERMINAL_STATES:
        states += poll_states(client, job_id, 1)
    return states


def create_export(client: Any, revision: str) -> str:
    details = {
        "AssetDestinations": [{"AssetId": "e" * 32, "Bucket": "prices"}],
        "DataSetId": "d" * 32,
        "RevisionId": revision,
    }
    response = client.create_job(Type="EXPORT_ASSETS_TO_S3", Details={"ExportAssetsToS3": details})
    assert response["Details"] == {"ExportAssetsToS3": details}
    job_id: str = response["Id"]
    return job_id


def call_status(operation: Callable[..., Any], job_id: str) -> int:
    try:
        response = operation(JobId=job_id)
    except ClientError as error:
        response = error.response
    code: int = response["ResponseMetadata"]["HTTPStatusCode"]
    return code


@pytest.mark.parametrize("client_count", [1, 20])
def test_twenty_jobs_in_twenty_threads_are_independent(client_count: int) -> None:
    clients = make_clients(client_count) * (20 // client_count)
    stages = [(1 + nth, 3 + nth % 7, ENDS[nth % 3]) for nth in range(20)]
    with fake_without_limits() as fake:
        jobs = [
            fake.add_job(
                "EXPORT_ASSETS_TO_S3",
                dx.history(("WAITING", dx.polls(waiting)), ("IN_PROGRESS", dx.polls(running)), end),
            )
            for waiting, running, end in stages
        ]
        polled = run_in_threads(lambda nth: poll_states(clients[nth], jobs[nth].id, times=50), range(20))
    assert polled == [
        ["WAITING"] * waiting + ["IN_PROGRESS"] * running + [end] * (50 - waiting - running)
        for waiting, running, end in stages
    ]
    assert [job.polls for job in jobs] == [50] * 20
    assert len(fake.calls) == 1000
    logged = collections.defaultdict(list)
    for call in fake.calls:
        assert call.operation == "get_job"
        assert call.response is not None
        logged[call.params["JobId"]].append(call.response["State"])
    assert [logged[job.id] for job in jobs] == polled
    assert [[call.params["JobId"] for call in job.calls] for job in jobs] == [[job.id] * 50 for job in jobs]


def test_polls_of_all_threads_advance_a_shared_job() -> None:
    [client] = make_clients(1)
    history = dx.history(("WAITING", dx.polls(30)), ("IN_PROGRESS", dx.polls(100)), "COMPLETED")
    with fake_without_limits() as fake:
        jobs = [fake.add_job("EXPORT_ASSETS_TO_S3", history) for _ in range(5)]

        def poll(nth: int) -> list[Any]:
            order = jobs[nth % 5 :] + jobs[: nth % 5]
            return [client.get_job(JobId=job.id) for _ in range(10) for job in order]

        by_thread = run_in_threads(poll, range(20))
        assert len(fake.calls) == 1000
    for job in jobs:
        of_job = [[one for one in responses if one["Id"] == job.id] for responses in by_thread]
        all_responses = [response for responses in of_job for response in responses]
        assert collections.Counter(response["State"] for response in all_responses) == {
            "WAITING": 30,
            "IN_PROGRESS": 100,
            "COMPLETED": 70,
        }
        # All threads see each state entered once, and none sees the job go back to an earlier state.
        assert len({(response["State"], response["UpdatedAt"]) for response in all_responses}) == 3
        for responses in of_job:
            order = [dx.JOB_STATES.index(response["State"]) for response in responses]
            assert sorted(order) == order
        assert job.polls == len(job.calls) == 200


def test_reads_in_other_threads_do_not_advance_jobs() -> None:
    [client] = make_clients(1)
    history = dx.history(("WAITING", dx.polls(5)), ("IN_PROGRESS", dx.polls(5)), "COMPLETED")
    expected = ["WAITING"] * 5 + ["IN_PROGRESS"] * 5 + ["COMPLETED"] * 10
    with fake_without_limits() as fake:
        jobs = [fake.add_job("EXPORT_ASSETS_TO_S3", history) for _ in range(5)]

        def read_jobs() -> list[str]:
            ids: list[str] = []
            for _ in range(10):
                ids += [job["Id"] for job in client.list_jobs()["Jobs"]]
                assert {job.state for job in fake.jobs} <= set(expected)
            return ids

        def work(nth: int) -> list[str]:
            return poll_states(client, jobs[nth].id, times=20) if nth < 5 else read_jobs()

        results = run_in_threads(work, range(10))
    assert results[:5] == [expected] * 5
    assert results[5:] == [[job.id for job in reversed(jobs)] * 10] * 5


def test_histories_go_to_the_jobs_that_match_where_in_any_order() -> None:
    [client] = make_clients(1)
    plans = {dx.job_id(f"revision {nth}"): (nth, ENDS[nth % 3]) for nth in range(1, 11)}

    def has_revision(revision: str, details: dict[str, Any]) -> bool:
        return bool(details["RevisionId"] == revision)

    def run(revision: str) -> list[str]:
        job_id = create_export(client, revision)
        client.start_job(JobId=job_id)
        return poll_to_end(client, job_id)

    with dx.FakeDataExchange() as fake:
        for revision, (count, end) in plans.items():
            fake.next_job(
                dx.history(("IN_PROGRESS", dx.polls(count)), end),
                where=functools.partial(has_revision, revision),
            )
        # In the reverse order of the `next_job` calls.
        polled = run_in_threads(run, list(reversed(plans)))
    assert list(reversed(polled)) == [["IN_PROGRESS"] * count + [end] for count, end in plans.values()]


def test_each_planned_history_is_used_once() -> None:
    [client] = make_clients(1)
    with dx.FakeDataExchange() as fake:
        fake.default_history = dx.stays("ERROR")
        for polls in range(1, 11):
            fake.next_job(dx.completes(polls=polls))

        def run(revision: str) -> list[str]:
            job_id = create_export(client, revision)
            client.start_job(JobId=job_id)
            return poll_to_end(client, job_id)

        polled = run_in_threads(run, [dx.job_id(f"revision {nth}") for nth in range(12)])
    # Ten histories were planned, so two jobs take the default.
    assert sorted(polled, key=lambda states: (states[-1], len(states))) == [
        *(["IN_PROGRESS"] * (polls - 1) + ["COMPLETED"] for polls in range(1, 11)),
        *[["ERROR"]] * 2,
    ]


def test_threads_create_start_and_poll_jobs_of_their_own() -> None:
    clients = make_clients(20)
    with dx.FakeDataExchange() as fake:
        fake.default_history = dx.completes(polls=3)

        def run(nth: int) -> list[tuple[str, list[str]]]:
            jobs = []
            for _ in range(5):
                job_id = create_export(clients[nth], dx.job_id(f"revision {nth}"))
                before = poll_states(clients[nth], job_id, times=2)
                assert call_status(clients[nth].start_job, job_id) == 202
                jobs.append((job_id, before + poll_to_end(clients[nth], job_id)))
            return jobs

        polled = dict(job for jobs in run_in_threads(run, range(20)) for job in jobs)
        assert list(polled.values()) == [["WAITING", "WAITING", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]] * 100
        assert collections.Counter(call.operation for call in fake.calls) == {
            "create_job": 100,
            "start_job": 100,
            "get_job": 500,
        }
        fake.assert_all_started_jobs_polled_to_end()
        fake.assert_not_polled_after_end()
        pages = clients[0].get_paginator("list_jobs").paginate()
        listed = [job for page in pages for job in page["Jobs"]]
        assert {job["Id"]: job["State"] for job in listed} == dict.fromkeys(polled, "COMPLETED")
        times = [job["CreatedAt"] for job in listed]
        assert times == sorted(times, reverse=True)
        assert {job.id for job in fake.jobs} == polled.keys()


@pytest.mark.parametrize("operations", [("start_job",), ("cancel_job",), ("start_job", "cancel_job")])
def test_one_of_twenty_starts_or_cancellations_succeeds(operations: tuple[str, ...]) -> None:
    [client] = make_clients(1)
    with dx.FakeDataExchange() as fake:
        job_id = create_export(client, dx.job_id("revision"))

        def run(nth: int) -> int:
            return call_status(getattr(client, operations[nth % len(operations)]), job_id)

        codes = run_in_threads(run, range(20))
        [job] = fake.jobs
    [success] = set(codes) - {409}
    assert codes.count(409) == 19
    assert (success, job.started, job.cancelled) in [(202, True, False), (204, False, True)]
