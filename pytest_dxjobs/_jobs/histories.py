"""Histories: which states a job passes through, and for how long.

First the values, then the functions with which a test makes them, then the walk through a history.
"""

from __future__ import annotations

import datetime
import inspect
import itertools
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pytest_dxjobs._core.arguments import count, one_of, raise_problems, span
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
from pytest_dxjobs._core.values import plain_copy, plain_str
from pytest_dxjobs._model.documented import FAILED, SUCCESSORS
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._model.validation import violations


@dataclass(frozen=True, slots=True)
class Polls:
    """A duration in ``get_job`` calls, made by ``dx.polls``."""

    count: int

    def __repr__(self) -> str:
        return f"dx.polls({self.count})"


@dataclass(frozen=True, slots=True)
class Stage:
    """One state of a history and how long it lasts; None for the last state, which stays."""

    state: str
    lasts: datetime.timedelta | Polls | None = None


Errors = str | tuple[dict[str, Any], ...] | Literal[Marker.ABSENT] | None


@dataclass(frozen=True, slots=True)
class History:
    """The states that a job passes through, made by ``dx.completes``, ``dx.fails``, ``dx.history`` and others.

    Attributes:
        stages: The states in order, each with its duration: a ``timedelta``, the result of ``dx.polls``, or
            None for the last state, which stays.
        errors: Of a job that fails: a code, a tuple of errors, ``dx.ABSENT``, or None for an error that fits
            the job.
        from_creation: Whether the history starts when the job is created, not when it is started.
        written: The call that made the history, as messages show it; ``""`` if no such call did.
    """

    stages: tuple[Stage, ...]
    errors: Errors = field(default=None, hash=False)
    from_creation: bool = False
    written: str = field(default="", compare=False)

    def __repr__(self) -> str:
        return self.written or "dx.History(...)"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Make Hypothesis print the ``repr``, not the fields of the dataclass."""
        printer.text(repr(self))


def stays(state: JobState | str, /) -> History:
    """Make the history of a job that stays in one state.

    Args:
        state: One of ``dx.JOB_STATES``, or a state that the installed botocore knows.

    Raises:
        UsageError: There is no such state.
    """
    state = _check_state("stays", state)
    return History((Stage(state),), written=_call_text("stays", state))


def completes(*, after: float | datetime.timedelta | None = None, polls: int | None = None) -> History:
    """Make the history of a job that ends in COMPLETED; at once without an argument.

    Args:
        after: How long it is IN_PROGRESS after its start: seconds or a ``timedelta``.
        polls: The number of the ``get_job`` call that first returns COMPLETED, from 1. Earlier calls return
            IN_PROGRESS.

    Raises:
        UsageError: Both are given, or a value is out of range.
    """
    stages = _pending_then_end("completes", "IN_PROGRESS", "COMPLETED", after, polls)
    return History(stages, written=_call_text("completes", after=after, polls=polls))


def fails(
    code: JobErrorCode | str | None = None,
    *,
    after: float | datetime.timedelta | None = None,
    polls: int | None = None,
    errors: list[Any] | Literal[Marker.ABSENT] | None = None,
) -> History:
    """Make the history of a job that ends in ERROR; at once without ``after`` and ``polls``.

    Args:
        code: One of ``dx.JOB_ERROR_CODES``, or a code that the installed botocore knows. The other members
            of the error fit the job's details.
        after: How long it is IN_PROGRESS after its start: seconds or a ``timedelta``.
        polls: The number of the ``get_job`` call that first returns ERROR, from 1. Earlier calls return
            IN_PROGRESS.
        errors: The job's ``Errors`` in place of a code, such as ``[dx.make_error(code, Message=...)]``. Two
            forms that the service does not document, ``[]`` and ``dx.ABSENT``, test that code survives them.

    Raises:
        UsageError: There is no such code, the errors are invalid, or arguments exclude each other.
    """
    stages = _pending_then_end("fails", "IN_PROGRESS", FAILED, after, polls)
    if code is not None:
        code = one_of("fails: code", code, model().error_codes, JOB_ERROR_CODES)
    given = () if code is None else (code,)
    written = _call_text("fails", *given, after=after, polls=polls, errors=errors)
    if code is not None:
        if errors is not None:
            raise UsageError("fails: pass either a code or errors, not both; each entry of errors has its own code")
        return History(stages, code, written=written)
    if isinstance(errors, list):
        shape, copied = model().job.members["Errors"], plain_copy(errors)
        raise_problems("fails: invalid errors:", violations(shape, copied, "errors"))
        return History(stages, tuple(copied), written=written)
    if errors is not None and errors is not ABSENT:
        raise UsageError(f"fails: errors: a list or dx.ABSENT is needed, not {show(errors)}")
    return History(stages, errors, written=written)


def times_out(*, after: float | datetime.timedelta | None = None, polls: int | None = None) -> History:
    """Make the history of a job that the service stops, in TIMED_OUT; at once without an argument.

    Args:
        after: How long it is IN_PROGRESS after its start: seconds or a ``timedelta``.
        polls: The number of the ``get_job`` call that first returns TIMED_OUT, from 1. Earlier calls return
            IN_PROGRESS.

    Raises:
        UsageError: Both are given, or a value is out of range.
    """
    stages = _pending_then_end("times_out", "IN_PROGRESS", "TIMED_OUT", after, polls)
    return History(stages, written=_call_text("times_out", after=after, polls=polls))


def gets_cancelled(*, after: float | datetime.timedelta | None = None, polls: int | None = None) -> History:
    """Make the history of a job that somebody else cancels while it is WAITING.

    Only a WAITING job can be cancelled. Time counts from the job's creation, whether it is started or not.
    Without an argument the first ``get_job`` returns CANCELLED; until then the job can be started.

    Args:
        after: How long it is WAITING after its creation: seconds or a ``timedelta``.
        polls: The number of the ``get_job`` call that first returns CANCELLED, from 1. Earlier calls return
            WAITING.

    Raises:
        UsageError: Both are given, or a value is out of range.
    """
    stages = _pending_then_end("gets_cancelled", "WAITING", "CANCELLED", after, polls)
    if len(stages) == 1:  # the cancellation comes just before the first get_job
        stages = (Stage("WAITING", Polls(0)), *stages)
    written = _call_text("gets_cancelled", after=after, polls=polls)
    return History(stages, from_creation=True, written=written)


def history(*stages: str | tuple[str, object]) -> History:
    """Make a history from all its states.

    Args:
        *stages: ``(state, time)`` for each state but the last, with the time in seconds, as a ``timedelta`` or
            as ``dx.polls(n)``; then the last state alone, which stays. A state is one of ``dx.JOB_STATES``, or
            one that the installed botocore knows. A first state WAITING comes after the start of the job.

    Raises:
        UsageError: A state does not exist or cannot follow the one before, or a time is invalid.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    if not stages:
        raise UsageError('history: at least one state is needed, such as "COMPLETED"')
    parts = [_stage(each, last=index == len(stages)) for index, each in enumerate(stages, start=1)]
    for before, after in itertools.pairwise(parts):
        # A state that only a newer model knows may follow, and be followed by, any other.
        if before.state in SUCCESSORS and after.state in JOB_STATES:
            _check_successor(before.state, after.state)
    return History(tuple(parts), written=_call_text("history", *stages))


