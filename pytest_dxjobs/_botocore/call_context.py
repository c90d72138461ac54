"""The call that a thread is making, and botocore's backoff within it.

botocore passes the call neither to its retry handlers nor to the modules ``random`` and ``time`` that it
uses. So the thread remembers it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core import timeutils

if TYPE_CHECKING:
    from pytest_dxjobs._botocore.retry_state import RetryState
    from pytest_dxjobs._service.backend import Backend


@dataclass(slots=True, eq=False)
class CallContext:
    """One call of a client. One fake responds to all its attempts, even if it is deactivated meanwhile.

    Attributes:
        fake: The service that responds.
        retry_state: The quota, the limiter and the draws of the backoff.
        invocation: botocore's id of the call; None before the first attempt, and if botocore sends none.
    """

    fake: Backend
    retry_state: RetryState
    invocation: str | bytes | None = None


class _ThreadState(threading.local):
    call: CallContext | None = None  # the running one


thread_state: Final = _ThreadState()
_ENDPOINT: Final = "botocore.endpoint"  # the module that sleeps


def back_off(seconds: float) -> None:
    """Record a backoff of botocore on the fake, and let it pass in virtual time only."""
    call: Any = thread_state.call
    call.fake.note_backoff(call.invocation or "", seconds)
    timeutils.back_off(seconds, _ENDPOINT)


class _ModuleProxy:
    """A module of the standard library, as botocore sees it."""

    def __init__(self, original: Any) -> None:
        self.__wrapped__ = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


class RandomProxy(_ModuleProxy):
    """The module ``random`` for legacy retries."""

    def random(self) -> float:
        """Return a draw for the backoff; for calls to a fake, the same draws in every run."""
        call = thread_state.call
        return self.__wrapped__.random() if call is None else call.retry_state.draw()


class TimeProxy(_ModuleProxy):
    """The module ``time`` for retries of all modes."""

    def sleep(self, seconds: float) -> None:
        """Record the backoff of a call to a fake; sleep for any other call."""
        call = thread_state.call
        if call is not None:
            call.retry_state.wait(seconds)
        elif not timeutils.back_off(seconds, _ENDPOINT):
            self.__wrapped__.sleep(seconds)
