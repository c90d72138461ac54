"""What becomes of a loop that swallows every ``Exception``.

``PollingStopped`` is none, and passes through it. Two cases are beyond that. A worker of
``multiprocessing.dummy.Pool`` dies of it, and who waits for its result waits for ever: there the failure is
handed over first, as the worker itself hands over an ``Exception``. And nothing at all passes through
a bare ``except:`` in a loop. A daemon thread is halted there; of any other thread only the process can be ended.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core import watchdog
from pytest_dxjobs._core.errors import PollingStopped, RunawayPolling

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_PATIENCE: Final = 100
_SWALLOWS_EVERYTHING: Final = (
    "The code swallows whatever is raised, so that only the process could be ended."
)
_handed_over: Final = threading.local()  # .task: the last one that was, in this thread


def escalate(
    stopped: PollingStopped,
    remember: Callable[[RunawayPolling], None],
) -> BaseException:
    """What to raise in this thread, which holds no lock, to get out of the loop.

    Args:
        stopped: What is to be told.
        remember: Makes the fake remember another failure that it has caused.
    """
    halts = stopped.times > _PATIENCE and threading.current_thread().daemon
    watchdog.watch(stopped, remember, halts=halts)
    if halts:
        _halt()
    if stopped.times > _PATIENCE:
        watchdog.end(f"{stopped}\n{_SWALLOWS_EVERYTHING}")
    worker = _pool_worker()
    if worker is None:
        return stopped
    task = worker["job"], worker["i"]
    if task != getattr(_handed_over, "task", None):
        _handed_over.task = task
        # Until the pool raises it, and the test may expect it there, nobody has caught it but we.
        failure = RunawayPolling(str(stopped)).with_traceback(stopped.__traceback__)
        remember(failure)
        watchdog.watch(failure, remember)
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


def _halt() -> None:
    """Keep this thread from going on, for as long as the process does."""
    never = threading.Lock()
    never.acquire()
    never.acquire()