def polls(count_: int, /) -> Polls:
    """Make a duration for ``dx.history``: the number of ``get_job`` calls that return the job.

    Args:
        count_: A whole number from 1.

    Raises:
        UsageError: The argument is not such a number.
    """
    return Polls(count("polls", count_))


def _pending_then_end(
    call: str,
    pending: JobState,
    end: JobState,
    after: float | datetime.timedelta | None,
    polls: int | None,
) -> tuple[Stage, ...]:
    if after is not None and polls is not None:
        raise UsageError(f"{call}: pass either after or polls, not both; dx.history can combine them")
    lasts: datetime.timedelta | Polls | None = None
    if after is not None:
        lasts = span(f"{call}: after", after) or None
    elif polls is not None and (number := count(f"{call}: polls", polls)) > 1:
        lasts = Polls(number - 1)
    return (Stage(end),) if lasts is None else (Stage(pending, lasts), Stage(end))


def _stage(given: object, *, last: bool) -> Stage:
    if last:
        if isinstance(given, tuple):
            raise UsageError(f"history: the last state stays and has no time; pass the state alone, not {show(given)}")
        return Stage(_check_state("history", given))
    if not isinstance(given, tuple) or len(given) != 2:
        raise UsageError(
            f'history: each state but the last needs its time, as in ("IN_PROGRESS", 30), not {show(given)}'
        )
    state, lasts = _check_state("history", given[0]), given[1]
    return Stage(state, lasts if isinstance(lasts, Polls) else _seconds(state, lasts))


