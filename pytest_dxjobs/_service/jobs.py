"""The jobs that are in the fake: looked up, listed from the newest, and gone after 90 days."""

from __future__ import annotations

import bisect
import datetime
import itertools
import json
import threading
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.arguments import one_of, raise_problems
from pytest_dxjobs._core.constants import JOB_STATES, TERMINAL_STATES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.timeutils import format_instant, now, truncate_to_milliseconds
from pytest_dxjobs._core.values import is_aware, plain_copy, without_absent, without_metadata
from pytest_dxjobs._jobs.coherence import find_problems
from pytest_dxjobs._jobs.factory import merge
from pytest_dxjobs._jobs.histories import History, Position, Stage, advance, after_poll, stays
from pytest_dxjobs._jobs.transitions import response_in_state
from pytest_dxjobs._model.documented import LIFETIME
from pytest_dxjobs._service.calls import CallLog
from pytest_dxjobs._wire.http import Response
from pytest_dxjobs._wire.serialize import encode, parse_response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._model.service_model import Model


class StoredJob:
    """A job and its history. Whoever uses it holds the lock of the jobs."""

    __slots__ = (
        "_body",
        "_deferred",
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
        deferred: Mapping[str, Any],
        moment: datetime.datetime,
        created: datetime.datetime,
        *,
        started: bool,
    ) -> None:
        self.id: str = identifier
        self.arn: str = str(response.get("Arn", ""))
        self.type: str = str(response.get("Type", ""))
        self.entered: datetime.datetime = moment
        self.created: datetime.datetime = created
        self.started: bool = started
        self.cancelled: bool = False
        self.polls: int = 0
        self._installed, self._history, self._deferred = installed, history, deferred
        runs = started or history.from_creation
        # None is WAITING for the start, before the first stage.
        self._position = Position(0, moment) if runs else None
        self._shown = self._position if started else None
        self._body = encode(installed.job, response)

    def state_at(self, moment: datetime.datetime) -> str:
        """The state that the job is in."""
        return self._state(self._at(moment, polling=False))

    def state_for_poll(self, moment: datetime.datetime) -> str:
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
        if position.entered_at > moment:
            return (
                f"{told}. It came to {self._state(position)} at {format_instant(position.entered_at)}, which is later than the "
                f"clock shows, {format_instant(moment)}: start the clock before the job is put in, and do not set it back."
            )
        passed = (moment - position.entered_at).total_seconds()
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
                self._installed.job,
                self._response_in_state(state, position.entered_at, self._history),
            )
            self._shown = position
        return self._body

    def response(self) -> dict[str, Any]:
        """The members that were sent last, or would have been."""
        read: dict[str, Any] = json.loads(self._body)
        return read

    def response_for_poll(self, moment: datetime.datetime) -> tuple[str, bytes]:
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

    def response_set_by_hand(self, state: str, moment: datetime.datetime) -> dict[str, Any]:
        """The response for a state that is not from the history, with members read back from JSON."""
        return self._response_in_state(state, moment, stays(state))

    def _response_in_state(
        self, state: str, moment: datetime.datetime, history: History
    ) -> dict[str, Any]:
        at = max(truncate_to_milliseconds(moment), self.created)
        return response_in_state(
            self._installed, self.response(), state, at, history, self._deferred
        )

    def _state(self, position: Position | None) -> str:
        return "WAITING" if position is None else self._history.stages[position.stage].state

    def _at(self, moment: datetime.datetime, *, polling: bool) -> Position | None:
        position = self._position
        if position is None:
            return None
        return advance(self._history, position, moment, polling=polling)


