"""When a thread counts as blocked: how many samples that takes, and what is sampled."""

from __future__ import annotations

import _thread
import collections
import concurrent.futures
import functools
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_dxjobs._clock import blocked_threads
from pytest_dxjobs._clock.blocked_threads import (
    _LONG,
    _SHORT_WINDOW,
    _TIMEOUT,
    SAMPLING_WINDOW,
    OtherThreads,
)
from pytest_dxjobs._core import timeutils

ME, OTHER, THIRD = 1, 2, 3
DUMMY = type("_DummyThread", (SimpleNamespace,), {})


class Process:
    """The threads of a process as samples show them: one sleeps, the others stay where they are put."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, cpu_times: bool) -> None:
        self.cpu_times, self.seconds, self.unknown = cpu_times, 0.0, 0
        self.frames: dict[int, Any] = {}
        self.used = collections.Counter[int]()
        self.running: set[int] = set()
        self.sleepers: dict[int, None] = {ME: None}
        self.started: list[Any] = []
        system = SimpleNamespace(_current_frames=lambda: {ME: None, **self.frames})
        threads = SimpleNamespace(_DummyThread=DUMMY, enumerate=self.enumerate, get_ident=lambda: ME)
        for name, replacement in (
            ("sys", system),
            ("threading", threads),
            ("_read_task", self.read_task),
            ("_count_threads", self.count_threads),
        ):
            monkeypatch.setattr(blocked_threads, name, replacement)
        self.others = OtherThreads(lambda: self.seconds)

    def enumerate(self) -> list[Any]:
        known = [SimpleNamespace(ident=each, native_id=each) for each in (*self.frames, *self.sleepers)]
        return [*known, *self.started]

    def read_task(self, native_id: int | None, name: str) -> bytes:
        if native_id is None or not self.cpu_times:
            return b""
        if name == "schedstat":
            return b"%d 7 7" % (1 + self.used[native_id])
        return b"%d (python) %c 1" % (native_id, b"R" if native_id in self.running else b"S")

    def count_threads(self) -> int:
        return len(self.frames) + len(self.sleepers) + self.unknown if self.cpu_times else 0

    def put(self, thread: int, *, needs_thread: bool = False) -> None:
        """Move a thread to a new position."""
        name, function = ("threading", "wait") if needs_thread else ("exports", "f")
        code = SimpleNamespace(co_name=function)
        self.frames[thread] = SimpleNamespace(f_code=code, f_lasti=1, f_globals={"__name__": name}, f_locals={})
        self.used[thread] += 1

    def put_worker(self, thread: int, **variables: object) -> None:
        """Move an executor's worker to where it waits for a task."""
        self.put(thread)
        self.frames[thread].f_code.co_name = "_worker"
        self.frames[thread].f_globals = {"__name__": "concurrent.futures.thread"}
        self.frames[thread].f_locals = variables

    def samples(self, at_most: int = 300, before_each: Callable[[int], object] = lambda sample: None) -> int:
        """Return how many samples a sleeper takes until all are blocked; 0 if they never are."""
        self.others.reset()
        for sample in range(1, at_most + 1):
            before_each(sample)
            if self.others.all_blocked(self.sleepers):
                return sample
        return 0

    def time_out(self) -> None:
        """Let all threads run until the timeout, so that they are ignored."""
        self.others.reset()
        self.seconds += 1.1 * _TIMEOUT
        assert self.others.all_blocked(self.sleepers)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    """A process on a system that reports processor times, as Linux does."""
    return Process(monkeypatch, cpu_times=True)


@pytest.fixture
def process_without_times(monkeypatch: pytest.MonkeyPatch) -> Process:
    """A process on a system that does not."""
    return Process(monkeypatch, cpu_times=False)


# How many samples


def test_without_other_threads_one_sample_is_enough(process: Process) -> None:
    assert process.samples() == 1