def _seconds(state: str, lasts: object) -> datetime.timedelta:
    try:
        return span(f"history: {state}", lasts)
    except UsageError as error:
        raise UsageError(f"{error}; dx.polls(n) counts get_job calls") from None


def _check_successor(before: str, after: str) -> None:
    legal = SUCCESSORS[before]
    if after not in legal:
        follows = f"after {before} comes {' or '.join(legal)}" if legal else f"{before} is an end state"
        raise UsageError(f"history: {after} cannot follow {before}; {follows}")


def _check_state(call: str, state: object) -> str:
    return one_of(call, state, JOB_STATES, () if _is_documented(state) else model().states)


def _is_documented(state: object) -> bool:
    return isinstance(state, str) and plain_str(state) in JOB_STATES


def _call_text(function: str, *values: object, **options: object) -> str:
    """Return the source text of a call, without the options that are None."""
    arguments = [show(value) for value in values]
    arguments += [f"{name}={show(value)}" for name, value in options.items() if value is not None]
    return f"dx.{function}({', '.join(arguments)})"


def check_history(call: str, value: object) -> History:
    """Return the value if a function of this module made it."""
    if isinstance(value, History) and value.written:
        return value
    remedy = "use one such as dx.completes(polls=3)"
    if _is_documented(value):
        remedy = f"use dx.stays({plain_str(value)!r})"
    elif inspect.isfunction(value) and value.__module__ == __name__:
        remedy = f"call it: dx.{value.__name__}()"
    raise UsageError(f"{call}: a history is needed, not {show(value)}; {remedy}")


COMPLETES_AT_ONCE: Final = completes()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a job is in its history: the index of the stage, when it entered it, and the polls since."""

    stage: int
    entered_at: datetime.datetime
    polls: int = 0


def advance(history: History, position: Position, now: datetime.datetime, *, polling: bool) -> Position:
    """Return the position of the job now; ``polling`` is whether a ``get_job`` call requests it.

    A stage of 0 polls ends at the first ``get_job`` call, which returns the next stage. Every call
    before it, such as ``list_jobs``, still returned this one.
    """
    while True:
        lasts = history.stages[position.stage].lasts
        if isinstance(lasts, datetime.timedelta) and now - position.entered_at >= lasts:
            position = Position(position.stage + 1, position.entered_at + lasts)
        elif polling and isinstance(lasts, Polls) and position.polls >= lasts.count:
            position = Position(position.stage + 1, now)
        else:
            return position


def after_poll(history: History, position: Position, now: datetime.datetime) -> Position:
    """Return the position once a ``get_job`` call has returned the job there."""
    lasts = history.stages[position.stage].lasts
    if not isinstance(lasts, Polls):
        return position
    polls = position.polls + 1
    if polls < lasts.count:
        return Position(position.stage, position.entered_at, polls)
    return Position(position.stage + 1, now)
