"""Threads in virtual time: earlier events happen first, and threads that sleep together take as long as one."""

from __future__ import annotations

import _thread
import concurrent.futures
import datetime
import multiprocessing.dummy
import os
import queue
import subprocess
import sys
import threading
import time
import warnings
from typing import Any

import freezegun.api
import pytest
from clients import elapsed

import pytest_dxjobs as dx
from pytest_dxjobs._clock import blocked_threads
from pytest_dxjobs._clock.scheduler import Scheduler
from pytest_dxjobs._core import timeutils


def polls_within(client: Any, job_id: str, seconds: float, now: Any = time.time) -> int:
    """Poll until a deadline, and return the number of polls."""
    end, polls = now() + seconds, 0
    while now() < end:
        client.get_job(JobId=job_id)
        polls += 1
        time.sleep(15)
    return polls


@pytest.mark.parametrize(
    "now",
    [
        lambda: time.time(),
        lambda: time.monotonic(),
        lambda: datetime.datetime.now(datetime.timezone.utc).timestamp(),
    ],
)
@pytest.mark.parametrize("kind", ["executor", "pool"])
def test_ten_workers_take_as_long_as_one(
    kind: str, now: Any, dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    ids = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING")).id for _ in range(10)]
    started_at = dxjobs_clock.now
    if kind == "executor":
        with concurrent.futures.ThreadPoolExecutor(10) as executor:
            polls = list(executor.map(lambda each: polls_within(client, each, 600, now), ids))
    else:
        with multiprocessing.dummy.Pool(10) as pool:
            polls = pool.map(lambda each: polls_within(client, each, 600, now), ids)
    assert polls == [40] * 10
    assert elapsed(dxjobs_clock, started_at) == 600


def test_sleeps_of_different_lengths_end_in_order(dxjobs_clock: dx.VirtualClock) -> None:
    ended: list[tuple[float, float]] = []
    started_at = dxjobs_clock.now

    def sleep(seconds: float) -> None:
        for _ in range(3):
            time.sleep(seconds)
            ended.append((elapsed(dxjobs_clock, started_at), seconds))

    threads = [threading.Thread(target=sleep, args=[seconds]) for seconds in (7, 3, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [
        (3, 3),
        (6, 3),
        (7, 7),
        (9, 3),
        (14, 7),
        (21, 7),
        (100, 100),
        (200, 100),
        (300, 100),
    ]


def test_the_clock_waits_for_a_thread_that_computes(dxjobs_clock: dx.VirtualClock) -> None:
    started_at, seen = dxjobs_clock.now, []

    def compute() -> None:
        for _ in range(20_000):
            pass
        seen.append(elapsed(dxjobs_clock, started_at))
        time.sleep(5)
        seen.append(elapsed(dxjobs_clock, started_at))

    thread = threading.Thread(target=compute)
    thread.start()
    time.sleep(60)
    thread.join()
    assert seen == [0, 5]
    assert elapsed(dxjobs_clock, started_at) == 60


def test_a_thread_that_computes_for_ever_is_ignored(dxjobs_clock: dx.VirtualClock) -> None:
    started_at, done = dxjobs_clock.now, threading.Event()

    def compute() -> None:
        while not done.is_set():
            pass

    thread = threading.Thread(target=compute)
    thread.start()
    time.sleep(60)
    time.sleep(60)
    done.set()
    thread.join()
    assert elapsed(dxjobs_clock, started_at) == 120


def test_blocked_threads_do_not_hold_up_the_clock(dxjobs_clock: dx.VirtualClock) -> None:
    started_at, results = dxjobs_clock.now, queue.Queue[float]()

    def produce() -> None:
        for _ in range(3):
            time.sleep(20)
            results.put(elapsed(dxjobs_clock, started_at))

    lock = threading.Lock()

    def with_lock() -> None:
        with lock:
            time.sleep(30)

    threads = [threading.Thread(target=each) for each in (produce, with_lock, with_lock)]
    for thread in threads:
        thread.start()
    assert [results.get(timeout=10) for _ in range(3)] == [20, 40, 60]
    for thread in threads:
        thread.join()
    assert elapsed(dxjobs_clock, started_at) == 60


def test_tick_wakes_a_sleeper(dxjobs_clock: dx.VirtualClock) -> None:
    started_at, slept = dxjobs_clock.now, []

    def sleep() -> None:
        time.sleep(10)
        slept.append(elapsed(dxjobs_clock, started_at))

    thread = threading.Thread(target=sleep)
    thread.start()
    dxjobs_clock.tick(3600)
    thread.join()
    assert slept[0] in (10, 3600, 3610)  # the tick came before or after the start of the sleep


def test_conditions_queues_and_futures_wait_in_real_time(dxjobs_clock: dx.VirtualClock) -> None:
    condition = threading.Condition()
    with condition:
        assert condition.wait(0.001) is False
    with pytest.raises(queue.Empty):
        queue.Queue[int]().get(timeout=0.001)
    assert threading.Lock().acquire(timeout=0.001) is True
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        held = threading.Event()
        future = executor.submit(held.wait)
        with pytest.raises(concurrent.futures.TimeoutError):
            future.result(timeout=0.001)
        held.set()
        assert future.result(timeout=10) is True
    assert dxjobs_clock.sleeps == []


@pytest.mark.parametrize("how", ["thread", "pool", "executor"])
def test_a_sleeping_function_may_be_the_target_of_a_thread(how: str, dxjobs_clock: dx.VirtualClock) -> None:
    started_at, stop = dxjobs_clock.now, threading.Event()
    if how == "thread":
        threads = [
            threading.Thread(target=time.sleep, args=[3600]),
            threading.Thread(target=stop.wait, args=[3600]),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    elif how == "pool":
        with multiprocessing.dummy.Pool(3) as pool:
            pool.map(time.sleep, [3600, 60])
            pool.apply(stop.wait, [3600])
            pool.starmap(time.sleep, [[3600]])
    else:
        with concurrent.futures.ThreadPoolExecutor(3) as executor:
            list(executor.map(time.sleep, [3600, 60]))
            executor.submit(stop.wait, 3600).result()
    assert elapsed(dxjobs_clock, started_at) == {"thread": 1, "pool": 3, "executor": 2}[how] * 3600


def test_a_timer_runs_in_real_time(dxjobs_clock: dx.VirtualClock) -> None:
    fired = threading.Event()
    timer = threading.Timer(0.001, fired.set)
    timer.start()
    timer.join()
    assert fired.is_set()
    assert dxjobs_clock.sleeps == []


def test_the_clock_waits_again_for_an_ignored_thread_that_has_been_blocked(
    dxjobs_clock: dx.VirtualClock,
) -> None:
    started_at, computed, go_on = dxjobs_clock.now, threading.Event(), threading.Event()
    arrived = threading.Event()
    seen: list[float] = []

    def compute() -> None:
        while not computed.is_set():
            pass
        arrived.set()
        go_on.wait()
        for _ in range(20_000):
            pass
        seen.append(elapsed(dxjobs_clock, started_at))

    thread = threading.Thread(target=compute)
    thread.start()
    time.sleep(60)  # until the thread is ignored
    computed.set()
    arrived.wait()
    for _ in range(500):  # until it is seen to be blocked
        time.sleep(60)
    go_on.set()
    time.sleep(60)
    thread.join()
    assert seen == [60 * 501]


def test_an_event_that_another_thread_may_set_gets_a_sampling_window(
    dxjobs_clock: dx.VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, min_samples = threading.Event(), list[int]()
    sleep_until = Scheduler.sleep_until

    def record(*args: Any) -> None:
        min_samples.append(args[-1])
        sleep_until(*args)

    monkeypatch.setattr(Scheduler, "sleep_until", record)
    threading.Event().wait(5)
    thread = threading.Thread(target=release.wait)
    thread.start()
    threading.Event().wait(5)
    release.set()
    thread.join()
    assert min_samples == [0, blocked_threads.SAMPLING_WINDOW]


def test_waits_in_real_time_have_real_deadlines(dxjobs_clock: dx.VirtualClock) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.01)
    held = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        futures = [executor.submit(held.wait)]
        with pytest.raises(concurrent.futures.TimeoutError):
            next(concurrent.futures.as_completed(futures, timeout=0.01))
        held.set()


def test_a_foreign_thread_that_has_ended_does_not_hold_up_the_clock(
    dxjobs_clock: dx.VirtualClock,
) -> None:
    ended, idle = threading.Event(), threading.Event()
    # Python lists a foreign thread that has called current_thread, even after its end.
    _thread.start_new_thread(lambda: (threading.current_thread(), ended.set()), ())  # type: ignore[func-returns-value]
    ended.wait()
    thread = threading.Thread(target=idle.wait)
    thread.start()
    times = []
    for _ in range(5):
        time.sleep(60)
        times.append(freezegun.api.real_monotonic())
    idle.set()
    thread.join()
    assert times[-1] - times[0] < 4 * blocked_threads._TIMEOUT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_goes_on_without_the_other_threads(dxjobs_clock: dx.VirtualClock) -> None:
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(1):
            pass

    threads = [threading.Thread(target=beat) for _ in range(3)]
    for thread in threads:
        thread.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forks while threads run
        children = [multiprocessing.get_context("fork").Process(target=time.sleep, args=[5]) for _ in range(5)]
        for child in children:
            child.start()
    for child in children:
        child.join(30)
        child.kill()
    stop.set()
    for thread in threads:
        thread.join()
    assert [child.exitcode for child in children] == [0] * 5


def test_an_executor_starts_its_tasks_before_the_clock_advances(
    dxjobs_clock: dx.VirtualClock,
) -> None:
    started_at, submitted, unstarted = dxjobs_clock.now, threading.Event(), list[int]()

    def work() -> float:
        unstarted.append(len(timeutils.unstarted_tasks))
        return elapsed(dxjobs_clock, started_at)

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        executor.submit(submitted.wait)
        futures = [executor.submit(work) for _ in range(3)]
        executor.submit(work).cancel()
        submitted.set()
        time.sleep(60)
        assert [each.result() for each in futures] == [0] * 3
    assert unstarted == [3, 2, 1]
    assert len(timeutils.unstarted_tasks) == 0
