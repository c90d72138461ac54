"""A fresh fake, and the clock at its start, for each example of a ``@given`` test.

pytest creates the fixtures once for all examples. Hypothesis runs ``test.hypothesis.inner_test`` for each
of them and lets plugins wrap it, so the wrapper here resets the fixtures. Hypothesis's health check for
function-scoped fixtures does not apply to fixtures that are reset, so they are hidden from it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.ids import id_counter
from pytest_dxjobs._core.timeutils import now

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator

    from pytest_dxjobs._clock.virtual_clock import VirtualClock
    from pytest_dxjobs._fake.fake import FakeDataExchange

_FIXTURES: Final = ("dxjobs", "dxjobs_client", "dxjobs_clock")


@contextlib.contextmanager
def fresh_for_each_example(test: Any, fake: FakeDataExchange | None, clock: VirtualClock | None) -> Iterator[None]:
    """Reset the fixtures of a Hypothesis test before each example, and check the fake after it.

    Raises:
        UsageError: The fake is already in use.
    """
    _require_unused(fake)
    inner = test.hypothesis.inner_test
    test.hypothesis.inner_test = _wrap(inner, _Example(fake, clock))
    try:
        yield
    finally:
        test.hypothesis.inner_test = inner


@contextlib.contextmanager
def hidden_fixtures(function: Any) -> Iterator[None]:
    """Remove our fixtures from the signature of a function, which the health check reads."""
    signature = inspect.signature(function)
    others = [each for name, each in signature.parameters.items() if name not in _FIXTURES]
    own = vars(function).get("__signature__")
    function.__signature__ = signature.replace(parameters=others)
    try:
        yield
    finally:
        del function.__signature__
        if own is not None:
            function.__signature__ = own


def _wrap(inner: Callable[..., Any], example: _Example) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with example:
            return inner(*args, **kwargs)

    async def run_async(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with example:
            return await inner(*args, **kwargs)

    return functools.wraps(inner)(run_async if inspect.iscoroutinefunction(inner) else run)


class _Example:
    """A context in which one example after another runs with the fixtures of the test."""

    def __init__(self, fake: FakeDataExchange | None, clock: VirtualClock | None) -> None:
        self._fake, self._clock = fake, clock
        self._ids = id_counter()
        self._last_id = self._ids.last
        self._started_at: datetime.datetime | None = None

    def __enter__(self) -> None:
        """Reset the fixtures."""
        if self._started_at is None:  # the first: setUp has run, and decorators may have frozen time
            _require_unused(self._fake)
            self._started_at = now()
        self._ids.last = self._last_id
        if self._fake is not None:
            self._fake.reset()
        self._restart_clock(keep_sleeps=False)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Check the fake as at the end of a test. Its failures and the virtual time end with the example."""
        __tracebackhide__ = True
        try:
            if kind is None and self._fake is not None:
                self._fake._check_at_end()  # noqa: SLF001
        finally:
            if self._fake is not None:
                self._fake._take_failures()  # noqa: SLF001
            self._restart_clock(keep_sleeps=True)  # Hypothesis would count virtual time for its deadline

    def _restart_clock(self, *, keep_sleeps: bool) -> None:
        if self._clock is not None and self._started_at is not None:
            self._clock._restart(self._started_at, keep_sleeps=keep_sleeps)  # noqa: SLF001


def _require_unused(fake: FakeDataExchange | None) -> None:
    if fake is not None and not fake._is_unused():  # noqa: SLF001
        raise UsageError(
            "dxjobs is reset for each example of a @given test, so what a fixture or setUp adds to it is lost; "
            "add it within the test"
        )
