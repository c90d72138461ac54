"""When a thread is taken to wait: for how many looks, and what is looked at."""

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
from pytest_dxjobs._clock.blocked_threads import _LONG, _PATIENCE, _SHORT, A_MOMENT, OtherThreads
from pytest_dxjobs._core import timeutils

ME, OTHER, THIRD = 1, 2, 3
DUMMY = type("_DummyThread", (SimpleNamespace,), {})


class World:
    """The threads of a process, as a look finds them. One sleeps and looks; the others stand where they are put."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, tells: bool) -> None:
        self.tells, self.seconds, self.unknown = tells, 0.0, 0
        self.frames: dict[int, Any] = {}
        self.used = collections.Counter[int]()
        self.running: set[int] = set()
        self.sleepers: dict[int, None] = {ME: None}
        self.started: list[Any] = []
        system = SimpleNamespace(_current_frames=lambda: {ME: None, **self.frames})
        threads = SimpleNamespace(
            _DummyThread=DUMMY, enumerate=self.enumerate, get_ident=lambda: ME
        )
        for name, stand_in in (
            ("sys", system),
            ("threading", threads),
            ("_told", self.told),
            ("_threads", self.threads),
        ):
            monkeypatch.setattr(blocked_threads, name, stand_in)
        self.bystanders = OtherThreads(lambda: self.seconds)

    def enumerate(self) -> list[Any]:
        known = [
            SimpleNamespace(ident=each, native_id=each) for each in (*self.frames, *self.sleepers)
        ]
        return [*known, *self.started]

    def told(self, native: int | None, what: str) -> bytes:
        if native is None or not self.tells:
            return b""
        if what == "schedstat":
            return b"%d 7 7" % (1 + self.used[native])
        return b"%d (python) %c 1" % (native, b"R" if native in self.running else b"S")

    def threads(self) -> int:
        return len(self.frames) + len(self.sleepers) + self.unknown if self.tells else 0

    def put(self, thread: int, *, in_handover: bool = False) -> None:
        """Let a thread arrive somewhere."""
        name, function = ("threading", "wait") if in_handover else ("exports", "f")
        code = SimpleNamespace(co_name=function)
        self.frames[thread] = SimpleNamespace(
            f_code=code, f_lasti=1, f_globals={"__name__": name}, f_locals={}
        )
        self.used[thread] += 1

    def put_worker(self, thread: int, **variables: object) -> None:
        """Let the worker of an executor arrive where it asks for work."""
        self.put(thread)
        self.frames[thread].f_code.co_name = "_worker"
        self.frames[thread].f_globals = {"__name__": "concurrent.futures.thread"}
        self.frames[thread].f_locals = variables

    def looks(
        self, at_most: int = 300, before_each: Callable[[int], object] = lambda look: None
    ) -> int:
        """How many it takes until all wait, from when one has come to sleep; 0 where they never do."""
        self.bystanders.unsettle()
        for look in range(1, at_most + 1):
            before_each(look)
            if self.bystanders.all_wait(self.sleepers):
                return look
        return 0

    def lose_patience(self) -> None:
        """Let all go on for longer than one is waited for."""
        self.bystanders.unsettle()
        self.seconds += 1.1 * _PATIENCE
        assert self.bystanders.all_wait(self.sleepers)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Where the system tells of each thread, as Linux does."""
    return World(monkeypatch, tells=True)


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> World:
    """Where it does not."""
    return World(monkeypatch, tells=False)


# For how many looks


def test_nobody_is_waited_for_where_nobody_else_is(world: World) -> None:
    assert world.looks() == 1


