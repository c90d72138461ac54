"""Replacements for ``time.sleep``, ``asyncio.sleep`` and ``Event.wait`` while a virtual clock runs.

Waits for other threads (locks, conditions, queues, futures) stay in real time, and so do packages that
manage threads and tests. ``Event.wait`` with a timeout is replaced, since code under test uses it as a
sleep that can be interrupted.
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

# Where ``_pytest`` is loaded, Hypothesis expects its outcomes to be loaded, too (at least 6.100).
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

# Packages that manage processes and tests. They sleep in real time, and so does what they wait for.
_EXEMPT: Final = frozenset(
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
# Packages that wait for events of their own.
_EXEMPT_FOR_EVENTS: Final = _EXEMPT | {"concurrent", "queue", "threading"}
# Functions of exempt packages that call the function of the code under test.
_THREAD_RUN: Final = threading.Thread.run.__code__
_CALLERS_OF_TASKS: Final = frozenset(
    {
        ("concurrent.futures.thread", "run"),
        ("multiprocessing.pool", "mapstar"),
        ("multiprocessing.pool", "starmapstar"),
        ("multiprocessing.pool", "worker"),
    }
)


class SleepPatches:
    """The patches of all sleeping functions, from creation until ``undo``."""

    def __init__(self) -> None:
        self._patches = (
            Patch(threading.Event, "wait", _wrap_event_wait),
            Patch(_SELECTOR, "select", _wrap_select),
            Patch(_TASK, "__init__", _wrap_task_init),
            Patch(_TASK, "run", _wrap_task_run),
            *(Patch(each, "time", _wrap_loop_time) for each in _loop_classes()),
        )
        _sleep_functions.apply()

    def undo(self) -> None:
        """Put the originals back."""
        _sleep_functions.undo()
        for patch in self._patches:
            patch.undo()


def sleep(seconds: Any, /) -> None:
    """Replace ``time.sleep``; raise the same errors."""
    caller = sys._getframe(1)  # noqa: SLF001 - documented
    module = _module_name(caller)
    clock = _clock_for(caller, module, _EXEMPT)
    if clock is None or seconds == 0:  # 0 lets other threads run
        real_sleep(seconds)
        return
    length = seconds if isinstance(seconds, float) else operator.index(seconds)
    if length < 0:
        raise ValueError("sleep length must be non-negative")
    if module == _BACKING_OFF:
        clock.back_off(length, module)
    else:
        clock.sleep(length, module)


async def asyncio_sleep(delay: float, result: Any = None) -> Any:
    """Replace ``asyncio.sleep`` to record the sleep; the event loop waits for it."""
    clock = timeutils.running_clock
    if clock is not None and delay > 0:
        clock.record_sleep(delay, _module_outside_asyncio())
    return await _real_asyncio_sleep(delay, result)


def _wrap_event_wait(wait: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(wait)
    def wrapper(event: threading.Event, timeout: float | None = None) -> bool:
        caller = sys._getframe(1)  # noqa: SLF001 - documented
        module = _module_name(caller)
        clock = _clock_for(caller, module, _EXEMPT_FOR_EVENTS)
        if clock is None or timeout is None or timeout <= 0 or event.is_set():
            return wait(event, timeout)
        has_others = threading.active_count() > 1
        clock.sleep(timeout, module, event.is_set, grace=has_others)
        return event.is_set()

    return wrapper


def _wrap_select(select: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Move an event loop that has nothing to do to its next timer."""

    @functools.wraps(select)
    def wrapper(selector: selectors.BaseSelector, timeout: float | None = None) -> list[Any]:
        clock, module = timeutils.running_clock, _module_name(sys._getframe(1))  # noqa: SLF001 - documented
        if clock is None or timeout is None or timeout <= 0 or module != _EVENT_LOOP:
            return select(selector, timeout)
        ready: list[Any] = []

        def is_ready() -> bool:
            ready[:] = select(selector, 0)
            return bool(ready)

        # Beside its own wake-up the loop watches real sockets, which need real time.
        has_sockets = len(selector.get_map()) > 1
        clock.wait(timeout + _timer_margin(clock.elapsed()), is_ready, grace=has_sockets)
        return ready

    return wrapper


def _wrap_task_init(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def wrapper(task: Any, *args: Any, **kwargs: Any) -> None:
        init(task, *args, **kwargs)
        timeutils.unstarted_tasks.add(task)

    return wrapper


def _wrap_task_run(run: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(run)
    def wrapper(task: Any, *args: Any) -> None:
        timeutils.unstarted_tasks.discard(task)
        run(task, *args)

    return wrapper


def _loop_classes() -> Iterator[type]:
    """Yield the event loop classes that define ``time``; freezegun leaves its own behind in some."""
    for each in asyncio.SelectorEventLoop.__mro__:
        if issubclass(each, asyncio.BaseEventLoop) and "time" in vars(each):
            yield each


def _wrap_loop_time(time: Callable[..., float]) -> Callable[..., float]:
    """Count a loop's time from the start of the clock.

    A loop compares its timers with a time one nanosecond ahead. The large floats of freezegun's
    ``time.monotonic`` cannot show that difference, and the loop would spin.
    """

    @functools.wraps(time)
    def wrapper(loop: asyncio.BaseEventLoop) -> float:
        clock = timeutils.running_clock
        return time(loop) if clock is None else clock.elapsed()

    return wrapper


def _timer_margin(elapsed: float) -> float:
    """Return how far a loop must go past its timer: after half a year, our count is too large as well."""
    if elapsed + _NANOSECOND > elapsed:
        return 0.0
    return max(_MICROSECOND, 2 * math.ulp(elapsed))


def _clock_for(caller: FrameType, module: str, exempt: frozenset[str]) -> timeutils.Clock | None:
    """Return the clock in which a caller sleeps; None if it sleeps in real time."""
    if module.partition(".")[0] in exempt and not _calls_task(caller, module):
        return None
    return timeutils.running_clock


def _calls_task(caller: FrameType, module: str) -> bool:
    """Return whether the caller is pool or thread code that runs the user's function, which may be ``sleep`` itself."""
    code = caller.f_code
    return code is _THREAD_RUN or (module, code.co_name) in _CALLERS_OF_TASKS


def _module_outside_asyncio() -> str:
    """Return the name of the module that awaits, or of the one that runs the event loop."""
    frame = sys._getframe(2)  # noqa: SLF001 - documented
    while frame.f_back is not None and _module_name(frame).partition(".")[0] == "asyncio":
        frame = frame.f_back
    return _module_name(frame)


def _module_name(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name


_MICROSECOND: Final = 1e-6
_NANOSECOND: Final = 1e-9
_BACKING_OFF: Final = "botocore.endpoint"
_EVENT_LOOP: Final = asyncio.base_events.__name__
_TASK: Final = concurrent.futures.thread._WorkItem  # noqa: SLF001 - there is no other way
_SELECTOR: Final = next(each for each in selectors.DefaultSelector.__mro__ if "select" in vars(each))
_sleep_functions: Final = BoundNamesPatch(
    {real_sleep: sleep, _real_asyncio_sleep: asyncio_sleep}, _EXEMPT | {"pytest_dxjobs"}
)
