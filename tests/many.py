"""Ten thousand tests in one process, which leave nothing behind. Run it with ``tox -e many``."""

from __future__ import annotations

import collections
import gc
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import botocore.client
import botocore.endpoint
import botocore.retryhandler
import botocore.session
import pytest
from hypothesis import given, settings

import pytest_dxjobs as dx
from pytest_dxjobs import faults, strategies as dxst

# Beyond 950 Hypothesis runs out of stack, since each case of a test adds to its settings.
ROUNDS: Final = 850
WARM: Final = 100  # rounds, after which what is kept for good has come to be
TRACED: Final = 150  # rounds, after which the bounded caches are full, and as many more
PATCHED: Final[list[tuple[Any, str]]] = [
    (botocore.client.BaseClient, "_make_request"),
    (botocore.session.Session, "create_client"),
    (botocore.endpoint, "time"),
    (botocore.retryhandler, "random"),
    (time, "sleep"),
    (time, "time"),
    (threading.Event, "wait"),
]
ORIGINALS: Final = [getattr(*each) for each in PATCHED]
GROWS: Final = ("pytest_dxjobs", "botocore", "freezegun")
warm: collections.Counter[str] = collections.Counter()
bytes_before: list[int] = []


def objects() -> collections.Counter[str]:
    """What there is, by the package and name of its class."""
    gc.collect()
    kinds = (type(each) for each in gc.get_objects())
    return collections.Counter(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in kinds
        if kind.__module__.partition(".")[0] in GROWS
    )


def our_bytes() -> int:
    """The memory that lines of the package hold."""
    gc.collect()
    ours = [tracemalloc.Filter(True, "*pytest_dxjobs*")]
    return sum(each.size for each in tracemalloc.take_snapshot().filter_traces(ours).traces)


@pytest.mark.parametrize("number", range(ROUNDS), scope="class")
class TestRound:
    def test_begins(self, number: int) -> None:
        if number == WARM:
            warm.update(objects())
        if number == ROUNDS - 2 * TRACED:
            tracemalloc.start()
        if number == ROUNDS - TRACED:
            bytes_before.append(our_bytes())

    def test_polls(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=3))
        states = [client.get_job(JobId=job.id)["State"] for _ in range(4)]
        assert states[-1] == "COMPLETED"

    def test_creates(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        details = dx.make_job("EXPORT_ASSETS_TO_S3")["Details"]
        created = client.create_job(Type="EXPORT_ASSETS_TO_S3", Details=details)
        client.start_job(JobId=created["Id"])
        assert len(client.list_jobs()["Jobs"]) == 1

    def test_with_a_client_of_its_own(
        self, number: int, dxjobs: dx.FakeDataExchange, dxjobs_client: Any
    ) -> None:
        job = dxjobs.add_job()
        assert dxjobs_client.get_job(JobId=job.id)["Id"] == job.id

    def test_sleeps(
        self, number: int, dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
    ) -> None:
        job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=60))
        while client.get_job(JobId=job.id)["State"] != "COMPLETED":
            time.sleep(30)

    def test_tries_again(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        job = dxjobs.add_job()
        dxjobs.inject(faults.throttling(), requests=2)
        client.get_job(JobId=job.id)

    def test_stubs(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        dxjobs.add_response("list_data_sets")
        client.list_data_sets()

    def test_is_told_that_it_is_not_there(
        self, number: int, dxjobs: dx.FakeDataExchange, client: Any
    ) -> None:
        with dx.raises_not_found():
            client.get_job(JobId=dx.job_id(str(number)))

    def test_runs_away(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
        with pytest.raises(dx.RunawayPolling):
            any(client.get_job(JobId=job.id) is None for _ in range(100))

    def test_in_threads(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        ids = [dxjobs.add_job().id for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            assert len(list(pool.map(lambda each: client.get_job(JobId=each), ids))) == 3

    @settings(max_examples=1)
    @given(job=dxst.jobs())
    def test_draws(self, number: int, dxjobs: dx.FakeDataExchange, client: Any, job: Any) -> None:
        dxjobs.add_job(job)
        assert client.get_job(JobId=job["Id"])["State"] == job["State"]

    @pytest.mark.dxjobs(scenarios=["timed-out"])
    def test_scenario(self, number: int, dxjobs_scenario: dx.Scenario, client: Any) -> None:
        def wait(job_id: str) -> None:
            while (state := client.get_job(JobId=job_id)["State"]) != "TIMED_OUT":
                time.sleep(10)
            raise RuntimeError(state)

        dxjobs_scenario.check(wait)


def test_nothing_is_left(client: Any) -> None:
    grown = {name: count - warm[name] for name, count in objects().items() if count > warm[name]}
    assert grown == {}
    assert (
        our_bytes() - bytes_before[0]
    ) / TRACED < 500  # of twelve tests, whose items pytest keeps
    tracemalloc.stop()
    assert threading.enumerate() == [threading.main_thread()]
    assert [getattr(*each) for each in PATCHED] == ORIGINALS
    handlers = client.meta.events._emitter._unique_id_handlers
    assert [each for each in handlers if "dxjobs" in each] == []
