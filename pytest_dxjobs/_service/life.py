"""One job in the fake: where it is in its history, and the body that ``get_job`` answers with.

Only that body is kept, encoded: a poll costs no encoding, and a hundred thousand jobs little memory. When
the job has moved to another state, the body is read back once and adapted.
"""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.messages import as_text
from pytest_dxjobs._core.timeutils import in_full, in_milliseconds
from pytest_dxjobs._jobs.histories import stays
from pytest_dxjobs._jobs.history import History, Position, Stage, advance, after_poll
from pytest_dxjobs._jobs.transitions import moved
from pytest_dxjobs._wire.serialize import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_dxjobs._model.service_model import Model


class Life:
    """A job and its history. Whoever uses it holds the lock of the jobs."""

    __slots__ = (
        "_aside",
        "_body",
        "_history",
        "_installed",
        "_position",
        "_shown",
        "arn",
        "cancelled",
        "created",
        "entered",
        "id",
        "polls",
        "started",
        "type",
    )

    def __init__(
        self,
        installed: Model,
        identifier: str,
        response: Mapping[str, Any],
        history: History,
        aside: Mapping[str, Any],
        moment: datetime.datetime,
        created: datetime.datetime,
        *,
        started: bool,
    ) -> None:
        self.id: str = identifier
        self.arn: str = as_text(response.get("Arn", ""))
        self.type: str = as_text(response.get("Type", ""))
        self.entered: datetime.datetime = moment
        self.created: datetime.datetime = created
        self.started: bool = started
        self.cancelled: bool = False
        self.polls: int = 0
        self._installed, self._history, self._aside = installed, history, aside
        runs = started or history.from_creation
        # None is WAITING for the start, before the first stage.
        self._position = Position(0, moment) if runs else None
        self._shown = self._position if started else None
        self._body = encode(installed.job, response)

    def state_at(self, moment: datetime.datetime) -> str:
        """The state that the job is in."""
        return self._state(self._at(moment, polling=False))

    def told_at(self, moment: datetime.datetime) -> str:
        """The state that a ``get_job`` at this moment would tell."""
        return self._state(self._at(moment, polling=True))

    def explanation(self, moment: datetime.datetime, *, in_virtual_time: bool) -> str:
        """Why the job is where it is, for somebody who wonders that it does not move."""
        position = self._at(moment, polling=False)
        if position is None:
            return "The job was created and never started: nothing called start_job for it."
        if not self._history.written:
            return f"The job was put into {self._state(position)}, where it stays."
        told = f"The history of the job is {self._history!r}"
        if not isinstance(self._history.stages[position.stage].lasts, datetime.timedelta):
            return f"{told}."
        if position.since > moment:
            return (
                f"{told}. It came to {self._state(position)} at {in_full(position.since)}, which is later than the "
                f"clock shows, {in_full(moment)}: start the clock before the job is put in, and do not set it back."
            )
        passed = (moment - position.since).total_seconds()
        told = f"{told}, and only {passed:.3f} s of {self._state(position)} have passed"
        if in_virtual_time:
            return f"{told}."
        return (
            f"{told}, in real time: add dxjobs_clock to the test's arguments, or tell it in polls."
        )

    @property
    def body(self) -> bytes:
        """The body that was sent last, or with which the job entered."""
        return self._body

    def body_at(self, moment: datetime.datetime) -> bytes:
        """The body that tells the state that the job is in."""
        return self._body_for(self._at(moment, polling=False))

    def _body_for(self, position: Position | None) -> bytes:
        if position is not None and (self._shown is None or position.stage != self._shown.stage):
            state = self._history.stages[position.stage].state
            self._body = encode(
                self._installed.job, self._moved(state, position.since, self._history)
            )
            self._shown = position
        return self._body

    def response(self) -> dict[str, Any]:
        """The members that were sent last, or would have been."""
        read: dict[str, Any] = json.loads(self._body)
        return read

    def answer_at(self, moment: datetime.datetime) -> tuple[str, bytes]:
        """The state and the body with which a ``get_job`` at this moment is answered."""
        position = self._at(moment, polling=True)
        return self._state(position), self._body_for(position)

    def count_poll(self, moment: datetime.datetime) -> None:
        """Let a ``get_job`` count, which was answered at this moment."""
        position = self._at(moment, polling=True)
        if position is not None:
            self._position = after_poll(self._history, position, moment)
        self.polls += 1

    def start(self, moment: datetime.datetime) -> None:
        """Let the history run, where it did not from the beginning."""
        self.started = True
        if self._position is None:
            self._position = Position(0, moment)

    def move(self, response: Mapping[str, Any], state: str, moment: datetime.datetime) -> None:
        """Stay in a state from now on, with these members."""
        body = encode(self._installed.job, response)
        self._history = History((Stage(state),))  # which nobody has written
        self._position = self._shown = Position(0, moment)
        self._body = body

    def moved_by_hand(self, state: str, moment: datetime.datetime) -> dict[str, Any]:
        """The response for a state that is not from the history, with members read back from JSON."""
        return self._moved(state, moment, stays(state))

    def _moved(self, state: str, moment: datetime.datetime, history: History) -> dict[str, Any]:
        at = max(in_milliseconds(moment), self.created)
        return moved(self._installed, self.response(), state, at, history, self._aside)

    def _state(self, position: Position | None) -> str:
        return "WAITING" if position is None else self._history.stages[position.stage].state

    def _at(self, moment: datetime.datetime, *, polling: bool) -> Position | None:
        position = self._position
        if position is None:
            return None
        return advance(self._history, position, moment, polling=polling)
