"""Running code through a scenario: what it returned or raised, and whether it had to be stopped."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.errors import RunawayPolling, UnexpectedCall, UsageError
from pytest_dxjobs._core.messages import describe_error, show

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine

    from pytest_dxjobs._fake.fake import FakeDataExchange


@dataclass(frozen=True, slots=True)
class RunResult:
    """What the code did.

    Attributes:
        returned: The return value.
        failed: Whether the return value reports a failure.
        raised: The exception; None if the code returned.
        runaway: Why the code was stopped; None if it ended by itself.
    """

    returned: object
    failed: bool
    raised: BaseException | None
    runaway: RunawayPolling | None


def run_code(
    check: str,
    call_code: Callable[[], Any],
    failed: Callable[[Any], object] | None,
    fake: FakeDataExchange,
) -> RunResult:
    """Run the code until it returns, raises or is stopped.

    Raises:
        UnexpectedCall: The code called an operation without a response, even if it swallowed this exception.
        UsageError: The test made a mistake.
    """
    __tracebackhide__ = True
    returned, raised = None, None
    try:
        returned = _finish(check, call_code())
    except BaseException as error:
        raised = error
    failures = fake._take_failures()  # noqa: SLF001
    runaway = next((each for each in failures if isinstance(each, RunawayPolling)), None)
    if runaway is None and not isinstance(raised, (SystemExit, Exception, type(None))):
        raise raised  # an interrupt, or pytest's own way to end a test
    for each in (*failures, raised):
        if isinstance(each, (UnexpectedCall, UsageError)):
            raise each
    reported = raised is None and failed is not None and _call_failed(check, failed, returned)
    return RunResult(returned, reported, raised, runaway)


def _finish(check: str, returned: Any) -> Any:
    """Return the result of the code, for which awaitables are run in a new event loop."""
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        raise UsageError(
            f"{check}: the code returned a generator, so nothing ran; pass a function that iterates over it"
        )
    if not inspect.isawaitable(returned):
        return returned
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(_await(returned))
    if inspect.iscoroutine(returned):
        returned.close()  # no warning that it was never awaited
    raise UsageError(
        f"{check}: an event loop is running already, and the code needs its own; "
        "make the test a plain function, not async"
    )


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine like ``asyncio.run``, but keep the current event loop for later tests."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(_cancel(asyncio.all_tasks(loop)))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _call_failed(check: str, failed: Callable[[Any], object], returned: object) -> bool:
    try:
        return bool(failed(returned))
    except Exception as error:
        raise UsageError(
            f"{check}: failed raised {describe_error(error)}; it was called with the result of the code, "
            f"{show(returned)}"
        ) from error
