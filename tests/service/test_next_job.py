"""``next_job`` and ``default_history``: histories for jobs that the code creates."""

from __future__ import annotations

import concurrent.futures
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from created_jobs import (
    COMPLETED,
    DATA_SETS,
    EXPORT,
    IMPORT,
    MALWARE,
    OWN_URL,
    RUNNING,
    TIMED_OUT,
    create,
    state_once_started,
)

import pytest_dxjobs as dx


async def later(_: object) -> Any:
    """A coroutine function, which ``where`` must not be."""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda fake: fake.add_job(EXPORT, dx.times_out(polls=2), Details=OWN_URL),
            r"add_job: .*\n( .*\n)* +Details.ExportAssetToSignedUrl.SignedUrl: ",
        ),
        (
            lambda fake: fake.add_job(EXPORT, dx.times_out(polls=2), Errors=[MALWARE]),
            r"add_job: .*\n +Errors: present, although State is ",
        ),
        (
            lambda fake: fake.add_job(EXPORT, dx.fails("MALWARE_DETECTED"), Errors=[MALWARE]),
            "add_job: errors are given twice, by the history and as Errors; keep one",
        ),
        (
            lambda fake: fake.add_job(EXPORT, "ERROR"),
            r"add_job: a history .*not 'ERROR'; use dx\.stays\('ERROR'\)",
        ),
        (
            lambda fake: fake.next_job("ERROR"),
            r"next_job: a history .*not 'ERROR'; use dx\.stays\('ERROR'\)",
        ),
        (lambda fake: fake.next_job(None), "next_job: a history .*not None; use .*dx"),
        (
            lambda fake: fake.next_job(dx.fails(), type="EXPORT"),
            "next_job: type: 'EXPORT' is not valid.*EXPORT_ASSETS_TO_S3",
        ),
        (lambda fake: fake.next_job(dx.fails(), where={"x": 1}), "next_job: where: .*not {'x': 1}"),
        (
            lambda fake: fake.next_job(dx.fails(), where=later),
            "next_job: where: a function .* not the coroutine function later",
        ),
        (
            lambda fake: setattr(fake, "default_history", "ERROR"),
            r"default_history: a history .*not 'ERROR'; use dx\.stays\('ERROR'\)",
        ),
    ],
)
def test_invalid_history_raises_usage_error_and_queues_nothing(
    dxjobs: dx.FakeDataExchange, client: Any, call: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(dx.UsageError, match=f"^{message}"):
        call(dxjobs)
    assert dxjobs.jobs == []
    assert state_once_started(client, create(client)) == COMPLETED


def test_histories_are_used_first_in_first_out(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.default_history = dx.stays(RUNNING)
    dxjobs.next_job(dx.fails())
    dxjobs.next_job(dx.times_out(), type=IMPORT)
    dxjobs.next_job(dx.completes())
    ids = [create(client), create(client), create(client), create(client, type_=IMPORT)]
    # The order of creation counts, not the order of starts.
    assert [state_once_started(client, each) for each in ids[::-1]] == [
        TIMED_OUT,
        RUNNING,
        COMPLETED,
        "ERROR",
    ]


def test_default_history_applies_to_all_other_jobs(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    assert dxjobs.default_history == dx.completes()
    assert state_once_started(client, create(client)) == COMPLETED
    dxjobs.default_history = dx.times_out()
    assert dxjobs.default_history == dx.times_out()
    assert [state_once_started(client, create(client)) for _ in range(2)] == [TIMED_OUT, TIMED_OUT]
    dxjobs.next_job(dx.fails())
    dxjobs.reset()
    assert state_once_started(client, create(client)) == COMPLETED


def test_where_is_called_with_the_details_of_the_request(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    calls: list[dict[str, Any]] = []

    def where(details: dict[str, Any]) -> bool:
        calls.append(dict(details))
        return bool(details.pop("AssetSources"))  # changes a copy only

    dxjobs.next_job(dx.fails(), type=IMPORT, where=where)
    assert state_once_started(client, create(client)) == COMPLETED
    assert calls == []  # the type does not match
    assert state_once_started(client, create(client, type_=IMPORT)) == "ERROR"
    details = client.get_job(JobId=dxjobs.jobs[1].id)["Details"]["ImportAssetsFromS3"]
    assert calls == [details]


def test_error_in_where_is_reported_and_creates_no_job(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.next_job(dx.fails(), where=lambda details: details["AssetSources"])
    message = f"next_job: where raised KeyError: 'AssetSources'.*{EXPORT}.*{DATA_SETS[3]}"
    with pytest.raises(dx.UsageError, match=message):
        create(client, DATA_SETS[3])
    assert dxjobs.jobs == []
    assert state_once_started(client, create(client, type_=IMPORT)) == "ERROR"


def has_data_set(data_set: str) -> Callable[[dict[str, Any]], bool]:
    return lambda details: bool(details["DataSetId"] == data_set)


def test_where_may_block_until_another_job_is_created(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    barrier = threading.Barrier(2, timeout=10)
    dxjobs.next_job(dx.fails(), where=lambda _: barrier.wait() >= 0)
    dxjobs.next_job(dx.times_out())
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ids = list(pool.map(lambda _: create(client), range(2)))
    for job_id in ids:
        client.start_job(JobId=job_id)
    assert sorted(client.get_job(JobId=job_id)["State"] for job_id in ids) == ["ERROR", TIMED_OUT]


def test_where_may_create_a_job(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    def where(details: dict[str, Any]) -> bool:
        if not inner:
            inner.append("")
            inner[0] = create(client)
            details.clear()  # changes a copy only
        return True

    inner: list[str] = []
    dxjobs.next_job(dx.fails(), where=where)
    dxjobs.next_job(dx.times_out())
    outer = create(client)
    for job_id in (outer, inner[0]):
        client.start_job(JobId=job_id)
    assert client.get_job(JobId=inner[0])["State"] == "ERROR"
    assert client.get_job(JobId=outer)["State"] == TIMED_OUT


def test_created_job_gets_an_unused_id(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dx.make_job()
    prefix, number = job["Id"][:24], int(job["Id"][24:], 16)
    taken = [f"{prefix}{number + offset:08x}" for offset in range(1, 40)]
    for job_id in taken:
        arn = job["Arn"].replace(job["Id"], job_id)
        dxjobs.add_job({**job, "Id": job_id, "Arn": arn})
    assert create(client) not in taken


def test_where_selects_the_history_of_jobs_created_in_threads(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    endings = [dx.completes(), dx.fails(), dx.times_out(), dx.stays(RUNNING), dx.completes()] * 2
    for data_set, ending in zip(DATA_SETS, endings, strict=True):
        dxjobs.next_job(ending, where=has_data_set(data_set))
    barrier = threading.Barrier(10)

    def export(data_set: str) -> str:
        barrier.wait()
        return state_once_started(client, create(client, data_set))

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        states = list(pool.map(export, DATA_SETS[::-1]))
    assert states[::-1] == [COMPLETED, "ERROR", TIMED_OUT, RUNNING, COMPLETED] * 2


@pytest.mark.parametrize(("where", "name"), [(bool, "..."), (len, "len")])
def test_pending_history_shows_the_name_of_where(where: Any, name: str) -> None:
    pending = f"next_job(dx.fails(), where={name})"
    with pytest.raises(AssertionError, match=re.escape(pending)), dx.FakeDataExchange() as fake:
        fake.next_job(dx.fails(), where=where)
