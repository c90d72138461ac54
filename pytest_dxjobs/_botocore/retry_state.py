"""Retry state for each fake: quota, rate limiter and backoff draws in place of the client's own.

botocore keeps a retry quota (standard mode) and a rate limiter (adaptive mode) as long as the client exists.
Faults of one test would then decide what a later test of the same client sees. So each fake has its own,
and a fresh one after each reset. The client gets its own back when the last fake is deactivated.

The seams, and why each was chosen:

- The quota is the attribute ``_quota`` of a handler that the client keeps; the handler reads it at every call.
- The backoff holds ``random.random`` as its attribute ``_random``: patching the module would not reach it.
  Our draws are the same in every run.
- Both are replaced when a call of the client reaches a fake for the first time, not at every call.
- The limiter's handlers are unregistered: it reads the clock while it waits on a condition, for ever if
  time is frozen. Ours waits as all backoff does, without real time. Its clock runs ahead by what was not
  really waited.
- ``TokenBucket`` is patched as a class while virtual time runs, because limiters of other services' clients
  exist already. They then wait in virtual time.
"""

from __future__ import annotations

import contextlib
import functools
import random
import weakref
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import CapacityNotAvailableError
from botocore.retries.adaptive import ClientRateLimiter, RateClocker
from botocore.retries.bucket import Clock, TokenBucket
from botocore.retries.quota import RetryQuota
from botocore.retries.standard import (
    RetryEventAdapter,
    RetryHandler,
    RetryQuotaChecker,
    ThrottlingErrorDetector,
)
from botocore.retries.throttling import CubicCalculator

from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.patching import Patch
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._model.service_model import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.client import BaseClient

_MIN_WAIT: Final = 0.001  # seconds
_BUCKET_MODULE: Final = TokenBucket.__module__


class ClientRetries:
    """The retry state of one client, by fake. Legacy mode has only the draws of the backoff.

    Attributes:
        state: The installed state; None before the first ``install``.
        epoch: The epoch of the fake to which it belongs; a reset of the fake ends it.
        has_limiter: Whether the client retries in adaptive mode. Who handles its events calls ``state.limiter``.

    Args:
        client: The client; its own state is found among its handlers.
        back_off: Records a backoff of botocore, in seconds, and lets it pass.
    """

    state: RetryState
    epoch: object = None

    def __init__(self, client: BaseClient, back_off: Callable[[float], None]) -> None:
        self._events: Any = client.meta.events
        self._back_off = back_off
        self._quotas = {each: each._quota for each in _handlers_of(client, RetryQuotaChecker)}
        self._limiters = _handlers_of(client, ClientRateLimiter)
        self.has_limiter: bool = bool(self._limiters)
        policies = [each._retry_policy for each in _handlers_of(client, RetryHandler)]
        self._draws = {each._retry_backoff: each._retry_backoff._random for each in policies}
        self._states: weakref.WeakKeyDictionary[Any, RetryState] = weakref.WeakKeyDictionary()
        for limiter in self._limiters:
            self._events.unregister("before-send", limiter.on_sending_request)
            self._events.unregister("needs-retry", limiter.on_receiving_response)

    def install(self, epoch: object) -> None:
        """Install the state for an epoch of a fake."""
        self.state = self._states.setdefault(epoch, RetryState(self._back_off))
        self.epoch = epoch
        for checker in self._quotas:
            checker._quota = self.state.quota
        for backoff in self._draws:
            backoff._random = self.state.draw

    def restore(self) -> None:
        """Put the client's own state back."""
        for checker, quota in self._quotas.items():
            checker._quota = quota
        for backoff, draw in self._draws.items():
            backoff._random = draw
        for limiter in self._limiters:
            self._events.register("before-send", limiter.on_sending_request)
            self._events.register("needs-retry", limiter.on_receiving_response)


