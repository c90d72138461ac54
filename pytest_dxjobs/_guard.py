"""What ends a wait for work that will not be done, since a runaway has ended whoever does it.

A thread or a task of the code under test that dies of ``RunawayPolling``, or is halted, leaves who waits for it
waiting for ever, in ``queue.join()`` for one, as after any exception. So a thread of ours looks, from the first
runaway to the last fake, whether anything in the process goes on. If nothing does, a signal to the main thread
raises the story there: it is an ``Exception``, so that the test fails and cleans up as for any other.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._errors import RunawayPolling
from pytest_dxjobs._tracebacks import is_expected

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_LOOK: Final = 0.5  # real seconds
_LOOKS: Final = 4  # one after the other, in which nothing has gone on
_IDLE: Final = 0.02  # of one processor; less is taken for nothing
_TIMES: Final = 3  # that the story is raised in one test
_STDERR: Final = 2
_DEBUGGERS: Final = frozenset({"bdb", "pdb", "pudb", "debugpy", "pydevd", "_pydevd_bundle"})
# One that nobody uses, and that is ignored where nobody handles it; on Windows there is none.
_SIGNAL: Final[Any] = getattr(signal, "SIGURG", None)
_IN_VAIN: Final = "\nNothing has gone on for two seconds since; the code waits for a thread or a task that was ended so."

before_the_end: Callable[[], object] = bool  # makes sure that what is told is seen
test = ""  # the one that runs, where it is pytest that runs it
_lock = threading.Lock()
_fakes_are_active = False
_running: _Guard | None = None


class _Guard(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="pytest-dxjobs", daemon=True)
        self.over = (
            threading.Lock()
        )  # released to end this thread; the wait for an event would be virtual
        self.over.acquire()
        self.begin()

    def begin(self) -> None:
        """Begin anew, with nothing that has run away."""
        self.test = test
        self.failures: list[BaseException] = []
        self.remember: Callable[[RunawayPolling], object] = bool
        self.halts = False  # whether a thread was halted
        self.raised = self.looks = 0
        self.sent: tuple[object, str] | None = (
            None  # where the main thread stood then, and what it is told
        )

    def run(self) -> None:
        used = time.process_time()
        while not self.over.acquire(timeout=_LOOK):
            before, used = used, time.process_time()
            is_idle = used - before < _IDLE * _LOOK and self.test == test
            self.looks = self.looks + 1 if is_idle else 0
            if self.looks >= _LOOKS:
                self.looks = 0
                self._react()

    def _react(self) -> None:
        failures = self.failures
        if all(map(is_expected, failures)) or _is_debugged():
            return
        told = f"{str(failures[-1]).removesuffix(_IN_VAIN)}{_IN_VAIN}"
        if self.raised < _TIMES and _is_ours():
            main: Any = threading.main_thread().ident
            self.sent = _place(sys._current_frames().get(main)), told  # noqa: SLF001 - documented
            signal.pthread_kill(main, _SIGNAL)
        elif self.halts or (test and self.raised >= _TIMES):
            end(told)

    def tell(self, place: object) -> None:
        """Raise the story in the main thread, if it stands where it stood; it goes for all that it tells of."""
        __tracebackhide__ = True
        sent, self.sent = self.sent, None
        if sent is None or sent[0] != place:
            return
        failure = RunawayPolling(sent[1])
        self.raised += 1
        self.failures = [failure]
        self.remember(failure)
        raise failure


def arrive() -> None:
    """Be ready: a fake has become active, maybe not the first one."""
    global _fakes_are_active
    with _lock:
        _fakes_are_active = True
    if _SIGNAL is not None and _is_main() and signal.getsignal(_SIGNAL) is signal.SIG_DFL:
        signal.signal(_SIGNAL, _raise)


def leave() -> None:
    """Look no more: the last fake leaves."""
    global _running, _fakes_are_active
    with _lock:
        guard, _running, _fakes_are_active = _running, None, False
    if guard is not None:
        guard.over.release()
        guard.join()
    if _is_main() and _is_ours():
        signal.signal(_SIGNAL, signal.SIG_DFL)


def watch(
    failure: BaseException, remember: Callable[[RunawayPolling], object], *, halts: bool = False
) -> None:
    """Look from now on.

    Args:
        failure: What has ended a loop in this thread.
        remember: Makes the fake remember another failure that it has caused.
        halts: Whether the thread is halted, so that it never ends.
    """
    global _running
    with _lock:
        if not _fakes_are_active:  # the call has taken longer than they were
            return
        if _running is None:
            _running = _Guard()
            _running.start()
        elif _running.test != test:
            _running.begin()
        _running.failures.append(failure)
        _running.remember = remember
        _running.halts |= halts


def forget() -> None:
    """Look for nothing that has run away until now: it has been told, or the test begins anew."""
    with _lock:
        if _running is not None:
            _running.begin()


def end(told: str) -> None:
    """End the process."""
    try:
        before_the_end()
    finally:
        os.write(_STDERR, f"\n{f'In {test}: ' if test else ''}{told}\n".encode())
        os._exit(1)


def _raise(_: int, frame: FrameType | None) -> None:
    """What the signal does; nothing where it is somebody else's, or late."""
    __tracebackhide__ = True
    guard = _running
    if guard is not None:
        guard.tell(_place(frame))


def _place(frame: FrameType | None) -> tuple[int, int] | None:
    return None if frame is None else (id(frame), frame.f_lasti)


def _is_ours() -> bool:
    return _SIGNAL is not None and signal.getsignal(_SIGNAL) is _raise


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _is_debugged() -> bool:
    """Whether somebody looks around in a thread."""
    return any(
        str(frame.f_globals.get("__name__")).partition(".")[0] in _DEBUGGERS
        for innermost in sys._current_frames().values()  # noqa: SLF001 - documented
        for frame, _ in traceback.walk_stack(innermost)
    )


def _go_on_in_a_fork() -> None:
    """Without the thread, which is not there, and with a lock that nobody holds."""
    global _lock, _running
    _lock, _running = threading.Lock(), None


# There is none on Windows, which does not fork.
getattr(os, "register_at_fork", dict)(after_in_child=_go_on_in_a_fork)
