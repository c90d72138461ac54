"""What becomes of a loop that swallows every ``Exception``.

``PollingStopped`` is none, and passes through it. Two cases are beyond that. A worker of
``multiprocessing.dummy.Pool`` dies of it, and who waits for its result waits for ever: there the failure is
handed over first, as the worker itself hands over an ``Exception``. And nothing at all passes through
a bare ``except:`` in a loop. A daemon thread is halted there, as long as anything else goes on; of any
other thread only the process can be ended, which is better than a run that hangs until somebody kills it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._errors import PollingStopped, RunawayPolling

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_PATIENCE: Final = 100
_LOOK: Final = 0.1  # real seconds
_LOOKS: Final = 50  # in which something may go on, once a thread is halted
_STDERR: Final = 2
_DEBUGGERS: Final = ("pdb", "pydevd", "_pydevd")
before_the_end: Callable[[], object] = bool  # makes sure that what is told is seen
_handed_over: Final = threading.local()  # .task: the last one that was, in this thread


def way_out(
    stopped: PollingStopped,
    is_active: Callable[[], bool],
    remember: Callable[[RunawayPolling], None],
) -> BaseException:
    """What to raise in this thread, which holds no lock, to get out of the loop.

    Args:
        stopped: What is to be told.
        is_active: Whether the fake that says so is active still.
        remember: Makes the fake remember another failure that it has caused.
    """
    if stopped.times > _PATIENCE:
        if threading.current_thread().daemon:
            _halt(is_active)
        _end(stopped)
    worker = _pool_worker()
    if worker is None:
        return stopped
    task = worker["job"], worker["i"]
    if task != getattr(_handed_over, "task", None):
        _handed_over.task = task
        failure = RunawayPolling(str(stopped))
        remember(failure)  # the test may expect it where the pool raises it
        worker["put"]((*task, (False, failure)))
    thread: Any = threading.current_thread()
    thread._invoke_excepthook = bool  # noqa: SLF001 - it ends without a word; pytest's hook warns
    return SystemExit(str(stopped))


def _pool_worker() -> dict[str, Any] | None:
    """The variables of the pool's worker that this thread is; None for any other thread."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - documented
    while frame is not None:
        name = frame.f_globals.get("__name__"), frame.f_code.co_name
        if name == ("multiprocessing.pool", "worker"):
            return frame.f_locals
        frame = frame.f_back
    return None


def _halt(is_active: Callable[[], bool]) -> None:
    """Keep this thread from going on, until nothing in the process goes on, since all wait in vain."""
    never = threading.Lock()
    never.acquire()
    looks, used = 0, time.process_time()
    while looks < _LOOKS:
        never.acquire(timeout=_LOOK)
        before, used = used, time.process_time()
        waits = used - before < _LOOK / 5 and is_active() and not _is_debugged()
        looks = looks + 1 if waits else 0


def _is_debugged() -> bool:
    """Whether the main thread waits for somebody who debugs the test."""
    frame: FrameType | None = sys._current_frames()[threading.main_thread().ident or 0]  # noqa: SLF001
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith(_DEBUGGERS):
            return True
        frame = frame.f_back
    return False


def _end(stopped: PollingStopped) -> None:
    test = os.environ.get("PYTEST_CURRENT_TEST")
    told = (
        f"{f'In {test}: ' if test else ''}{stopped}\n"
        "The code swallows whatever is raised, so that only the process could be ended."
    )
    try:
        before_the_end()
    finally:
        os.write(_STDERR, f"\n{told}\n".encode())
        os._exit(1)
