"""What ends a wait for work that will not be done, since a runaway has ended whoever does it.

A thread or a task of the code under test that dies of ``RunawayPolling``, or is halted, leaves who waits for it
waiting for ever, in ``queue.join()`` for one, as after any exception. So a thread of ours looks, from the first
runaway to the last fake, whether anything in the process goes on. If nothing does, a signal to the main thread
raises the story there: it is an ``Exception``, so that the test fails and cleans up as for any other.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.errors import RunawayPolling
from pytest_dxjobs._core.tracebacks import is_expected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

_LOOK: Final = 0.5  # real seconds
_LOOKS: Final = 4  # one after the other, in which nothing has gone on
_IDLE: Final = 0.02  # of one processor; less is taken for nothing
_TIMES: Final = 10  # that the story is raised in one test
_STDERR: Final = 2
_PROMPTS: Final = ("IPython", "_pyrepl", "bdb", "bpython", "code", "pdb", "ptpython")
_DEBUGGERS: Final = ("_pydevd_bundle", "debugpy", "pudb", "pydevd")
# One that nobody uses, and that is ignored where nobody handles it; on Windows there is none.
_SIGNAL: Final[Any] = getattr(signal, "SIGURG", None)
_IN_VAIN: Final = "\nNothing has gone on for two seconds since; the code waits for a thread or a task that was ended so."

before_the_end: Callable[[], object] = bool  # makes sure that what is told is seen
test = ""  # the one that pytest runs
_lock = threading.RLock()
_fakes_are_active = False
_running: _Guard | None = None


class _Guard(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="pytest-dxjobs", daemon=True)
        # Released to end this thread; an event would be waited for in virtual time.
        self.over = threading.Lock()
        self.over.acquire()
        self.begin()

    def begin(self) -> None:
        """Begin anew, with nothing that has run away."""
        self.test = test
        self.failures: list[BaseException] = []
        self.remember: Callable[[RunawayPolling], object] = bool
        self.halts = False  # whether a thread was halted
        self.raised = self.looks = 0
        # Where the main thread stood when the signal was sent, and what it is to be told.
        self.sent: tuple[object, str] | None = None

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
        failures, main = self.failures, threading.main_thread().ident
        frames = sys._current_frames()  # noqa: SLF001 - documented
        # As at the end of a test: who expects one of them knows of all.
        if not failures or any(map(is_expected, failures)) or _is_left_alone(frames, main):
            return
        told = f"{str(failures[-1]).removesuffix(_IN_VAIN)}{_IN_VAIN}"
        if self.raised >= _TIMES or (self.halts and not _is_ours()):
            end(told)
        elif main is not None and _is_ours():
            self.sent = _place(frames[main]), told
            signal.pthread_kill(main, _SIGNAL)

    def tell(self, place: object) -> None:
        """Raise the story in the main thread, if it stands where it stood; it goes for all that it tells of."""
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
    if guard is not None and guard.is_alive():
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
        if _is_of_main_alone() or not _fakes_are_active:  # the call has taken longer than they were
            return
        guard = _running
        if guard is None:
            guard = _running = _Guard()
            with contextlib.suppress(RuntimeError):  # there can be no more threads
                guard.start()
        elif guard.test != test:
            guard.begin()
        guard.failures.append(failure)
        guard.remember = remember
        guard.halts |= halts


def forget() -> None:
    """Look for nothing that has run away until now: it has been told, or the test begins anew."""
    with _lock:
        if _running is not None:
            _running.begin()


@contextlib.contextmanager
def during(running: str) -> Iterator[None]:
    """Look while this test runs; between tests, where others report them, nobody waits for the code."""
    global test
    outer, test = test, running
    try:
        yield
    finally:
        test = outer


def end(told: str) -> None:
    """End the process."""
    try:
        before_the_end()
    finally:
        os.write(_STDERR, f"\n{f'In {test}: ' if test else ''}{told}\n".encode())
        os._exit(1)


def _raise(_: int, frame: FrameType | None) -> None:
    """What the signal does; nothing where it is somebody else's, or late."""
    guard = _running
    if guard is not None and frame is not None:
        guard.tell(_place(frame))


def _place(frame: FrameType) -> tuple[int, int]:
    return id(frame), frame.f_lasti


def _is_ours() -> bool:
    return _SIGNAL is not None and signal.getsignal(_SIGNAL) is _raise


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _is_of_main_alone() -> bool:
    """Whether it is the main thread that has run away, and not a task, so that nobody waits for it."""
    asyncio: Any = sys.modules.get("asyncio")
    return _is_main() and (asyncio is None or asyncio._get_running_loop() is None)  # noqa: SLF001 - documented


def _is_left_alone(frames: Mapping[int, FrameType], main: int | None) -> bool:
    """Whether somebody looks around in a thread, or Python is about to exit, or waits at its own prompt."""
    stacks = {
        thread: [
            (str(frame.f_globals.get("__name__")).partition(".")[0], frame.f_code.co_name)
            for frame, _ in traceback.walk_stack(active_fake)
        ]
        for thread, active_fake in frames.items()
    }
    return (
        main not in stacks
        or ("threading", "_shutdown") in stacks[main]
        or not threading.main_thread().is_alive()  # and then what was registered for the exit
        or any(
            module in (*_PROMPTS, *_DEBUGGERS) for stack in stacks.values() for module, _ in stack
        )
    )


def _go_on_in_a_fork() -> None:
    """Without the thread, which is not there, and a lock that nobody holds; what is expected only the parent knows."""
    global _lock, _running, _fakes_are_active
    _lock, _running, _fakes_are_active = threading.RLock(), None, False


# There is none on Windows, which does not fork.
getattr(os, "register_at_fork", dict)(after_in_child=_go_on_in_a_fork)
