"""What is said about jobs that the code has yet to create."""

from __future__ import annotations

import concurrent.futures
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
    fate,
)

import pytest_dxjobs as dx


async def later(_: object) -> Any:
    """Answer at some time."""


@pytest.mark.parametrize(
    ("add", "told"),
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
            "add_job: the errors are given twice, by the history and as Errors",
        ),
        (lambda fake: fake.add_job(EXPORT, "ERROR"), "add_job: the history .*dx.*, not 'ERROR'"),
        (lambda fake: fake.next_job("ERROR"), "next_job: the history .*dx.*, not 'ERROR'"),
        (lambda fake: fake.next_job(None), "next_job: the history .*dx.*, not None"),
        (
            lambda fake: fake.next_job(dx.fails(), type="EXPORT"),
            "next_job: type: 'EXPORT' is not one of .*EXPORT_ASSETS_TO_S3",
        ),
        (lambda fake: fake.next_job(dx.fails(), where={"x": 1}), "next_job: where .*not {'x': 1}"),
        (
            lambda fake: fake.next_job(dx.fails(), where=later),
            "next_job: where is a function .* not the coroutine function later",
        ),
        (
            lambda fake: setattr(fake, "default_history", "ERROR"),
            "default_history: the history .*dx.*, not 'ERROR'",
        ),
    ],
)
def test_a_mistake_about_a_history_is_refused_and_leaves_nothing(
    dxjobs: dx.FakeDataExchange, client: Any, add: Callable[[Any], object], told: str
) -> None:
    with pytest.raises(dx.UsageError, match=f"^{told}"):
        add(dxjobs)
    assert dxjobs.jobs == []
    assert fate(client, create(client)) == COMPLETED


def test_histories_wait_for_jobs_first_in_first_out(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.default_history = dx.stays(RUNNING)
    dxjobs.next_job(dx.fails())
    dxjobs.next_job(dx.times_out(), type=IMPORT)
    dxjobs.next_job(dx.completes())
    ids = [create(client), create(client), create(client), create(client, type_=IMPORT)]
    # By creation, in whatever order they are started.
    assert [fate(client, each) for each in ids[::-1]] == [TIMED_OUT, RUNNING, COMPLETED, "ERROR"]


def test_the_default_history_is_for_all_the_others(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    assert dxjobs.default_history == dx.completes()
    assert fate(client, create(client)) == COMPLETED
    dxjobs.default_history = dx.times_out()
    assert dxjobs.default_history == dx.times_out()
    assert [fate(client, create(client)) for _ in range(2)] == [TIMED_OUT, TIMED_OUT]
    dxjobs.next_job(dx.fails())
    dxjobs.reset()
    assert fate(client, create(client)) == COMPLETED


def test_where_is_asked_about_the_details_of_the_request(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    asked: list[dict[str, Any]] = []

    def where(details: dict[str, Any]) -> bool:
        asked.append(dict(details))
        return bool(details.pop("AssetSources"))  # what it does to them changes nothing

    dxjobs.next_job(dx.fails(), type=IMPORT, where=where)
    assert fate(client, create(client)) == COMPLETED
    assert asked == []  # of another type
    assert fate(client, create(client, type_=IMPORT)) == "ERROR"
    own = client.get_job(JobId=dxjobs.jobs[1].id)["Details"]["ImportAssetsFromS3"]
    assert asked == [own]


def test_an_error_in_where_is_told_and_creates_nothing(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.next_job(dx.fails(), where=lambda details: details["AssetSources"])
    told = f"next_job: where raised KeyError: 'AssetSources'.*{EXPORT}.*{DATA_SETS[3]}"
    with pytest.raises(dx.UsageError, match=told):
        create(client, DATA_SETS[3])
    assert dxjobs.jobs == []
    assert fate(client, create(client, type_=IMPORT)) == "ERROR"


def about(data_set: str) -> Callable[[dict[str, Any]], bool]:
    return lambda own: bool(own["DataSetId"] == data_set)


def test_where_may_wait_for_another_job_to_be_created(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    barrier = threading.Barrier(2, timeout=10)
    dxjobs.next_job(dx.fails(), where=lambda _: barrier.wait() >= 0)
    dxjobs.next_job(dx.times_out())
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ids = list(pool.map(lambda _: create(client), range(2)))
    for job_id in ids:
        client.start_job(JobId=job_id)
    assert sorted(client.get_job(JobId=job_id)["State"] for job_id in ids) == ["ERROR", TIMED_OUT]


def test_where_may_create_a_job_itself(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    def where(details: dict[str, Any]) -> bool:
        if not inner:
            inner.append("")
            inner[0] = create(client)
            details.clear()  # its own copy
        return True

    inner: list[str] = []
    dxjobs.next_job(dx.fails(), where=where)
    dxjobs.next_job(dx.times_out())
    outer = create(client)
    for job_id in (outer, inner[0]):
        client.start_job(JobId=job_id)
    assert client.get_job(JobId=inner[0])["State"] == "ERROR"
    assert client.get_job(JobId=outer)["State"] == TIMED_OUT


def test_a_created_job_gets_an_id_that_no_other_has(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    golden = dx.make_job()
    prefix, number = golden["Id"][:24], int(golden["Id"][24:], 16)
    taken = [f"{prefix}{number + more:08x}" for more in range(1, 40)]
    for job_id in taken:
        arn = golden["Arn"].replace(golden["Id"], job_id)
        dxjobs.add_job({**golden, "Id": job_id, "Arn": arn})
    assert create(client) not in taken


def test_jobs_of_many_threads_have_the_fates_that_they_are_meant_for(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    endings = [dx.completes(), dx.fails(), dx.times_out(), dx.stays(RUNNING), dx.completes()] * 2
    for data_set, ending in zip(DATA_SETS, endings, strict=True):
        dxjobs.next_job(ending, where=about(data_set))
    together = threading.Barrier(10)

    def export(data_set: str) -> str:
        together.wait()
        return fate(client, create(client, data_set))

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        fates = list(pool.map(export, DATA_SETS[::-1]))
    assert fates[::-1] == [COMPLETED, "ERROR", TIMED_OUT, RUNNING, COMPLETED] * 2


def test_where_is_told_by_its_name_if_it_is_a_function() -> None:
    with dx.FakeDataExchange(strict=False) as fake:
        fake.next_job(dx.fails(), where=bool)
        fake.next_job(dx.fails(), where=len)
        told = fake._backend.pending_histories()
    assert told == [f"next_job(dx.fails(), where={name})" for name in ("...", "len")]
