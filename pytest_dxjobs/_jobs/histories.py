"""The histories that a test writes: how a job ends and when, or its whole life, state by state."""

from __future__ import annotations

import datetime
import inspect
import itertools
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pytest_dxjobs._core.arguments import count, one_of, read, refuse, span
from pytest_dxjobs._core.constants import (
    ABSENT,
    JOB_ERROR_CODES,
    JOB_STATES,
    JobErrorCode,
    JobState,
    Marker,
)
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.values import bare
from pytest_dxjobs._model.documented import FAILED, SUCCESSORS
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._model.validation import violations


@dataclass(frozen=True, slots=True)
class Polls:
    """A time told in ``get_job`` calls, made by ``dx.polls``."""

    count: int

    def __repr__(self) -> str:
        return f"dx.polls({self.count})"


Errors = str | tuple[dict[str, Any], ...] | Literal[Marker.ABSENT] | None


@dataclass(frozen=True, slots=True)
class Stage:
    """One state of a history; ``lasts`` is None for the last one, which stays."""

    state: str
    lasts: datetime.timedelta | Polls | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The life of a job, made by ``dx.completes``, ``dx.fails``, ``dx.history`` and their kind.

    Attributes:
        stages: The states in their order, each with the time that it lasts: a ``timedelta``, or what ``dx.polls``
            returns; None for the last one, which stays.
        errors: Of a job that fails: a code, whole errors, ``dx.ABSENT``, or None for an error that fits the job.
        from_creation: Whether it runs from the creation of the job and does not wait until it is started.
        written: How the test wrote it, which is how messages tell it; ``""`` where it did not.
    """

    stages: tuple[Stage, ...]
    errors: Errors = field(default=None, hash=False)
    from_creation: bool = False
    written: str = field(default="", compare=False)

    def __repr__(self) -> str:
        return self.written or "dx.History(...)"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Let Hypothesis print it so, too; of itself it prints the fields of a dataclass."""
        printer.text(repr(self))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a job is in its history: the stage, since when, and how many polls have seen it there."""

    stage: int
    since: datetime.datetime
    polls: int = 0


def advance(
    history: History, position: Position, moment: datetime.datetime, *, polling: bool
) -> Position:
    """Where the job is at a moment; ``polling`` is whether it is looked at by ``get_job``.

    A stage that lasts no polls at all ends with the first look of that kind, which sees the next one: at
    that instant, since any other look before it has seen this one.
    """
    while True:
        lasts = history.stages[position.stage].lasts
        if isinstance(lasts, datetime.timedelta) and moment - position.since >= lasts:
            position = Position(position.stage + 1, position.since + lasts)
        elif polling and isinstance(lasts, Polls) and position.polls >= lasts.count:
            position = Position(position.stage + 1, moment)
        else:
            return position


def after_poll(history: History, position: Position, moment: datetime.datetime) -> Position:
    """Where the job is once a poll has seen it there."""
    lasts = history.stages[position.stage].lasts
    if not isinstance(lasts, Polls):
        return position
    polls = position.polls + 1
    if polls < lasts.count:
        return Position(position.stage, position.since, polls)
    return Position(position.stage + 1, moment)


def check_history(call: str, value: object) -> History:
    """The value, if it is a history that a function here has made."""
    if not isinstance(value, History) or not value.written:
        hint = f"; dx.stays({bare(value)!r}) is one" if _is_documented(value) else ""
        if inspect.isfunction(value) and value.__module__ == __name__:
            hint = f" itself; call dx.{value.__name__}()"
        raise UsageError(
            f"{call}: the history is one such as dx.completes(polls=3), not {show(value)}{hint}"
        )
    return value


def polls(count_: int, /) -> Polls:
    """So many ``get_job`` calls for the job, answered with the job; a time to use in a history.

    Args:
        count_: A whole number from 1.

    Raises:
        UsageError: It is no such number.
    """
    return Polls(count("polls", count_))


def stays(state: JobState | str, /) -> History:
    """A job that is in one state for ever.

    Args:
        state: One of ``dx.JOB_STATES``, or a state that the installed botocore knows.

    Raises:
        UsageError: There is no such state.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    state = _state("stays", state)
    return History((Stage(state),), written=_written("stays", state))


def completes(
    *, after: float | datetime.timedelta | None = None, polls: int | None = None
) -> History:
    """A job that completes; with neither argument it has when it is first looked at.

    Args:
        after: The time that it is IN_PROGRESS after its start: seconds or a ``timedelta``.
        polls: Which ``get_job`` sees it COMPLETED; those before see it IN_PROGRESS. From 1.

    Raises:
        UsageError: Both are given, or one of them is no such value.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    stages = _ending("completes", "IN_PROGRESS", "COMPLETED", after, polls)
    return History(stages, written=_written("completes", after=after, polls=polls))


def fails(
    code: JobErrorCode | str | None = None,
    *,
    after: float | datetime.timedelta | None = None,
    polls: int | None = None,
    errors: list[Any] | Literal[Marker.ABSENT] | None = None,
) -> History:
    """A job that ends in ERROR.

    Args:
        code: One of ``dx.JOB_ERROR_CODES``, or a code that the installed botocore knows; the error with it names
            what the job's details name.
        after: The time that it is IN_PROGRESS after its start: seconds or a ``timedelta``.
        polls: Which ``get_job`` sees it in ERROR; those before see it IN_PROGRESS. From 1.
        errors: Its ``Errors`` instead, such as ``[dx.make_error(code, Message=...)]``; or one of the two
            forms that code should survive, although the service does not document them: ``[]`` and
            ``dx.ABSENT``.

    Raises:
        UsageError: A code that does not exist, errors that are none, or two things that exclude each other.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    stages = _ending("fails", "IN_PROGRESS", FAILED, after, polls)
    if code is not None:
        code = one_of("fails: code", code, model().error_codes, JOB_ERROR_CODES)
    given = () if code is None else (code,)
    written = _written("fails", *given, after=after, polls=polls, errors=errors)
    if code is not None:
        if errors is not None:
            raise UsageError(
                "fails: either a code or errors, not both; an entry of errors has its code"
            )
        return History(stages, code, written=written)
    if isinstance(errors, list):
        shape, copied = model().job.members["Errors"], read("fails: errors", errors)
        refuse("fails: these are no errors of a job:", violations(shape, copied, "errors"))
        return History(stages, tuple(copied), written=written)
    if errors is not None and errors is not ABSENT:
        raise UsageError(f"fails: errors: a list or dx.ABSENT is needed, not {show(errors)}")
    return History(stages, errors, written=written)