@pytest.mark.parametrize("tells", [True, False])
def test_one_that_stands_somewhere_has_a_moment_to_move(
    tells: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(monkeypatch, tells=tells)
    world.put(OTHER)
    assert world.looks() == A_MOMENT + 1


@pytest.mark.parametrize(
    "happens",
    [
        lambda world: world.put(OTHER),
        lambda world: world.put(THIRD + 1),
        lambda world: world.frames.pop(THIRD),
    ],
)
def test_whatever_moves_gives_all_another_moment(
    world: World, happens: Callable[[World], object]
) -> None:
    world.put(OTHER)
    world.put(THIRD)
    assert world.looks(before_each=lambda look: look == 15 and happens(world)) == A_MOMENT + 15


def test_one_that_has_stood_for_long_needs_one_look(world: World) -> None:
    world.put(OTHER)
    for _ in range(_LONG - 1):
        world.bystanders.all_wait(world.sleepers)
    assert world.looks() == 2
    assert world.looks() == 1
    world.put(THIRD)
    assert world.looks() == A_MOMENT + 1


def test_one_that_has_stood_for_long_needs_a_few_where_the_system_does_not_tell(
    untold: World,
) -> None:
    untold.put(OTHER)
    for _ in range(_LONG):
        untold.bystanders.all_wait(untold.sleepers)
    assert untold.looks() == _SHORT + 1


def test_those_that_wait_for_another_thread_need_two(world: World) -> None:
    for thread in (OTHER, THIRD):
        world.put(thread, in_handover=True)
    assert world.looks() == 2


@pytest.mark.parametrize(
    "spoils_it",
    [
        lambda world: world.put(THIRD),  # which may listen to another process
        lambda world: setattr(world, "unknown", 1),  # one that Python does not know may call
        lambda world: setattr(world, "tells", False),
    ],
)
def test_but_a_moment_where_something_else_may_happen(
    world: World, spoils_it: Callable[[World], object]
) -> None:
    world.put(OTHER, in_handover=True)
    spoils_it(world)
    assert world.looks() == A_MOMENT + 1


# What is looked at


def test_one_that_waits_for_a_processor_does_not_wait(world: World) -> None:
    world.put(OTHER)
    world.running.add(OTHER)
    assert world.looks() == 0
    world.running.clear()
    assert world.looks() > 0


def test_one_that_has_used_a_processor_has_another_moment(world: World) -> None:
    world.put(OTHER)
    used = world.looks(before_each=lambda look: world.used.update([OTHER] * (look == 15)))
    assert used == 2 * A_MOMENT + 1


def test_another_sleeper_that_wakes_may_wake_others(world: World) -> None:
    world.sleepers[THIRD] = None
    world.running = {ME, THIRD}
    assert world.looks() == 0
    world.running = {ME}
    assert world.looks() == 1


def test_a_thread_that_has_just_been_started_is_waited_for(world: World) -> None:
    world.started = [SimpleNamespace(ident=THIRD, native_id=None)]
    assert world.looks() == 0
    # Python knows it by current_thread, also when it has ended.
    world.started = [DUMMY(ident=THIRD, native_id=None)]
    assert world.looks() == 1


IN_USE = SimpleNamespace(_shutdown=False)


def variables(*work: object, of: Any = IN_USE) -> dict[str, Any]:
    """Those of a worker, where so much work waits that nobody has taken."""
    waiting = queue.SimpleQueue[object]()
    for each in work:
        waiting.put(each)
    return {"executor_reference": lambda: of, "work_queue": waiting}


def test_workers_that_have_nothing_to_do_are_not_looked_at(world: World) -> None:
    for thread in (THIRD, THIRD + 1):
        world.put_worker(thread, **variables())
    world.started = [SimpleNamespace(ident=THIRD, native_id=THIRD)]
    assert world.looks() == 1
    world.put(OTHER, in_handover=True)
    assert world.looks() == 2
    assert world.looks(before_each=lambda _: world.put_worker(THIRD, **variables())) == 2


@pytest.mark.parametrize(
    "variables",
    [
        variables("work"),  # from before the clock began
        variables(of=None),  # and then it ends
        variables(of=SimpleNamespace(_shutdown=True)),
    ],
)
def test_others_may_have_something_to_do(world: World, variables: dict[str, object]) -> None:
    world.put_worker(OTHER, **variables)
    assert world.looks() == 2


def test_what_an_executor_was_given_is_known_until_a_worker_begins_it(world: World) -> None:
    work = concurrent.futures.Future[None]()
    timeutils.unstarted_tasks.add(work)
    world.put_worker(OTHER, **variables())
    assert world.looks() == 2
    timeutils.unstarted_tasks.discard(work)
    assert world.looks() == 1


# Who is left out


def test_one_that_computes_is_waited_for_once(world: World) -> None:
    world.put(OTHER)
    world.running.add(OTHER)
    world.bystanders.unsettle()
    world.seconds = _PATIENCE
    assert not any(world.bystanders.all_wait(world.sleepers) for _ in range(50))
    world.lose_patience()
    assert world.looks() == 2


def test_a_moment_is_given_to_the_others_of_one_that_computes(world: World) -> None:
    world.put(OTHER)
    world.lose_patience()
    world.put(THIRD, in_handover=True)
    assert world.looks(before_each=lambda _: world.put(OTHER)) == A_MOMENT + 1


def test_but_two_looks_where_those_have_stood_for_long(world: World) -> None:
    world.put(OTHER)
    world.put(THIRD)
    assert world.looks(_LONG + 1, before_each=lambda _: world.put(THIRD)) == 0
    world.put(THIRD)
    world.lose_patience()
    assert world.looks(before_each=lambda _: world.put(THIRD)) == 2


@pytest.mark.parametrize(("tells", "looks"), [(True, 2), (False, A_MOMENT)])
def test_one_that_was_left_out_is_waited_for_again_once_it_has_waited(
    tells: bool, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_waited_for_after(looks: int) -> bool:
        world = World(monkeypatch, tells=tells)
        world.put(OTHER)
        world.lose_patience()
        world.put(OTHER)
        for _ in range(looks + 1):
            world.bystanders.all_wait(world.sleepers)
        return world.looks(before_each=lambda _: world.put(OTHER)) == 0

    assert is_waited_for_after(looks)
    assert not is_waited_for_after(looks - 1)


# What it is that waits


def test_where_the_system_does_not_tell_a_thread_is_taken_to_wait() -> None:
    assert blocked_threads._is_about_to_run(None) is False


def test_what_the_system_tells_is_told_of_threads_that_are_there() -> None:
    native = threading.get_native_id()
    stand = blocked_threads._Sample((1, None, 2)).then(sys._getframe(), native)
    told = sys.platform == "linux"
    assert blocked_threads._is_about_to_run(native) is told
    assert bool(stand.used) is told
    assert stand.looks == 0
    assert blocked_threads._processor_time(None) == b""


def test_a_system_that_counts_no_processor_time_tells_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocked_threads, "_told", lambda *_: b"0 0 0")
    assert blocked_threads._processor_time(1) == b""


def test_how_many_threads_there_are_is_told_where_the_system_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, release = threading.active_count(), threading.Event()
    for _ in range(3):
        _thread.start_new_thread(release.wait, ())  # which Python does not list
    threads = blocked_threads._threads()
    release.set()
    assert threads >= known + 3 if sys.platform == "linux" else threads == 0
    monkeypatch.setattr(blocked_threads, "_TASKS", "/nowhere")
    assert blocked_threads._threads() == 0


def reads(pipe: int) -> bytes:
    return os.read(pipe, 1)


@pytest.mark.parametrize(
    ("how", "is_in_handover"),
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
def test_who_waits_for_another_thread_alone_is_in_a_handover(
    how: str, is_in_handover: bool
) -> None:
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
                "socket": functools.partial(reads, ours),
                "function of C in an executor": functools.partial(os.read, ours, 1),
            }
            executor.submit(waits[how])
        stood: list[tuple[int, int]] = []
        while len(stood) < 20 or len({*stood[-20:]}) > 1:
            time.sleep(0.001)
            frame = sys._current_frames()[ident]
            stood.append((id(frame), frame.f_lasti))
        try:
            assert blocked_threads._is_in_handover(frame) is is_in_handover
            assert blocked_threads._is_idle(frame) is (how == "idle")
        finally:
            event.set()
            items.put(None)
            lock.release()
            os.write(others, b"x")
    os.close(ours)
    os.close(others)
