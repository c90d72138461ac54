"""How a job moves: a frozen value that says which states it is in, and for how long.

Which state a job is in follows from its history, from when the history began and from the instants of the
polls since then. Looking at the state moves nothing.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_dxjobs._core.constants import Marker


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
