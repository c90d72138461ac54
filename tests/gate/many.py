"""Ten thousand tests in one process leave no objects, patches or threads. Run it with ``tox -e many``."""

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

# Hypothesis runs out of stack beyond 950: each case of a parametrized test nests its settings once more.
ROUNDS: Final = 850
WARM: Final = 100  # rounds after which all permanent objects exist
FULL: Final = 500  # rounds after which the bounded caches are full
PATCHED: Final[list[tuple[Any, str]]] = [
    (botocore.client.BaseClient, "_make_request"),
    (botocore.session.Session, "create_client"),
    (botocore.endpoint, "time"),
    (botocore.retryhandler, "random"),
    (time, "sleep"),
    (time, "time"),
    (threading.Event, "wait"),
]
ORIGINALS: Final = [getattr(*target) for target in PATCHED]
PACKAGE: Final = "pytest_dxjobs"
TRACKED: Final = (PACKAGE, "botocore", "freezegun", "contextlib")
objects_when_warm: collections.Counter[str] = collections.Counter()
objects_when_full: collections.Counter[str] = collections.Counter()


def package_of(value: Any) -> str:
    return str(value.__module__).partition(".")[0]


def count_by_class(objects: Iterable[Any]) -> collections.Counter[str]:
    return collections.Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in map(type, objects))


def count_tracked() -> collections.Counter[str]:
    """Count the objects of tracked packages, whatever refers to them."""
    gc.collect()
    return count_by_class(value for value in gc.get_objects() if package_of(type(value)) in TRACKED)


def count_reachable() -> collections.Counter[str]:
    """Count the objects that the package's modules refer to, without those of pytest."""
    gc.collect()
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == PACKAGE]
    pending = [value for module in modules for name, value in vars(module).items() if not name.startswith("__")]
    seen: dict[int, Any] = {}
    while pending:
        value = pending.pop()
        if id(value) in seen or isinstance(value, (types.ModuleType, types.FrameType)):
            continue
        if package_of(type(value)) == "_pytest":
            continue
        if isinstance(value, types.FunctionType):
            pending += [value.__closure__, value.__dict__, value.__defaults__]
        elif not isinstance(value, type) or package_of(value) == PACKAGE:
            pending += gc.get_referents(value)
        seen[id(value)] = value
    return count_by_class(seen.values())


def growth(before: collections.Counter[str], after: collections.Counter[str]) -> dict[str, int]:
    return {name: count - before[name] for name, count in after.items() if count > before[name]}


@pytest.mark.parametrize("number", range(ROUNDS), scope="class")
class TestRound:
    def test_counts_objects(self, number: int) -> None:
        if number == WARM:
            objects_when_warm.update(count_tracked())
        if number == FULL:
            objects_when_full.update(count_reachable())

    def test_polls(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=3))
        states = [client.get_job(JobId=job.id)["State"] for _ in range(4)]
        assert states[-1] == "COMPLETED"

    def test_creates(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        details = dx.make_job("EXPORT_ASSETS_TO_S3")["Details"]
        created = client.create_job(Type="EXPORT_ASSETS_TO_S3", Details=details)
        client.start_job(JobId=created["Id"])
        assert len(client.list_jobs()["Jobs"]) == 1

    def test_uses_fixture_client(self, number: int, dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
        job = dxjobs.add_job()
        assert dxjobs_client.get_job(JobId=job.id)["Id"] == job.id

    def test_sleeps(self, number: int, dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any) -> None:
        job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=60))
        while client.get_job(JobId=job.id)["State"] != "COMPLETED":
            time.sleep(30)

    def test_retries(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        job = dxjobs.add_job()
        dxjobs.inject(faults.throttling(), requests=2)
        client.get_job(JobId=job.id)

    def test_stubs(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        dxjobs.add_response("list_data_sets")
        client.list_data_sets()

    def test_not_found(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        with dx.raises_not_found():
            client.get_job(JobId=dx.job_id(str(number)))

    def test_runaway_polling(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
        with pytest.raises(dx.RunawayPolling):
            any(client.get_job(JobId=job.id) is None for _ in range(100))

    def test_in_threads(self, number: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
        ids = [dxjobs.add_job().id for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            assert len(list(pool.map(lambda job_id: client.get_job(JobId=job_id), ids))) == 3

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


def test_no_objects_threads_patches_or_handlers_remain(client: Any) -> None:
    assert growth(objects_when_warm, count_tracked()) == {}
    assert growth(objects_when_full, count_reachable()) == {}
    assert threading.enumerate() == [threading.main_thread()]
    assert [getattr(*target) for target in PATCHED] == ORIGINALS
    handlers = client.meta.events._emitter._unique_id_handlers
    assert [name for name in handlers if "dxjobs" in name] == []
