"""The fixtures with Hypothesis: a fresh fake, and the clock at its start, for each example of a ``@given`` test.

A fixture of pytest lives as long as its test, which runs once for all examples. Hypothesis offers the
function that it runs for each of them, ``test.hypothesis.inner_test``, to be wrapped: that is done here. Its
health check for fixtures that are not reset would be right about others, so that only ours are kept from it.
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


class _Examples:
    """The examples of one test.

    Args:
        fake: What its fixture is; None where the test has none.
        clock: The same.
    """

    def __init__(self, fake: FakeDataExchange | None, clock: VirtualClock | None) -> None:
        self._fake, self._clock = fake, clock
        self._numbers = id_counter()
        self._last_number = self._numbers.last
        self._start: datetime.datetime | None = None

    def begin(self) -> None:
        """Start one afresh.

        Raises:
            UsageError: Something has been put into the fake before the first one.
        """
        if self._start is None:
            self._begin_the_first()
        self._numbers.last = self._last_number
        if self._fake is not None:
            self._fake.reset()
        self._set_back()

    def _begin_the_first(self) -> None:
        """Only now, when the decorators of the test have done what they do: one may have frozen the time."""
        if self._fake is not None and not self._fake._is_unused():  # noqa: SLF001
            raise UsageError(_WIPED)
        self._start = now()

    def judge(self) -> None:
        """Fail it, as a test fails at its end, so that it is what Hypothesis tells."""
        __tracebackhide__ = True
        if self._fake is not None:
            self._fake._check_at_end()  # noqa: SLF001

    def end(self) -> None:
        """Leave nothing to be judged later, and no time that Hypothesis would hold against its deadline."""
        if self._fake is not None:
            self._fake._take_failures()  # noqa: SLF001
        self._set_back(keep_sleeps=True)

    def _set_back(self, *, keep_sleeps: bool = False) -> None:
        if self._clock is not None and self._start is not None:
            self._clock._restart(self._start, keep_sleeps=keep_sleeps)  # noqa: SLF001


@contextlib.contextmanager
def fresh_for_each_example(
    test: Any, fake: FakeDataExchange | None, clock: VirtualClock | None
) -> Iterator[None]:
    """Let a test of Hypothesis find its fixtures fresh in each example.

    Args:
        test: The function or method that pytest calls.
        fake: What its fixture ``dxjobs`` is; None where it has none.
        clock: The same for ``dxjobs_clock``.

    Raises:
        UsageError: Something has been put into the fake already.
    """
    if fake is not None and not fake._is_unused():  # noqa: SLF001
        raise UsageError(_WIPED)
    inner = test.hypothesis.inner_test
    test.hypothesis.inner_test = _each_fresh(inner, _Examples(fake, clock))
    try:
        yield
    finally:
        test.hypothesis.inner_test = inner


@contextlib.contextmanager
def hidden_fixtures(function: Any) -> Iterator[None]:
    """Leave our fixtures out of what the function says that it takes: that is what the health check reads."""
    signature = inspect.signature(function)
    left = [each for name, each in signature.parameters.items() if name not in _FIXTURES]
    own = vars(function).get("__signature__")
    function.__signature__ = signature.replace(parameters=left)
    try:
        yield
    finally:
        del function.__signature__
        if own is not None:
            function.__signature__ = own


_WIPED: Final = (
    "dxjobs starts afresh for each example of a @given test: what a fixture, or setUp, puts into it would be "
    "gone; put it in within the test"
)


def _each_fresh(inner: Callable[..., Any], examples: _Examples) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        examples.begin()
        try:
            result = inner(*args, **kwargs)
            examples.judge()
        finally:
            examples.end()
        return result

    async def run_async(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        examples.begin()
        try:
            result = await inner(*args, **kwargs)
            examples.judge()
        finally:
            examples.end()
        return result

    return functools.wraps(inner)(run_async if inspect.iscoroutinefunction(inner) else run)
