"""Sleeping threads: which is notified, interrupted, or woken by a clock that is set, and what ends a sleep."""

from __future__ import annotations

import _thread
import collections
import datetime
import signal
import threading
import time
from collections.abc import Callable

import freezegun.api
import pytest
from clients import elapsed

import pytest_dxjobs as dx
from pytest_dxjobs._clock import scheduler
from pytest_dxjobs._clock.scheduler import Scheduler


def wait_until_one_sleeps(clock: dx.VirtualClock) -> None:
    collections.deque(iter(lambda: len(clock.sleeps), 1), maxlen=0)


def test_a_sleep_that_outlives_the_clock_goes_on_in_real_time() -> None:
    release, woken = threading.Event(), threading.Event()

    def busy() -> None:  # the clock does not advance meanwhile
        while not release.is_set():
            pass

    def sleep() -> None:
        time.sleep(0.05)
        woken.set()

    threads = [threading.Thread(target=each) for each in (busy, sleep)]
    with dx.VirtualClock() as clock:
        for thread in threads:
            thread.start()
        wait_until_one_sleeps(clock)
        slept = freezegun.api.real_monotonic()
    release.set()
    for thread in threads:
        thread.join(60)
    assert woken.is_set()
    assert freezegun.api.real_monotonic() - slept > 0.049


def test_an_interrupted_sleeper_wakes_before_the_clock_advances(
    dxjobs_clock: dx.VirtualClock,
) -> None:
    started_at, event = dxjobs_clock.now, threading.Event()
    woken: list[float] = []

    def wait() -> None:
        event.wait(10_000)
        woken.append(elapsed(dxjobs_clock, started_at))

    def work() -> None:
        for _ in range(300):  # so that the other thread counts as blocked for long
            time.sleep(1)
        event.set()
        time.sleep(5)

    threads = [threading.Thread(target=each) for each in (wait, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert woken == [300]


def test_the_clock_stays_until_an_interrupted_sleeper_has_noticed() -> None:
    started_at = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)
    now, is_interrupted, notices = [started_at], threading.Event(), threading.Event()
    seen: list[datetime.datetime] = []  # at each sample of this thread

    def advance(span: datetime.timedelta) -> None:
        now.append(now[-1] + span)

    def interrupted() -> bool:
        if threading.current_thread() is thread and schedule._sleepers:
            notices.wait()
        return is_interrupted.is_set()

    def real_sleep(_: float) -> None:
        seen.append(now[-1])
        time.sleep(0.0001)
        if len(seen) == 500:
            notices.set()

    schedule = Scheduler(lambda: now[-1], float, real_sleep)

    def sleep(seconds: float, interrupted: Callable[[], bool]) -> None:
        wake = started_at + datetime.timedelta(seconds=seconds)
        schedule.sleep_until(started_at, wake, advance, interrupted, 0)

    thread = threading.Thread(target=sleep, args=[10_000, interrupted])
    thread.start()
    collections.deque(iter(lambda: len(schedule._sleepers), 1), maxlen=0)  # until it sleeps
    is_interrupted.set()
    sleep(5, bool)
    notices.set()
    thread.join()
    assert seen == [started_at] * len(seen)
    assert len(seen) >= 500
    assert now[-1] == started_at + datetime.timedelta(seconds=5)


def test_the_sleeper_that_wakes_next_is_notified(
    dxjobs_clock: dx.VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    notified: list[bool] = []

    def nap(sleeper: scheduler._Sleeper) -> None:
        notified.append(sleeper._notified.acquire(timeout=10 if all(notified) else 0.001))

    def sleep() -> None:
        for _ in range(20):
            time.sleep(5)

    monkeypatch.setattr(scheduler._Sleeper, "nap", nap)
    threads = [threading.Thread(target=sleep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notified == [True] * len(notified)
    assert notified


def test_a_second_notification_changes_nothing() -> None:
    sleeper = scheduler._Sleeper(datetime.datetime.now(datetime.timezone.utc), bool)
    sleeper.notify()
    sleeper.notify()
    for _ in range(2):
        sleeper.nap()
        assert sleeper._notified.locked()


def test_setting_the_clock_back_makes_no_sleep_longer(dxjobs_clock: dx.VirtualClock) -> None:
    started_at, release = dxjobs_clock.now, threading.Event()
    woken: list[float] = []

    def busy() -> None:  # the clock does not advance meanwhile
        while not release.is_set():
            pass

    def sleep() -> None:
        time.sleep(10)
        woken.append(elapsed(dxjobs_clock, started_at - datetime.timedelta(days=366)))

    threads = [threading.Thread(target=each) for each in (busy, sleep)]
    for thread in threads:
        thread.start()
    wait_until_one_sleeps(dxjobs_clock)
    dxjobs_clock.move_to(started_at - datetime.timedelta(days=366))
    release.set()
    for thread in threads:
        thread.join()
    assert woken == [10]


def test_setting_the_clock_far_ahead_and_back_wakes_a_sleeper(
    dxjobs_clock: dx.VirtualClock,
) -> None:
    release = threading.Event()
    threads = [threading.Thread(target=each, daemon=True) for each in (release.wait, lambda: time.sleep(10))]
    for thread in threads:
        thread.start()
    wait_until_one_sleeps(dxjobs_clock)
    dxjobs_clock.move_to("9999-12-31")
    dxjobs_clock.move_to("0002-01-01")
    release.set()
    for thread in threads:
        thread.join()
    assert dxjobs_clock.now.year == 2


def test_a_signal_handler_may_sleep_while_its_thread_does(dxjobs_clock: dx.VirtualClock) -> None:
    started_at = dxjobs_clock.now
    seen: list[float] = []

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        seen.append(elapsed(dxjobs_clock, started_at))

    def work() -> None:
        sleep(3)
        _thread.interrupt_main()
        sleep(20)

    thread = threading.Thread(target=work)
    before = signal.signal(signal.SIGINT, lambda *_: sleep(5))
    try:
        thread.start()
        sleep(10)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [3, 8, 10, 23]


def test_a_due_sleeper_wakes_although_another_is_late() -> None:
    now = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)
    schedule = Scheduler(lambda: now, time.monotonic, time.sleep)
    late = scheduler._Sleeper(now - datetime.timedelta(seconds=1), bool)
    due = scheduler._Sleeper(now, bool)
    schedule._sleepers = {1: late, 2: due}
    advances: list[datetime.timedelta] = []
    assert schedule._reached(due, advances.append, 0)
    assert advances == []
