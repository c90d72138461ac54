"""Many threads at once: each job keeps its own life, and no call, poll or script is lost or used twice."""

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
def _threads_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def at_once(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Do the work on each item, in as many threads, which begin together and are joined."""
    barrier = threading.Barrier(len(items), timeout=60)

    def begin(item: T) -> R:
        barrier.wait()
        return work(item)

    with concurrent.futures.ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(begin, items))


def clients(count: int) -> list[Any]:
    session = botocore.session.Session()
    session.set_credentials("example", "example")
    return [session.create_client("dataexchange", region_name="us-east-1") for _ in range(count)]


def endless() -> dx.FakeDataExchange:
    return dx.FakeDataExchange(max_polls=None, max_polls_after_end=None)


def states(client: Any, job_id: str, times: int) -> list[str]:
    return [client.get_job(JobId=job_id)["State"] for _ in range(times)]


def states_to_the_end(client: Any, job_id: str) -> list[str]:
    seen = states(client, job_id, 1)
    while seen[-1] not in dx.TERMINAL_STATES:
        seen += states(client, job_id, 1)
    return seen


def export(client: Any, revision: str) -> str:
    details = {
        "AssetDestinations": [{"AssetId": "e" * 32, "Bucket": "prices"}],
        "DataSetId": "d" * 32,
        "RevisionId": revision,
    }
    response = client.create_job(Type="EXPORT_ASSETS_TO_S3", Details={"ExportAssetsToS3": details})
    assert response["Details"] == {"ExportAssetsToS3": details}
    job_id: str = response["Id"]
    return job_id


def status(operation: Callable[..., Any], job_id: str) -> int:
    try:
        response = operation(JobId=job_id)
    except ClientError as error:
        response = error.response
    code: int = response["ResponseMetadata"]["HTTPStatusCode"]
    return code


@pytest.mark.parametrize("how_many_clients", [1, 20])
def test_each_of_twenty_jobs_goes_its_own_way(how_many_clients: int) -> None:
    made = clients(how_many_clients) * (20 // how_many_clients)
    lives = [(1 + nth, 3 + nth % 7, ENDS[nth % 3]) for nth in range(20)]
    with endless() as fake:
        jobs = [
            fake.add_job(
                "EXPORT_ASSETS_TO_S3",
                dx.history(("WAITING", dx.polls(waiting)), ("IN_PROGRESS", dx.polls(running)), end),
            )
            for waiting, running, end in lives
        ]
        seen = at_once(
            lambda nth: states(made[nth], jobs[nth].id, times=50),
            range(20),
        )
    assert seen == [
        ["WAITING"] * waiting + ["IN_PROGRESS"] * running + [end] * (50 - waiting - running)
        for waiting, running, end in lives
    ]
    assert [job.polls for job in jobs] == [50] * 20
    assert len(fake.calls) == 1000
    logged = collections.defaultdict(list)
    for call in fake.calls:
        assert call.operation == "get_job"
        assert call.response is not None
        logged[call.params["JobId"]].append(call.response["State"])
    assert [logged[job.id] for job in jobs] == seen
    assert [[call.params["JobId"] for call in job.calls] for job in jobs] == [
        [job.id] * 50 for job in jobs
    ]


def test_the_polls_of_all_threads_move_a_job_that_they_share() -> None:
    client = clients(1)[0]
    history = dx.history(("WAITING", dx.polls(30)), ("IN_PROGRESS", dx.polls(100)), "COMPLETED")
    with endless() as fake:
        jobs = [fake.add_job("EXPORT_ASSETS_TO_S3", history) for _ in range(5)]

        def poll(nth: int) -> list[Any]:
            order = jobs[nth % 5 :] + jobs[: nth % 5]
            return [client.get_job(JobId=job.id) for _ in range(10) for job in order]

        seen = at_once(poll, range(20))
        assert len(fake.calls) == 1000
    for job in jobs:
        of_each = [[answer for answer in by if answer["Id"] == job.id] for by in seen]
        answers = [answer for by in of_each for answer in by]
        assert collections.Counter(answer["State"] for answer in answers) == {
            "WAITING": 30,
            "IN_PROGRESS": 100,
            "COMPLETED": 70,
        }
        # A state begins once, for all of them, and nobody sees it end and come back.
        assert len({(answer["State"], answer["UpdatedAt"]) for answer in answers}) == 3
        for by in of_each:
            assert sorted(by, key=lambda one: dx.JOB_STATES.index(one["State"])) == by
        assert job.polls == len(job.calls) == 200


def test_looking_from_other_threads_moves_nothing() -> None:
    client = clients(1)[0]
    history = dx.history(("WAITING", dx.polls(5)), ("IN_PROGRESS", dx.polls(5)), "COMPLETED")
    expected = ["WAITING"] * 5 + ["IN_PROGRESS"] * 5 + ["COMPLETED"] * 10
    with endless() as fake:
        jobs = [fake.add_job("EXPORT_ASSETS_TO_S3", history) for _ in range(5)]

        def look(_: int) -> list[str]:
            ids: list[str] = []
            for _again in range(10):
                ids += [job["Id"] for job in client.list_jobs()["Jobs"]]
                assert {job.state for job in fake.jobs} <= set(expected)
            return ids

        def work(nth: int) -> list[str]:
            return states(client, jobs[nth].id, times=20) if nth < 5 else look(nth)

        done = at_once(work, range(10))
    assert done[:5] == [expected] * 5
    assert done[5:] == [[job.id for job in reversed(jobs)] * 10] * 5


def test_fates_go_by_what_a_job_is_not_by_who_comes_first() -> None:
    client = clients(1)[0]
    fates = {dx.job_id(f"revision {nth}"): (nth, ENDS[nth % 3]) for nth in range(1, 11)}

    def is_of(revision: str, details: dict[str, Any]) -> bool:
        return bool(details["RevisionId"] == revision)

    def run(revision: str) -> list[str]:
        job_id = export(client, revision)
        client.start_job(JobId=job_id)
        return states_to_the_end(client, job_id)

    with dx.FakeDataExchange() as fake:
        for revision, (count, end) in fates.items():
            fake.next_job(
                dx.history(("IN_PROGRESS", dx.polls(count)), end),
                where=functools.partial(is_of, revision),
            )
        # Those that were spoken of last are asked for first.
        seen = at_once(run, list(reversed(fates)))
    assert list(reversed(seen)) == [
        ["IN_PROGRESS"] * count + [end] for count, end in fates.values()
    ]


def test_a_fate_is_given_once() -> None:
    client = clients(1)[0]
    with dx.FakeDataExchange() as fake:
        fake.default_history = dx.stays("ERROR")
        for polls in range(1, 11):
            fake.next_job(dx.completes(polls=polls))

        def run(revision: str) -> list[str]:
            job_id = export(client, revision)
            client.start_job(JobId=job_id)
            return states_to_the_end(client, job_id)

        seen = at_once(run, [dx.job_id(f"revision {nth}") for nth in range(12)])
    # Two of them came too late for a script of their own.
    assert sorted(seen, key=lambda stored: (stored[-1], len(stored))) == [
        *(["IN_PROGRESS"] * (polls - 1) + ["COMPLETED"] for polls in range(1, 11)),
        *[["ERROR"]] * 2,
    ]


def test_threads_create_start_and_poll_each_their_own() -> None:
    made = clients(20)
    with dx.FakeDataExchange() as fake:
        fake.default_history = dx.completes(polls=3)

        def run(nth: int) -> list[tuple[str, list[str]]]:
            lives = []
            for _ in range(5):
                job_id = export(made[nth], dx.job_id(f"revision {nth}"))
                before = states(made[nth], job_id, times=2)
                assert status(made[nth].start_job, job_id) == 202
                lives.append((job_id, before + states_to_the_end(made[nth], job_id)))
            return lives

        seen = dict(stored for lives in at_once(run, range(20)) for stored in lives)
        assert (
            list(seen.values())
            == [["WAITING", "WAITING", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]] * 100
        )
        assert collections.Counter(call.operation for call in fake.calls) == {
            "create_job": 100,
            "start_job": 100,
            "get_job": 500,
        }
        fake.assert_all_started_jobs_polled_to_end()
        fake.assert_not_polled_after_end()
        pages = made[0].get_paginator("list_jobs").paginate()
        listed = [job for page in pages for job in page["Jobs"]]
        assert {job["Id"]: job["State"] for job in listed} == dict.fromkeys(seen, "COMPLETED")
        times = [job["CreatedAt"] for job in listed]
        assert times == sorted(times, reverse=True)
        assert {job.id for job in fake.jobs} == seen.keys()


@pytest.mark.parametrize(
    "operations", [("start_job",), ("cancel_job",), ("start_job", "cancel_job")]
)
def test_one_of_twenty_wins_the_start_or_the_cancellation(operations: tuple[str, ...]) -> None:
    client = clients(1)[0]
    with dx.FakeDataExchange() as fake:
        job_id = export(client, dx.job_id("revision"))

        def run(nth: int) -> int:
            return status(getattr(client, operations[nth % len(operations)]), job_id)

        codes = at_once(run, range(20))
        [job] = fake.jobs
    [won] = set(codes) - {409}
    assert codes.count(409) == 19
    assert (won, job.started, job.cancelled) in [(202, True, False), (204, False, True)]