@pytest.mark.parametrize("cpu_times", [True, False])
def test_a_new_thread_gets_a_whole_sampling_window(cpu_times: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(monkeypatch, cpu_times=cpu_times)
    process.put(OTHER)
    assert process.samples() == SAMPLING_WINDOW + 1


@pytest.mark.parametrize(
    "change",
    [
        lambda process: process.put(OTHER),
        lambda process: process.put(THIRD + 1),
        lambda process: process.frames.pop(THIRD),
    ],
)
def test_any_change_starts_a_new_sampling_window(process: Process, change: Callable[[Process], object]) -> None:
    process.put(OTHER)
    process.put(THIRD)
    samples = process.samples(before_each=lambda sample: sample == 15 and change(process))
    assert samples == SAMPLING_WINDOW + 15


def test_a_thread_blocked_for_long_needs_one_sample(process: Process) -> None:
    process.put(OTHER)
    for _ in range(_LONG - 1):
        process.others.all_blocked(process.sleepers)
    assert process.samples() == 2
    assert process.samples() == 1
    process.put(THIRD)
    assert process.samples() == SAMPLING_WINDOW + 1


def test_without_cpu_times_a_thread_blocked_for_long_needs_a_few_samples(
    process_without_times: Process,
) -> None:
    process_without_times.put(OTHER)
    for _ in range(_LONG):
        process_without_times.others.all_blocked(process_without_times.sleepers)
    assert process_without_times.samples() == _SHORT_WINDOW + 1


def test_threads_that_need_another_thread_take_two_samples(process: Process) -> None:
    for thread in (OTHER, THIRD):
        process.put(thread, needs_thread=True)
    assert process.samples() == 2


@pytest.mark.parametrize(
    "disturbance",
    [
        lambda process: process.put(THIRD),  # may wait for another process
        lambda process: setattr(process, "unknown", 1),  # may call from a thread unknown to Python
        lambda process: setattr(process, "cpu_times", False),
    ],
)
def test_they_take_a_whole_window_if_something_else_may_wake_them(
    process: Process, disturbance: Callable[[Process], object]
) -> None:
    process.put(OTHER, needs_thread=True)
    disturbance(process)
    assert process.samples() == SAMPLING_WINDOW + 1


# What is sampled


def test_a_runnable_thread_is_not_blocked(process: Process) -> None:
    process.put(OTHER)
    process.running.add(OTHER)
    assert process.samples() == 0
    process.running.clear()
    assert process.samples() > 0


def test_used_cpu_time_starts_a_new_window(process: Process) -> None:
    process.put(OTHER)
    samples = process.samples(before_each=lambda each: process.used.update([OTHER] * (each == 15)))
    assert samples == 2 * SAMPLING_WINDOW + 1


def test_the_clock_waits_for_another_sleeper_that_wakes(process: Process) -> None:
    process.sleepers[THIRD] = None
    process.running = {ME, THIRD}
    assert process.samples() == 0
    process.running = {ME}
    assert process.samples() == 1


def test_the_clock_waits_for_a_thread_that_has_just_started(process: Process) -> None:
    process.started = [SimpleNamespace(ident=THIRD, native_id=None)]
    assert process.samples() == 0
    # Python lists a foreign thread that has called current_thread, even after its end.
    process.started = [DUMMY(ident=THIRD, native_id=None)]
    assert process.samples() == 1


IN_USE = SimpleNamespace(_shutdown=False)


def worker_variables(*tasks: object, executor: Any = IN_USE) -> dict[str, Any]:
    """Return the local variables of a worker whose executor has these tasks in its queue."""
    work_queue = queue.SimpleQueue[object]()
    for task in tasks:
        work_queue.put(task)
    return {"executor_reference": lambda: executor, "work_queue": work_queue}


def test_idle_workers_are_not_sampled(process: Process) -> None:
    for thread in (THIRD, THIRD + 1):
        process.put_worker(thread, **worker_variables())
    process.started = [SimpleNamespace(ident=THIRD, native_id=THIRD)]
    assert process.samples() == 1
    process.put(OTHER, needs_thread=True)
    assert process.samples() == 2
    idle = worker_variables()
    assert process.samples(before_each=lambda _: process.put_worker(THIRD, **idle)) == 2


@pytest.mark.parametrize(
    "variables",
    [
        worker_variables("task"),  # from before the clock started
        worker_variables(executor=None),  # the worker then ends
        worker_variables(executor=SimpleNamespace(_shutdown=True)),
    ],
)
def test_workers_that_may_have_a_task_are_sampled(process: Process, variables: dict[str, object]) -> None:
    process.put_worker(OTHER, **variables)
    assert process.samples() == 2


def test_workers_are_sampled_while_a_task_is_unstarted(process: Process) -> None:
    task = concurrent.futures.Future[None]()
    timeutils.unstarted_tasks.add(task)
    process.put_worker(OTHER, **worker_variables())
    assert process.samples() == 2
    timeutils.unstarted_tasks.discard(task)
    assert process.samples() == 1


# Which threads are ignored


def test_the_clock_waits_once_for_a_thread_that_computes(process: Process) -> None:
    process.put(OTHER)
    process.running.add(OTHER)
    process.others.reset()
    process.seconds = _TIMEOUT
    assert not any(process.others.all_blocked(process.sleepers) for _ in range(50))
    process.time_out()
    assert process.samples() == 2


def test_beside_an_ignored_thread_the_others_get_a_whole_window(process: Process) -> None:
    process.put(OTHER)
    process.time_out()
    process.put(THIRD, needs_thread=True)
    assert process.samples(before_each=lambda _: process.put(OTHER)) == SAMPLING_WINDOW + 1


def test_beside_an_ignored_thread_those_blocked_for_long_take_two_samples(process: Process) -> None:
    process.put(OTHER)
    process.put(THIRD)
    assert process.samples(_LONG + 1, before_each=lambda _: process.put(THIRD)) == 0
    process.put(THIRD)
    process.time_out()
    assert process.samples(before_each=lambda _: process.put(THIRD)) == 2


@pytest.mark.parametrize(("cpu_times", "samples"), [(True, 2), (False, SAMPLING_WINDOW)])
def test_an_ignored_thread_counts_again_once_it_has_been_blocked(
    cpu_times: bool, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counts_again_after(samples: int) -> bool:
        process = Process(monkeypatch, cpu_times=cpu_times)
        process.put(OTHER)
        process.time_out()
        process.put(OTHER)
        for _ in range(samples + 1):
            process.others.all_blocked(process.sleepers)
        return process.samples(before_each=lambda _: process.put(OTHER)) == 0

    assert counts_again_after(samples)
    assert not counts_again_after(samples - 1)


# What the system reports


def test_a_thread_without_a_report_counts_as_not_runnable() -> None:
    assert blocked_threads._is_runnable(None) is False


def test_linux_reports_the_state_and_cpu_time_of_a_thread() -> None:
    native_id = threading.get_native_id()
    sample = blocked_threads._Sample((1, None, 2)).next(sys._getframe(), native_id)
    is_linux = sys.platform == "linux"
    assert blocked_threads._is_runnable(native_id) is is_linux
    assert bool(sample.cpu_time) is is_linux
    assert sample.unchanged == 0
    assert blocked_threads._cpu_time(None) == b""


def test_a_cpu_time_of_zero_counts_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocked_threads, "_read_task", lambda *_: b"0 0 0")
    assert blocked_threads._cpu_time(1) == b""


def test_linux_reports_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    known, release = threading.active_count(), threading.Event()
    for _ in range(3):
        _thread.start_new_thread(release.wait, ())  # Python does not list it
    threads = blocked_threads._count_threads()
    release.set()
    assert threads >= known + 3 if sys.platform == "linux" else threads == 0
    monkeypatch.setattr(blocked_threads, "_TASKS", "/nowhere")
    assert blocked_threads._count_threads() == 0


def read(pipe: int) -> bytes:
    return os.read(pipe, 1)


@pytest.mark.parametrize(
    ("how", "needs_thread"),
    [
        ("event", True),
        ("queue", True),
        ("idle", True),
        ("event with a timeout", False),
        ("queue with a timeout", False),
        ("lock", False),
        ("socket", False),
        ("function of C in an executor", False),
    ],
)
def test_only_a_wait_for_a_thread_without_a_timeout_needs_one(how: str, needs_thread: bool) -> None:
    event, lock, items = threading.Event(), threading.Lock(), queue.Queue[None]()
    lock.acquire()
    ours, others = os.pipe()
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        ident = executor.submit(threading.get_ident).result()
        if how != "idle":
            waits: dict[str, Callable[[], object]] = {
                "event": event.wait,
                "queue": items.get,
                "event with a timeout": functools.partial(event.wait, 60),
                "queue with a timeout": functools.partial(items.get, timeout=60),
                "lock": lambda: lock.acquire(),
                "socket": functools.partial(read, ours),
                "function of C in an executor": functools.partial(os.read, ours, 1),
            }
            executor.submit(waits[how])
        positions: list[tuple[int, int]] = []
        while len(positions) < 20 or len({*positions[-20:]}) > 1:
            time.sleep(0.001)
            frame = sys._current_frames()[ident]
            positions.append((id(frame), frame.f_lasti))
        try:
            assert blocked_threads._needs_thread(frame) is needs_thread
            assert blocked_threads._is_idle(frame) is (how == "idle")
        finally:
            event.set()
            items.put(None)
            lock.release()
            os.write(others, b"x")
    os.close(ours)
    os.close(others)