def times_out(
    *, after: float | datetime.timedelta | None = None, polls: int | None = None
) -> History:
    """A job that ends in TIMED_OUT, which is the service giving it up.

    Args:
        after: The time that it is IN_PROGRESS after its start: seconds or a ``timedelta``.
        polls: Which ``get_job`` sees it in TIMED_OUT; those before see it IN_PROGRESS. From 1.

    Raises:
        UsageError: Both are given, or one of them is no such value.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    stages = _ending("times_out", "IN_PROGRESS", "TIMED_OUT", after, polls)
    return History(stages, written=_written("times_out", after=after, polls=polls))


def gets_cancelled(
    *, after: float | datetime.timedelta | None = None, polls: int | None = None
) -> History:
    """A job that somebody else cancels while it is WAITING, whether it has been started or not.

    Only a job that is WAITING can be cancelled. Its time runs from its creation, not from its start. With
    neither argument the first ``get_job`` sees it CANCELLED, and until then it can be started.

    Args:
        after: The time until then: seconds or a ``timedelta``.
        polls: Which ``get_job`` sees it CANCELLED; those before see it WAITING. From 1.

    Raises:
        UsageError: Both are given, or one of them is no such value.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    stages = _ending("gets_cancelled", "WAITING", "CANCELLED", after, polls)
    if len(stages) == 1:  # somebody cancels it just before the first look
        stages = (Stage("WAITING", Polls(0)), *stages)
    written = _written("gets_cancelled", after=after, polls=polls)
    return History(stages, from_creation=True, written=written)


def history(*stages: str | tuple[str, object]) -> History:
    """A job's whole life, state by state.

    Args:
        *stages: ``(state, time)`` for each state that ends, the time in seconds, as a ``timedelta`` or as
            ``dx.polls(n)``; then the state that stays, alone. A state is one of ``dx.JOB_STATES``, or one that
            the installed botocore knows. A WAITING at the beginning is the time between the start of the job
            and its being in progress.

    Raises:
        UsageError: A state that does not exist or that cannot follow, or a time that is none.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    if not stages:
        raise UsageError('history: at least one state is needed, such as "COMPLETED"')
    parts = [_stage(each, last=index == len(stages)) for index, each in enumerate(stages, start=1)]
    for before, after in itertools.pairwise(parts):
        # A state that only a newer model knows may come from and lead to any other.
        if before.state in SUCCESSORS and after.state in JOB_STATES:
            _check_successor(before.state, after.state)
    return History(tuple(parts), written=_written("history", *stages))


def _written(call: str, *values: object, **options: object) -> str:
    told = [show(value) for value in values]
    told += [f"{name}={show(value)}" for name, value in options.items() if value is not None]
    return f"dx.{call}({', '.join(told)})"


def _check_successor(before: str, after: str) -> None:
    legal = SUCCESSORS[before]
    if after not in legal:
        follows = f"comes {' or '.join(legal)}" if legal else "comes nothing: it is an end state"
        raise UsageError(f"history: {after} cannot follow {before}; after {before} {follows}")


def _stage(given: object, *, last: bool) -> Stage:
    if last:
        if isinstance(given, tuple):
            raise UsageError(
                f"history: the last state stays for ever and is given alone, not as {show(given)}"
            )
        return Stage(_state("history", given))
    if not isinstance(given, tuple) or len(given) != 2:
        raise UsageError(
            "history: each state but the last is given with its time, "
            f'as in ("IN_PROGRESS", 30), not as {show(given)}'
        )
    state, lasts = _state("history", given[0]), given[1]
    return Stage(state, lasts if isinstance(lasts, Polls) else _time(state, lasts))


def _time(state: str, lasts: object) -> datetime.timedelta:
    try:
        return span(f"history: {state}", lasts)
    except UsageError as error:
        raise UsageError(f"{error}; dx.polls(n) counts get_job calls") from None


def _state(call: str, state: object) -> str:
    return one_of(call, state, JOB_STATES, () if _is_documented(state) else model().states)


def _is_documented(state: object) -> bool:
    """Whether it is a state; what is no text is not compared, since it may refuse that."""
    return isinstance(state, str) and bare(state) in JOB_STATES


def _ending(
    call: str,
    pending: JobState,
    end: JobState,
    after: float | datetime.timedelta | None,
    polls: int | None,
) -> tuple[Stage, ...]:
    if after is not None and polls is not None:
        raise UsageError(f"{call}: either after or polls, not both; dx.history mixes them")
    lasts: datetime.timedelta | Polls | None = None
    if after is not None:
        lasts = span(f"{call}: after", after) or None
    elif polls is not None and (number := count(f"{call}: polls", polls)) > 1:
        lasts = Polls(number - 1)
    return (Stage(end),) if lasts is None else (Stage(pending, lasts), Stage(end))


AT_ONCE: Final = completes()
