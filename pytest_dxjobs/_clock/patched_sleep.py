"""What stands in for the functions that sleep, for as long as a clock runs.

What waits for other threads (locks, conditions, queues, futures) does so in real time, and so does what
manages threads and tests. ``Event.wait`` is the exception where the code under test gives it a timeout:
that is how a sleep is written which can be interrupted.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import functools
import math
import operator
import selectors
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

# Where ``_pytest`` is loaded at all, Hypothesis takes its outcomes as loaded too (6.100 at the least).
import _pytest.outcomes  # noqa: F401

# Not ``time.sleep``, which a test may have replaced before this module is loaded.
from _pytest.timing import sleep as sleep_of_pytest

from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.patching import BoundNamesPatch, Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

real_sleep: Final = sleep_of_pytest
_real_asyncio_sleep: Final = asyncio.tasks.sleep

# Packages that manage processes and tests: they sleep in real time, since what they wait for happens in it.
_MANAGERS: Final = frozenset(
    {
        "_pytest",
        "execnet",
        "multiprocessing",
        "pluggy",
        "pytest_timeout",
        "socketserver",
        "subprocess",
        "xdist",
    }
)
# Those that wait for events that are none of the code under test.
_COORDINATORS: Final = _MANAGERS | {"concurrent", "queue", "threading"}
_RUN_OF_A_THREAD: Final = threading.Thread.run.__code__
_RUNNERS: Final = frozenset(
    {
        ("concurrent.futures.thread", "run"),
        ("multiprocessing.pool", "mapstar"),
        ("multiprocessing.pool", "starmapstar"),
        ("multiprocessing.pool", "worker"),
    }
)


class SleepPatches:
    """All of them, from when it is made until ``undo``."""

    def __init__(self) -> None:
        self._patches = (
            Patch(threading.Event, "wait", _wait),
            Patch(_SELECTOR, "select", _select),
            Patch(_WORK, "__init__", _marking_submitted),
            Patch(_WORK, "run", _marking_started),
            *(Patch(each, "time", _loop_time) for each in _loops()),
        )
        _functions.do()

    def undo(self) -> None:
        """Put the real ones back."""
        _functions.undo()
        for patch in self._patches:
            patch.undo()


def sleep(seconds: Any, /) -> None:
    """In place of ``time.sleep``; refuses what that refuses."""
    caller = sys._getframe(1)  # noqa: SLF001 - documented
    module = _module(caller)
    clock = _clock_for(caller, module, _MANAGERS)
    if clock is None or seconds == 0:  # which lets other threads run
        real_sleep(seconds)
        return
    given = seconds if isinstance(seconds, float) else operator.index(seconds)
    if given < 0:
        raise ValueError("sleep length must be non-negative")
    if module == _BACKING_OFF:
        clock.back_off(given, module)
    else:
        clock.sleep(given, module)


async def asyncio_sleep(delay: float, result: Any = None) -> Any:
    """In place of ``asyncio.sleep``, to note it; it is the event loop that waits."""
    clock = timeutils.running_clock
    if clock is not None and delay > 0:
        clock.note(delay, _module_outside_asyncio())
    return await _real_asyncio_sleep(delay, result)


def _wait(wait: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(wait)
    def wrapper(event: threading.Event, timeout: float | None = None) -> bool:
        """Sleep in virtual time where the code under test waits for a while."""
        caller = sys._getframe(1)  # noqa: SLF001 - documented
        module = _module(caller)
        clock = _clock_for(caller, module, _COORDINATORS)
        if clock is None or timeout is None or timeout <= 0 or event.is_set():
            return wait(event, timeout)
        others = threading.active_count() > 1
        clock.sleep(timeout, module, event.is_set, patient=others)
        return event.is_set()

    return wrapper


def _select(select: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    @functools.wraps(select)
    def wrapper(selector: selectors.BaseSelector, timeout: float | None = None) -> list[Any]:
        """Let an event loop that has nothing to do go to its next timer at once."""
        clock, module = timeutils.running_clock, _module(sys._getframe(1))  # noqa: SLF001 - documented
        if clock is None or timeout is None or timeout <= 0 or module != _EVENT_LOOP:
            return select(selector, timeout)
        ready: list[Any] = []

        def look() -> bool:
            ready[:] = select(selector, 0)
            return bool(ready)

        # What the loop watches beside its own wake-up is real, and takes its real moment.
        patient = len(selector.get_map()) > 1
        clock.wait(timeout + _rest(clock.elapsed()), look, patient=patient)
        return ready

    return wrapper


def _marking_submitted(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def wrapper(work: Any, *args: Any, **kwargs: Any) -> None:
        """Note what an executor is given to do."""
        init(work, *args, **kwargs)
        timeutils.unstarted_tasks.add(work)

    return wrapper


def _marking_started(run: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(run)
    def wrapper(work: Any, *args: Any) -> None:
        """Note that a worker has begun it."""
        timeutils.unstarted_tasks.discard(work)
        run(work, *args)

    return wrapper


def _loops() -> Iterator[type]:
    """The classes of event loops that tell the time; freezegun leaves some that it has changed so."""
    for each in asyncio.SelectorEventLoop.__mro__:
        if issubclass(each, asyncio.BaseEventLoop) and "time" in vars(each):
            yield each


def _loop_time(time: Callable[..., float]) -> Callable[..., float]:
    @functools.wraps(time)
    def wrapper(loop: asyncio.BaseEventLoop) -> float:
        """Count from the start of the clock.

        An event loop compares its timers with a moment that is a nanosecond ahead. A float as large as
        what freezegun has for ``time.monotonic`` cannot tell the two apart, and the loop would spin.
        """
        clock = timeutils.running_clock
        return time(loop) if clock is None else clock.elapsed()

    return wrapper


def _rest(elapsed: float) -> float:
    """What an event loop is to go beyond its timer, once even our count is too large: after half a year."""
    if elapsed + _NANOSECOND > elapsed:
        return 0.0
    return max(_MICROSECOND, 2 * math.ulp(elapsed))


def _clock_for(caller: FrameType, module: str, exempt: frozenset[str]) -> timeutils.Clock | None:
    """The clock in which a caller sleeps; none where it does so for its own purposes, in real time."""
    if module.partition(".")[0] in exempt and not _runs_what_it_was_given(caller, module):
        return None
    return timeutils.running_clock


def _runs_what_it_was_given(caller: FrameType, module: str) -> bool:
    """Whether it calls the function that a thread was given, which may be the very one that sleeps."""
    code = caller.f_code
    return code is _RUN_OF_A_THREAD or (module, code.co_name) in _RUNNERS


def _module_outside_asyncio() -> str:
    """The module that awaits, or the one that runs the event loop for it."""
    frame = sys._getframe(2)  # noqa: SLF001 - documented
    while frame.f_back is not None and _module(frame).partition(".")[0] == "asyncio":
        frame = frame.f_back
    return _module(frame)


def _module(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name


_MICROSECOND: Final = 1e-6
_NANOSECOND: Final = 1e-9
_BACKING_OFF: Final = "botocore.endpoint"
_EVENT_LOOP: Final = asyncio.base_events.__name__
_WORK: Final = concurrent.futures.thread._WorkItem  # noqa: SLF001 - there is no other way
_SELECTOR: Final = next(
    each for each in selectors.DefaultSelector.__mro__ if "select" in vars(each)
)
_functions: Final = BoundNamesPatch(
    {real_sleep: sleep, _real_asyncio_sleep: asyncio_sleep}, _MANAGERS | {"pytest_dxjobs"}
)