class JobStore:
    """All jobs of one fake, behind its lock."""

    def __init__(self, installed: Model) -> None:
        self.lock: threading.RLock = threading.RLock()
        self.log: CallLog = CallLog(installed)
        self._installed = installed
        self.reset()

    def reset(self) -> None:
        """Forget all of them, and all that was asked."""
        self.log.reset()
        self._by_id: dict[str, StoredJob] = {}
        self._numbers = itertools.count()
        self._by_age: list[tuple[datetime.datetime, int, StoredJob]] = []

    def all(self, moment: datetime.datetime) -> list[StoredJob]:
        """Those that are not too old, in the order in which they entered."""
        return [stored for stored in self._by_id.values() if _is_alive(stored, moment)]

    def has_held(self, job_id: str) -> bool:
        """Whether such a job is there, or was until it was too old."""
        return job_id in self._by_id

    def ordinal_of(self, job_id: str | None) -> int:
        """The place of a job in the order of entry; -1 for none that is there."""
        return next((place for place, each in enumerate(self._by_id) if each == job_id), -1)

    def enter(
        self,
        identifier: str,
        response: Mapping[str, Any],
        history: History,
        moment: datetime.datetime,
        deferred: Mapping[str, Any] | None = None,
        *,
        started: bool,
    ) -> StoredJob:
        """Take a job in.

        Raises:
            KeyError: There is one with this id.
            ValueError: JSON has no form for something in it.
        """
        if self.find(identifier, moment) is not None:
            raise KeyError(identifier)
        given: Any = response.get("CreatedAt")
        created = given if is_aware(given) else moment
        stored = StoredJob(
            self._installed,
            identifier,
            response,
            history,
            deferred or {},
            moment,
            created,
            started=started,
        )
        gone = self._by_id.pop(identifier, None)
        if gone is not None:  # and after a clock is set back it would be there once more
            self._by_age = [each for each in self._by_age if each[2] is not gone]
        bisect.insort(self._by_age, (created, next(self._numbers), stored))
        self._by_id[identifier] = stored
        return stored

    def find(self, job_id: str, moment: datetime.datetime) -> StoredJob | None:
        """The job with this id, if it is there and not too old."""
        stored = self._by_id.get(job_id)
        return stored if stored is not None and _is_alive(stored, moment) else None

    def newest_first(
        self, moment: datetime.datetime, after: tuple[datetime.datetime, int] | None
    ) -> Iterator[tuple[tuple[datetime.datetime, int], StoredJob]]:
        """The jobs by the time of their creation, with the key to go on after each."""
        end = len(self._by_age) if after is None else bisect.bisect_left(self._by_age, after)
        for created, number, stored in reversed(self._by_age[:end]):
            if _is_alive(stored, moment):
                yield (created, number), stored

    def set_state(
        self, stored: StoredJob, state: str, members: Mapping[str, object], *, check: bool
    ) -> None:
        """Put a job into a state by hand, as ``Job.become`` says."""
        state = one_of("become: state", state, JOB_STATES, self._installed.states)
        members = plain_copy(members)
        moment = now()
        before = stored.state_for_poll(moment)
        if check and before in TERMINAL_STATES:
            raise UsageError(
                f"become: job {stored.id} is {before}, which is an end state, and as far as is known stays so; "
                "become(..., check=False) moves it all the same"
            )
        for name in members:
            if name in ("Id", "Arn", "State", "Type"):
                why = "is the first argument" if name == "State" else "stays as it is"
                raise UsageError(f"become: {name} is not to be given by name: it {why}")
        response = stored.response_set_by_hand(state, moment)
        if check:  # with datetimes, as a client has them
            response = self._as_parsed(response)
        response |= {name: merge(response.get(name), part) for name, part in members.items()}
        response = without_absent(response)
        if check:
            raise_problems(
                "become: the service could not have sent this response "
                "(become(..., check=False) takes it as it is):",
                find_problems(response),
            )
        try:
            stored.move(response, state, moment)
        except ValueError as error:
            raise UsageError(f"become: the response cannot be sent: {error}") from None

    def _as_parsed(self, response: dict[str, Any]) -> dict[str, Any]:
        sent = Response(200, {}, encode(self._installed.job, response))
        parsed = parse_response(self._installed, "GetJob", sent)
        return without_metadata(parsed)


def _is_alive(stored: StoredJob, moment: datetime.datetime) -> bool:
    return moment - stored.entered < LIFETIME
