"""The call that a thread makes, and what botocore waits in it before it tries again.

botocore tells neither its retry handlers nor its own modules ``random`` and ``time`` whose call it is that they wait
for, so that a thread has to remember it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core import timeutils

if TYPE_CHECKING:
    from pytest_dxjobs._botocore.retry_state import RetryState
    from pytest_dxjobs._service.backend import Backend


class CallContext:
    """A client's call from its begin to its end: one fake answers all its attempts, also once it has left."""

    __slots__ = ("fake", "invocation", "memory")

    def __init__(self, fake: Backend, memory: RetryState) -> None:
        self.fake, self.memory = fake, memory
        # What botocore calls it; None before the first attempt, and where it has no name for it.
        self.invocation: str | bytes | None = None


class _ThreadState(threading.local):
    call: CallContext | None = None  # that it makes
    memory: RetryState  # of the last one: botocore gives back to its quota when it has just ended


thread_state: Final = _ThreadState()
_ENDPOINT: Final = "botocore.endpoint"  # the module that waits


def memory() -> RetryState:
    """What the client of the call remembers of its retries."""
    call = thread_state.call
    return thread_state.memory if call is None else call.memory


def back_off(seconds: float) -> None:
    """What botocore waits takes no real time; the fake notes it."""
    call: Any = thread_state.call
    call.fake.back_off(call.invocation or "", seconds)
    timeutils.back_off(seconds, _ENDPOINT)


class _Module:
    """What botocore takes for a module of the standard library."""

    def __init__(self, original: Any) -> None:
        self.__wrapped__ = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


class Random(_Module):
    """``random``, for legacy retries."""

    def random(self) -> float:
        """A draw for the backoff: of our calls, the same in every run."""
        call = thread_state.call
        return self.__wrapped__.random() if call is None else call.memory.draw()


class Time(_Module):
    """``time``, for all retries: the backoff of our calls takes none."""

    def sleep(self, seconds: float) -> None:
        """Note it where it is ours, and sleep where it is not."""
        call = thread_state.call
        if call is not None:
            call.memory.wait(seconds)
        elif not timeutils.back_off(seconds, _ENDPOINT):
            self.__wrapped__.sleep(seconds)
