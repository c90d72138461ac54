"""What code did when it was given a job: what it returned or raised, and whether it had to be ended."""

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
    """What code did.

    Attributes:
        result: What it returned.
        failed: Whether that reports a failure.
        raised: What it raised instead; None where it returned.
        ran_away: Why it was ended; None where it came to an end by itself.
    """

    result: object
    failed: bool
    raised: BaseException | None
    ran_away: RunawayPolling | None


def run_code(
    call: str,
    run: Callable[[], Any],
    failed: Callable[[Any], object] | None,
    fake: FakeDataExchange,
) -> RunResult:
    """Run the code to its end, whatever that is.

    Raises:
        UnexpectedCall: The code has called what nothing answers, whether it swallowed that or not.
        UsageError: The test has asked for what cannot be.
    """
    __tracebackhide__ = True
    result, raised = None, None
    try:
        result = _returned(call, run())
    except BaseException as failure:
        raised = failure
    remembered = fake._take_failures()  # noqa: SLF001
    ran_away = next((each for each in remembered if isinstance(each, RunawayPolling)), None)
    if ran_away is None and not isinstance(raised, (SystemExit, Exception, type(None))):
        raise raised  # an interrupt, or what pytest ends tests with
    for each in (*remembered, raised):
        if isinstance(each, (UnexpectedCall, UsageError)):
            raise each
    reported = raised is None and failed is not None and _reported(call, failed, result)
    return RunResult(result, reported, raised, ran_away)


def _returned(call: str, result: Any) -> Any:
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise UsageError(
            f"{call}: the code is a generator, of which nothing runs until somebody goes through it: "
            "give a function that does"
        )
    if not inspect.isawaitable(result):
        return result
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(_awaited(result))
    if inspect.iscoroutine(result):
        result.close()  # and Python will not miss its await
    raise UsageError(
        f"{call}: it runs the event loop for the code, so that the test itself is a plain function, not async"
    )


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    """As ``asyncio.run``, which would take away the event loop that a later test finds."""
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


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def _reported(call: str, failed: Callable[[Any], object], result: object) -> bool:
    try:
        return bool(failed(result))
    except Exception as error:
        raise UsageError(
            f"{call}: failed raised {describe_error(error)}; it was given what the code returned, "
            f"{show(result)}"
        ) from error
