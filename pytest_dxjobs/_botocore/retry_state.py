"""What botocore's retry handlers remember on a client, kept apart for each fake.

Standard mode has a quota that failed calls use up, adaptive mode a limiter that slows a client down once
it was throttled. Both live as long as the client, so that a test of faults would decide what a later test
of the same client sees. Here each fake, and each of its resets, has its own; the client's own come back
when the last fake goes.

The limiter waits on a condition while it reads the clock: for ever under a frozen one. Ours waits as all
backoff does, in no real time, and its clock is ahead by what was not waited. Those of other services'
clients move virtual time, while there is any.

Backoff is random by half. Here its draws are the same in every run.
"""

from __future__ import annotations

import contextlib
import functools
import random
import weakref
from typing import TYPE_CHECKING, Any

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

_LEAST_WAIT = 0.001


class ClientRetries:
    """What one client's retry mode remembers; legacy mode remembers nothing.

    Args:
        client: Its own state is found among its handlers.
        of_this_call: The memory for the call that the thread makes, or has just made.
        back_off: Notes a wait of botocore, in seconds, and lets it pass.
    """

    def __init__(
        self,
        client: BaseClient,
        of_this_call: Callable[[], RetryState],
        back_off: Callable[[float], None],
    ) -> None:
        self._of_this_call, self._back_off = of_this_call, back_off
        self._quotas = {each: each._quota for each in _handlers_of(client, RetryQuotaChecker)}
        self._limiters = _handlers_of(client, ClientRateLimiter)
        backoffs = [
            each._retry_policy._retry_backoff for each in _handlers_of(client, RetryHandler)
        ]
        self._draws = {each: each._random for each in backoffs}
        self._memories: weakref.WeakKeyDictionary[Any, RetryState] = weakref.WeakKeyDictionary()

    def memory(self, epoch: object) -> RetryState:
        """What is remembered for a fake since it was made or reset, for which the generation stands."""
        found = self._memories.get(epoch)
        if found is None:
            found = self._memories.setdefault(epoch, RetryState(self._back_off))
        return found

    def install(self, client: BaseClient) -> None:
        """Put what is the client's own aside."""
        for checker in self._quotas:
            checker._quota = _Quota(self._of_this_call)
        for backoff in self._draws:
            backoff._random = self._draw
        events = client.meta.events
        for limiter in self._limiters:
            events.unregister("before-send", limiter.on_sending_request)
            events.unregister("needs-retry", limiter.on_receiving_response)
            events.register(f"needs-retry.{SERVICE}", self._on_receiving_response)

    def restore(self, client: BaseClient) -> None:
        """Put it in its place again."""
        for checker, quota in self._quotas.items():
            checker._quota = quota
        for backoff, draw in self._draws.items():
            backoff._random = draw
        events = client.meta.events
        for limiter in self._limiters:
            events.unregister(f"needs-retry.{SERVICE}", self._on_receiving_response)
            events.register("before-send", limiter.on_sending_request)
            events.register("needs-retry", limiter.on_receiving_response)

    def _draw(self) -> float:
        return self._of_this_call().draw()

    def before_sending(self, request: Any) -> None:
        """Wait where the limiter says so."""
        if self._limiters:
            self._of_this_call().limiter.on_sending_request(request)

    def _on_receiving_response(self, **told: Any) -> None:
        self._of_this_call().limiter.on_receiving_response(**told)


def _handlers_of(client: BaseClient, kind: type) -> list[Any]:
    """The objects of a kind that hear what the client sends and receives."""
    events: Any = client.meta.events
    heard = ("before-send", "after-call", "needs-retry")
    handlers = [
        handler
        for event in heard
        for handler in events._emitter._handlers.prefix_search(f"{event}.{SERVICE}")
    ]
    owners = dict.fromkeys(getattr(handler, "__self__", None) for handler in handlers)
    return [owner for owner in owners if isinstance(owner, kind)]


class _Quota:
    """Stands in for the quota of a client."""

    def __init__(self, of_this_call: Callable[[], RetryState]) -> None:
        self._of_this_call = of_this_call

    def acquire(self, amount: int) -> bool:
        """Take of the quota, if there is so much."""
        return bool(self._of_this_call().quota.acquire(amount))

    def release(self, amount: int) -> None:
        """Give back."""
        self._of_this_call().quota.release(amount)


class RetryState:
    """What botocore remembers on a client, as it is on a new one.

    Args:
        back_off: Notes a wait of botocore, in seconds, and lets it pass.
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
        """Let a wait of botocore pass; what it did not take, the limiter's clock is ahead."""
        started_at = self._clock.current_time()
        self._back_off(seconds)
        self._clock.skip(seconds - (self._clock.current_time() - started_at))


class _Clock(Clock):
    """Seconds since it was made, and those that were skipped; one that is set back takes none away."""

    def __init__(self) -> None:
        super().__init__()
        self._passed, self._last = 0.0, now()

    def current_time(self) -> float:
        moment = now()
        self._passed += max((moment - self._last).total_seconds(), 0.0)
        self._last = moment
        return self._passed

    def skip(self, seconds: float) -> None:
        """Be so much ahead."""
        self._passed += max(seconds, 0.0)


class _Bucket(TokenBucket):
    """A token bucket that does not wait by itself."""

    def __init__(self, max_rate: float, clock: Clock, wait: Callable[[float], None]) -> None:
        super().__init__(max_rate, clock)
        self._wait = wait

    def acquire(self, amount: int = 1, block: bool = True) -> bool:
        """Take tokens, and wait until there are enough."""
        return _acquire_waiting(self, amount, TokenBucket.acquire, self._wait)


def _acquire_waiting(
    bucket: TokenBucket, amount: int, acquire: Any, wait: Callable[[float], None]
) -> bool:
    while True:
        try:
            return bool(acquire(bucket, amount, block=False))
        except CapacityNotAvailableError:
            missing = amount - bucket.available_capacity
            wait(max(missing / bucket.max_rate, _LEAST_WAIT))


@contextlib.contextmanager
def limiters_in_virtual_time() -> Iterator[None]:
    """Let the limiters of all clients wait in virtual time."""
    seen: weakref.WeakSet[Any] = weakref.WeakSet()
    patches = (
        Patch(TokenBucket, "acquire", _patched_acquire),
        Patch(TokenBucket, "_refill", functools.partial(_patched_refill, seen)),
    )
    try:
        yield
    finally:
        for patch in patches:
            patch.undo()
        for bucket in seen:
            bucket._last_timestamp = None


def _patched_acquire(acquire: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(acquire)
    def wrapper(bucket: TokenBucket, amount: int = 1, block: bool = True) -> bool:
        clock = timeutils.running_clock
        if clock is None or not block:
            return acquire(bucket, amount, block)
        return _acquire_waiting(
            bucket, amount, acquire, lambda missing: clock.back_off(missing, _BUCKET)
        )

    return wrapper


def _patched_refill(
    seen: weakref.WeakSet[Any], refill: Callable[[TokenBucket], None]
) -> Callable[[TokenBucket], None]:
    @functools.wraps(refill)
    def wrapper(bucket: Any) -> None:
        """Begin anew where the clock has gone back: it starts in the past of a client made before."""
        seen.add(bucket)
        last = bucket._last_timestamp
        if last is not None and last > bucket._clock.current_time():
            bucket._last_timestamp = None
        refill(bucket)

    return wrapper


_BUCKET = TokenBucket.__module__