def _handlers_of(client: BaseClient, kind: type) -> list[Any]:
    """Return the objects of a class whose methods handle the client's events."""
    events: Any = client.meta.events
    handlers = [
        handler
        for event in ("before-send", "after-call", "needs-retry")
        for handler in events._emitter._handlers.prefix_search(f"{event}.{SERVICE}")
    ]
    owners = dict.fromkeys(getattr(handler, "__self__", None) for handler in handlers)
    return [owner for owner in owners if isinstance(owner, kind)]


class RetryState:
    """The state that botocore's retries keep on a client, as on a new one.

    Args:
        back_off: Records a backoff of botocore, in seconds, and lets it pass.
    """

    def __init__(self, back_off: Callable[[float], None]) -> None:
        self._back_off, self._clock = back_off, _Clock()
        self.quota = RetryQuota()
        self.draw = random.Random(0).random  # noqa: S311
        self.limiter = ClientRateLimiter(
            rate_adjustor=CubicCalculator(starting_max_rate=0, start_time=0),
            rate_clocker=RateClocker(self._clock),
            token_bucket=_Bucket(1, self._clock, self.wait),
            throttling_detector=ThrottlingErrorDetector(RetryEventAdapter()),
            clock=self._clock,
        )

    def wait(self, seconds: float) -> None:
        """Let a backoff pass. Add to the limiter's clock what did not really pass."""
        started_at = self._clock.current_time()
        self._back_off(seconds)
        self._clock.skip(seconds - (self._clock.current_time() - started_at))


class _Clock(Clock):
    """The clock of a rate limiter: it never goes back, and ``skip`` adds seconds that did not really pass."""

    def __init__(self) -> None:
        super().__init__()
        self._elapsed, self._last = 0.0, now()

    def current_time(self) -> float:
        at = now()
        self._elapsed += max((at - self._last).total_seconds(), 0.0)
        self._last = at
        return self._elapsed

    def skip(self, seconds: float) -> None:
        """Add seconds; a negative number adds none."""
        self._elapsed += max(seconds, 0.0)


class _Bucket(TokenBucket):
    """A token bucket that waits as ``RetryState`` does, not on a condition."""

    def __init__(self, max_rate: float, clock: Clock, wait: Callable[[float], None]) -> None:
        super().__init__(max_rate, clock)
        self._wait = wait

    def acquire(self, amount: int = 1, block: bool = True) -> bool:
        """Take tokens, and wait until there are enough."""
        return _acquire_waiting(self, amount, TokenBucket.acquire, self._wait)


def _acquire_waiting(bucket: TokenBucket, amount: int, acquire: Any, wait: Callable[[float], None]) -> bool:
    while True:
        try:
            return bool(acquire(bucket, amount, block=False))
        except CapacityNotAvailableError:
            missing = amount - bucket.available_capacity
            wait(max(missing / bucket.max_rate, _MIN_WAIT))


@contextlib.contextmanager
def limiters_in_virtual_time() -> Iterator[None]:
    """Make the rate limiters of all clients wait in virtual time."""
    used: weakref.WeakSet[Any] = weakref.WeakSet()
    patches = (
        Patch(TokenBucket, "acquire", _wrap_acquire),
        Patch(TokenBucket, "_refill", functools.partial(_wrap_refill, used)),
    )
    try:
        yield
    finally:
        for patch in patches:
            patch.undo()
        for bucket in used:
            bucket._last_timestamp = None


def _wrap_acquire(acquire: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(acquire)
    def wrapper(bucket: TokenBucket, amount: int = 1, block: bool = True) -> bool:
        clock = timeutils.running_clock
        if clock is None or not block:
            return acquire(bucket, amount, block)
        return _acquire_waiting(bucket, amount, acquire, lambda missing: clock.back_off(missing, _BUCKET_MODULE))

    return wrapper


def _wrap_refill(used: weakref.WeakSet[Any], refill: Callable[[TokenBucket], None]) -> Callable[[TokenBucket], None]:
    @functools.wraps(refill)
    def wrapper(bucket: Any) -> None:
        used.add(bucket)
        last = bucket._last_timestamp
        # Virtual time may start before the bucket's last use.
        if last is not None and last > bucket._clock.current_time():
            bucket._last_timestamp = None
        refill(bucket)

    return wrapper
