"""The clock: what advances it, what reads it, which loops it ends at once, and that it undoes its patches."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib
import itertools
import random
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import botocore.session
import botocore.waiter
import pytest
import tenacity
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.retries.bucket import Clock, TokenBucket
from clients import client_for

import pytest_dxjobs as dx
from pytest_dxjobs import faults
from pytest_dxjobs._clock import running_clock, virtual_clock
from pytest_dxjobs._core import timeutils

START = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)


def seconds(clock: dx.VirtualClock) -> float:
    """Return the virtual seconds since the default start."""
    return (clock.now - START).total_seconds()


def test_a_sleep_moves_the_clock_and_is_recorded_with_its_caller(
    dxjobs_clock: dx.VirtualClock,
) -> None:
    assert dxjobs_clock.now == START
    time.sleep(90)
    sleep(0.25)
    assert dxjobs_clock.now == START + datetime.timedelta(seconds=90.25)
    assert dxjobs_clock.sleeps == [
        dx.Sleep(90, START, __name__),
        dx.Sleep(0.25, START + datetime.timedelta(seconds=90), __name__),
    ]
    slept = dxjobs_clock.sleeps[0]
    assert slept.thread == threading.get_ident()
    assert "thread" not in repr(slept)


def test_all_clocks_agree(dxjobs_clock: dx.VirtualClock) -> None:
    def readings() -> list[float]:
        aware = datetime.datetime.now(datetime.timezone.utc)
        return [time.time(), time.monotonic(), time.perf_counter(), aware.timestamp()]

    before = readings()
    time.sleep(86_400.5)
    assert [after - then for then, after in zip(before, readings(), strict=True)] == [86_400.5] * 4
    assert time.time() == dxjobs_clock.now.timestamp()


def test_tick_and_move_to_set_the_clock(dxjobs_clock: dx.VirtualClock) -> None:
    dxjobs_clock.tick()
    dxjobs_clock.tick(0.5)
    dxjobs_clock.tick(datetime.timedelta(minutes=2))
    assert seconds(dxjobs_clock) == 121.5
    dxjobs_clock.move_to(START + datetime.timedelta(days=400))
    assert seconds(dxjobs_clock) == 400 * 86_400
    dxjobs_clock.move_to("2024-06-30T12:00:00Z")
    assert time.time() == datetime.datetime(2024, 6, 30, 12, tzinfo=START.tzinfo).timestamp()
    assert dxjobs_clock.sleeps == []


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2024-03-31", (2024, 3, 31)),
        ("2024-03-31T12:00:00", (2024, 3, 31, 12)),
        ("2024-03-31T12:00:00Z", (2024, 3, 31, 12)),
        ("2024-03-31T12:00:00+02:00", (2024, 3, 31, 10)),
        (datetime.date(2024, 3, 31), (2024, 3, 31)),
        (datetime.datetime(2024, 3, 31, 12), (2024, 3, 31, 12)),  # noqa: DTZ001
    ],
)
def test_an_instant_without_an_offset_is_in_utc(when: Any, expected: tuple[int, ...]) -> None:
    with dx.VirtualClock(when) as clock:
        assert clock.now == datetime.datetime(*expected, tzinfo=datetime.timezone.utc)  # type: ignore[arg-type, misc]


@pytest.mark.dxjobs(start="2031-05-01")
def test_the_marker_sets_the_start(dxjobs_clock: dx.VirtualClock) -> None:
    assert dxjobs_clock.now == datetime.datetime(2031, 5, 1, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda clock: clock.tick(-1), "tick: seconds or a timedelta from 0 is needed, not -1"),
        (lambda clock: clock.tick("1"), "tick: seconds or a timedelta from 0 is needed, not '1'"),
        (
            lambda clock: clock.tick(datetime.timedelta.max),
            "tick: .* from 2025-01-01 00:00:00.00:00 ends after the year 9999",
        ),
        (
            lambda clock: clock.move_to(5),
            "move_to: a datetime, a date or a string such as '2024-03-31T12:00:00Z' is needed, not 5",
        ),
        (lambda clock: clock.move_to("yesterday"), "move_to: .* is needed, not 'yesterday'"),
        (
            lambda clock: clock.move_to(
                datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-1)))
            ),
            "move_to: .* is needed",
        ),
        (lambda _: dx.VirtualClock("never"), "start: .* is needed, not 'never'"),
        (
            lambda _: dx.VirtualClock().__enter__(),
            r"a clock is already running .*\. Use that clock",
        ),
    ],
)
def test_invalid_values_raise_usage_error_and_leave_the_clock(
    dxjobs_clock: dx.VirtualClock, call: Any, message: str
) -> None:
    with pytest.raises(dx.UsageError, match=message):
        call(dxjobs_clock)
    assert seconds(dxjobs_clock) == 0
    time.sleep(1)
    assert seconds(dxjobs_clock) == 1


def test_a_clock_that_is_not_running_raises_usage_error() -> None:
    clock = dx.VirtualClock()
    for use in (lambda: clock.now, clock.tick, lambda: clock.move_to("2024-01-01")):
        with pytest.raises(dx.UsageError, match=r"not running\. It runs within its `with` block"):
            use()
    assert repr(clock) == "<VirtualClock not running>"
    with clock:
        assert repr(clock) == "<VirtualClock 2025-01-01 00:00:00+00:00>"
        time.sleep(1)
    assert [each.seconds for each in clock.sleeps] == [1]
    with clock:
        assert clock.sleeps == []


def test_a_clock_that_was_not_entered_cannot_exit(dxjobs_clock: dx.VirtualClock) -> None:
    with pytest.raises(dx.UsageError, match="__exit__: this clock is not running"):
        dx.VirtualClock().__exit__(None, None, None)
    time.sleep(1)
    assert seconds(dxjobs_clock) == 1


def test_every_run_starts_at_the_same_time_and_repeats_to_the_microsecond() -> None:
    def run() -> tuple[datetime.datetime, list[dx.Sleep]]:
        with dx.VirtualClock() as clock:
            for _ in range(7):
                time.sleep(1 / 7)
            return clock.now, clock.sleeps

    assert run() == run()
    assert run()[0] == START + datetime.timedelta(microseconds=7 * 142857)


def test_sleep_raises_the_same_errors_as_without_a_clock(dxjobs_clock: dx.VirtualClock) -> None:
    invalid: list[tuple[Any, type[Exception]]] = [
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), OverflowError),
        ("1", TypeError),
        (None, TypeError),
    ]
    for value, kind in invalid:
        with pytest.raises(kind):
            time.sleep(value)
    time.sleep(True)
    time.sleep(0)
    assert seconds(dxjobs_clock) == 1


def test_the_shortest_sleep_advances_the_clock(dxjobs_clock: dx.VirtualClock) -> None:
    time.sleep(1e-9)
    assert seconds(dxjobs_clock) == 1e-6


def test_all_patches_are_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def functions() -> list[object]:
        loop = asyncio.BaseEventLoop.time
        return [time.sleep, sleep, asyncio.sleep, threading.Event.wait, loop, time.time]

    before = functions()
    with dx.VirtualClock():
        assert not set(before) & set(functions())
    assert functions() == before
    with dx.VirtualClock():
        monkeypatch.setattr(time, "sleep", print)  # its undo puts our replacement back
    assert functions()[1:] == before[1:]
    monkeypatch.undo()
    with dx.VirtualClock():
        pass
    assert functions() == before


def test_a_function_kept_from_the_clock_works_after_it() -> None:
    with dx.VirtualClock() as clock:
        kept, kept_nap = time.sleep, asyncio.sleep
    kept(0)
    assert asyncio.run(kept_nap(0, "result")) == "result"
    assert clock.sleeps == []


@pytest.fixture
def late_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "late_module.py").write_text("from time import sleep\nfrom asyncio import sleep as nap\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "late_module"
    del sys.modules["late_module"]


def test_a_module_loaded_during_the_test_sleeps_in_virtual_time_until_its_end(
    late_module: str,
) -> None:
    with dx.VirtualClock() as clock:
        module = importlib.import_module(late_module)
        module.sleep(60)
        assert seconds(clock) == 60
    assert (module.sleep, module.nap) == (time.sleep, asyncio.sleep)
    with dx.VirtualClock() as clock:
        module.sleep(60)
        assert [each.module for each in clock.sleeps] == [__name__]


def test_exempt_packages_sleep_in_real_time(dxjobs_clock: dx.VirtualClock) -> None:
    caller = {"__name__": "multiprocessing.pool", "time": time, "threading": threading}
    exec("time.sleep(0); threading.Event().wait(0.0001)", caller)
    assert dxjobs_clock.sleeps == []


# The code under test


def until(deadline: Any, client: Any, job: dx.Job, interval: float = 30) -> int:
    """Poll until the deadline, and return the number of polls."""
    polls = 0
    while not deadline():
        client.get_job(JobId=job.id)
        polls += 1
        time.sleep(interval)
    return polls


@pytest.mark.parametrize(
    "now",
    [
        lambda: time.time(),
        lambda: time.monotonic(),
        lambda: time.perf_counter(),
        lambda: datetime.datetime.now().timestamp(),  # noqa: DTZ005
        lambda: datetime.datetime.now(datetime.timezone.utc).timestamp(),
        lambda: time.time_ns() / 1e9,
    ],
)
def test_a_deadline_by_any_clock_ends_the_loop(
    now: Any, dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job, end = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING")), now() + 3600
    assert until(lambda: now() >= end, client, job) == 120
    assert seconds(dxjobs_clock) == 3600


def test_a_number_of_polls_ends_the_loop(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    polls = iter(range(40))
    assert until(lambda: next(polls) == 39, client, job) == 39
    assert seconds(dxjobs_clock) == 39 * 30


def test_tenacity_waits_in_virtual_time(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=100))

    @tenacity.retry(
        wait=tenacity.wait_exponential(max=32),
        stop=tenacity.stop_after_delay(600),
        retry=tenacity.retry_if_result(lambda state: state != "COMPLETED"),
    )
    def poll() -> str:
        return str(client.get_job(JobId=job.id)["State"])

    assert poll() == "COMPLETED"
    assert [each.seconds for each in dxjobs_clock.sleeps] == [1, 2, 4, 8, 16, 32, 32, 32]
    assert {each.module for each in dxjobs_clock.sleeps} == {"tenacity.nap"}
    dxjobs.assert_intervals_grow(job)


def test_tenacity_gives_up_at_its_deadline(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    retrying = tenacity.Retrying(wait=tenacity.wait_fixed(60), stop=tenacity.stop_after_delay(600))
    with pytest.raises(tenacity.RetryError):
        retrying(client.get_job, JobId=dx.job_id("deleted"))
    assert seconds(dxjobs_clock) == 600


def test_a_botocore_waiter_waits_in_virtual_time(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    accept = {"matcher": "path", "argument": "State", "expected": "COMPLETED", "state": "success"}
    model = botocore.waiter.WaiterModel(
        {
            "version": 2,
            "waiters": {
                "JobCompleted": {
                    "operation": "GetJob",
                    "delay": 20,
                    "maxAttempts": 30,
                    "acceptors": [accept],
                }
            },
        }
    )
    waiter = botocore.waiter.create_waiter_with_client("JobCompleted", model, client)
    waiter.wait(JobId=dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=300)).id)
    assert seconds(dxjobs_clock) == 300
    with pytest.raises(botocore.exceptions.WaiterError, match="Max attempts"):
        waiter.wait(JobId=dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING")).id)
    assert seconds(dxjobs_clock) == 300 + 29 * 20
    assert {each.module for each in dxjobs_clock.sleeps} == {"botocore.waiter"}


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_backoff_advances_the_clock_and_is_recorded_as_backoff(
    mode: str, dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock
) -> None:
    client, job = client_for(mode=mode), dxjobs.add_job()
    dxjobs.inject(faults.throttling(), requests=2)
    time.sleep(1)
    client.get_job(JobId=job.id)
    attempts = dxjobs.calls[0].attempts
    assert seconds(dxjobs_clock) == pytest.approx(1 + sum(each.backoff for each in attempts))
    passed = [(after.at - before.at).total_seconds() for before, after in itertools.pairwise(attempts)]
    assert passed == pytest.approx([each.backoff for each in attempts[:-1]], abs=1e-5)
    own, *backoff = dxjobs_clock.sleeps
    assert (own.is_backoff, own.module) == (False, __name__)
    assert {(each.is_backoff, each.module) for each in backoff} == {(True, "botocore.endpoint")}


@pytest.mark.parametrize("fake", [dx.FakeDataExchange(), contextlib.nullcontext()])
def test_backoff_of_another_service_is_recorded_as_backoff(dxjobs_clock: dx.VirtualClock, fake: Any) -> None:
    other = botocore.session.Session().create_client(
        "sts", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )

    def fail(request: Any, **_: object) -> Any:
        response: Any = AWSResponse(request.url, 500, HeadersDict(), None)  # type: ignore[arg-type]
        response._content = b""
        return response

    other.meta.events.register_first("before-send.sts", fail)
    with fake, pytest.raises(botocore.exceptions.ClientError):
        other.get_caller_identity()  # type: ignore[attr-defined]
    assert seconds(dxjobs_clock) > 0
    assert {(each.is_backoff, each.module) for each in dxjobs_clock.sleeps} == {(True, "botocore.endpoint")}


def test_an_event_is_a_sleep_that_can_be_interrupted(dxjobs_clock: dx.VirtualClock) -> None:
    stop = threading.Event()
    assert stop.wait(60) is False
    assert [each.seconds for each in dxjobs_clock.sleeps] == [60]
    assert stop.wait(0) is stop.wait(-1) is False
    worker = threading.Thread(target=stop.set)
    worker.start()
    assert stop.wait(3600) is True
    worker.join()
    assert stop.wait(3600) is True
    assert seconds(dxjobs_clock) in (60, 3660)  # the thread may set the event too late


def test_an_interruption_gets_a_grace_period_in_real_time(dxjobs_clock: dx.VirtualClock) -> None:
    clock, interrupted = timeutils.running_clock, iter([False] * 15)
    assert clock is not None
    clock.wait(60, lambda: next(interrupted, True), grace=True)
    assert seconds(dxjobs_clock) == 0
    clock.wait(60, bool, grace=True)
    assert seconds(dxjobs_clock) == 60


def test_a_sleep_of_zero_is_not_recorded(dxjobs_clock: dx.VirtualClock) -> None:
    time.sleep(0)
    asyncio.run(asyncio.sleep(0))
    assert dxjobs_clock.sleeps == []
    assert dxjobs_clock.now == START


def test_a_sleep_that_raises_is_not_recorded(dxjobs_clock: dx.VirtualClock) -> None:
    for invalid in (-1, "1", None, float("nan")):
        with pytest.raises((TypeError, ValueError)):
            time.sleep(invalid)  # type: ignore[arg-type]
    with pytest.raises(OverflowError, match=r"a sleep of 1e\+20 s from 2025-01-01 .* ends after the year"):
        time.sleep(1e20)
    with pytest.raises(TypeError):
        asyncio.run(asyncio.sleep("1"))  # type: ignore[call-overload]
    assert dxjobs_clock.sleeps == []


def test_a_name_bound_between_two_clocks_is_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    exports: Any = types.ModuleType("exports")
    exports.__file__, exports.nap = "exports.py", None
    monkeypatch.setitem(sys.modules, "exports", exports)
    with dx.VirtualClock():
        pass
    exports.nap = real_sleep = time.sleep  # the number of names stays the same
    with dx.VirtualClock():
        assert exports.nap is time.sleep is not real_sleep
    assert exports.nap is real_sleep


def test_a_clock_that_cannot_start_undoes_its_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    before = time.sleep, time.time, threading.Event.wait

    def fail() -> None:
        raise RuntimeError("no limiters")

    monkeypatch.setattr(virtual_clock, "limiters_in_virtual_time", fail)
    clock = dx.VirtualClock()
    with pytest.raises(RuntimeError, match="no limiters"):
        clock.__enter__()
    assert timeutils.running_clock is None
    assert (time.sleep, time.time, threading.Event.wait) == before


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_a_run_with_retries_repeats_to_the_microsecond(mode: str) -> None:
    ends = []
    for _ in range(2):
        random.seed()
        with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
            client, job = client_for(mode=mode), fake.add_job()
            fake.throttle(2)
            assert client.get_job(JobId=job.id)["State"] == "COMPLETED"
            ends.append(seconds(clock))
    assert ends[0] == ends[1] > 0


def test_a_rate_limiter_works_after_a_clock_in_the_future() -> None:
    bucket = TokenBucket(10, Clock())
    with dx.VirtualClock("2090-01-01"):
        assert bucket.acquire(1)
    assert bucket.acquire(1)
    assert bucket.available_capacity >= 0


def test_a_wait_that_is_interrupted_at_its_start_takes_no_time(
    dxjobs_clock: dx.VirtualClock,
) -> None:
    clock = timeutils.running_clock
    assert clock is not None
    clock.wait(60, lambda: True, grace=False)
    assert seconds(dxjobs_clock) == 0


def test_a_fork_without_a_clock_changes_nothing() -> None:
    running_clock._reset_after_fork()
    assert timeutils.running_clock is None
