"""What becomes of a loop that swallows every ``Exception``.

``PollingStopped`` is none, and passes through it. Two cases are beyond that. A worker of
``multiprocessing.dummy.Pool`` dies of it, and who waits for its result waits for ever: there the failure is
handed over first, as the worker itself hands over an ``Exception``. And nothing at all passes through
a bare ``except:`` in a loop. A daemon thread is halted there, since nobody waits for its end; of any other
thread only the process can be ended, which is better than a run that hangs until somebody kills it.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._errors import PollingStopped, RunawayPolling

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_PATIENCE: Final = 100
_STDERR: Final = 2
before_the_end: Callable[[], object] = bool  # makes sure that what is told is seen
_handed_over: Final = threading.local()  # .task: the last one that was, in this thread


def way_out(stopped: PollingStopped) -> BaseException:
    """What to raise in this thread, which holds no lock, to get out of the loop."""
    if stopped.times > _PATIENCE:
        _halt(stopped)
    worker = _pool_worker()
    if worker is None:
        return stopped
    task = worker["job"], worker["i"]
    if task != getattr(_handed_over, "task", None):
        _handed_over.task = task
        worker["put"]((*task, (False, RunawayPolling(str(stopped)))))
    return SystemExit(str(stopped))  # of which a thread ends without a word


def _pool_worker() -> dict[str, Any] | None:
    """The variables of the pool's worker that this thread is; None for any other thread."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - documented
    while frame is not None:
        name = frame.f_globals.get("__name__"), frame.f_code.co_name
        if name == ("multiprocessing.pool", "worker"):
            return frame.f_locals
        frame = frame.f_back
    return None


def _halt(stopped: PollingStopped) -> None:
    if threading.current_thread().daemon:
        threading.Event().wait()
    told = (
        f"{stopped}\nThe code swallows whatever is raised, so that only the process could be ended."
    )
    before_the_end()
    os.write(_STDERR, f"\n{told}\n".encode())
    os._exit(1)
