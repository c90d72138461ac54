"""Ten thousand tests in one process, which leave nothing behind. Run it with ``tox -e many``."""

from __future__ import annotations

import collections
import gc
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import botocore.client
import botocore.endpoint
import botocore.retryhandler
import botocore.session
import pytest
from hypothesis import given, settings

import pytest_dxjobs as dx
from pytest_dxjobs import faults, strategies as dxst

if TYPE_CHECKING:
    from collections.abc import Iterable

# Beyond 950 Hypothesis runs out of stack, since each case of a test adds to its settings.
ROUNDS: Final = 850
WARM: Final = 100  # rounds, after which what is kept for good has come to be
FULL: Final = 500  # rounds, after which the bounded caches are full
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
PACKAGE: Final = "pytest_dxjobs"
WHO_GROWS: Final = (PACKAGE, "botocore", "freezegun", "contextlib")
warm: collections.Counter[str] = collections.Counter()
full: collections.Counter[str] = collections.Counter()


def module_of(thing: Any) -> str:
    return str(thing.__module__).partition(".")[0]


def by_class(objects: Iterable[Any]) -> collections.Counter[str]:
    return collections.Counter(
        f"{kind.__module__}.{kind.__qualname__}" for kind in map(type, objects)
    )


def that_may_grow() -> collections.Counter[str]:
    """What there is of classes that the fixtures make objects of, whoever holds it."""
    gc.collect()
    return by_class(each for each in gc.get_objects() if module_of(type(each)) in WHO_GROWS)


def that_we_hold() -> collections.Counter[str]:
    """What can be reached from the package's modules, but what is pytest's."""
    gc.collect()
    modules = [each for name, each in sys.modules.items() if name.partition(".")[0] == PACKAGE]
    ahead = [
        value for each in modules for name, value in vars(each).items() if not name.startswith("__")
    ]
    seen: dict[int, Any] = {}
    while ahead:
        each = ahead.pop()
        if id(each) in seen or isinstance(each, (types.ModuleType, types.FrameType)):
            continue
        if module_of(type(each)) == "_pytest":
            continue
        if isinstance(each, types.FunctionType):
            ahead += [each.__closure__, each.__dict__, each.__defaults__]
        elif not isinstance(each, type) or module_of(each) == PACKAGE:
            ahead += gc.get_referents(each)
        seen[id(each)] = each
    return by_class(seen.values())


def growth(before: collections.Counter[str], now: collections.Counter[str]) -> dict[str, int]:
    return {name: count - before[name] for name, count in now.items() if count > before[name]}


@pytest.mark.parametrize("number", range(ROUNDS), scope="class")
class TestRound:
    def test_begins(self, number: int) -> None:
        if number == WARM:
            warm.update(that_may_grow())
        if number == FULL:
            full.update(that_we_hold())

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
    assert growth(warm, that_may_grow()) == {}
    assert growth(full, that_we_hold()) == {}
    assert threading.enumerate() == [threading.main_thread()]
    assert [getattr(*each) for each in PATCHED] == ORIGINALS
    handlers = client.meta.events._emitter._unique_id_handlers
    assert [each for each in handlers if "dxjobs" in each] == []
