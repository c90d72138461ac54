"""The jobs of one fake: where each is in its history, and the body that ``get_job`` returns.

Only the encoded body is kept: a poll encodes nothing, and 100,000 jobs take little memory. When a job has
moved to another state, its body is decoded once and adapted.
"""

from __future__ import annotations

import bisect
import datetime
import itertools
import json
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.arguments import one_of, raise_problems
from pytest_dxjobs._core.constants import JOB_STATES, TERMINAL_STATES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.timeutils import format_instant, now, truncate_to_milliseconds
from pytest_dxjobs._core.values import is_aware, plain_copy, without_absent
from pytest_dxjobs._jobs.coherence import find_problems
from pytest_dxjobs._jobs.factory import merge
from pytest_dxjobs._jobs.histories import History, Position, Stage, advance, after_poll, stays
from pytest_dxjobs._jobs.transitions import response_in_state
from pytest_dxjobs._model.documented import LIFETIME
from pytest_dxjobs._wire.serialize import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._model.service_model import Model


class StoredJob:
    """A job and its position in its history. Callers hold the backend's lock."""

    __slots__ = (
        "_body",
        "_deferred",
        "_encoded_at",
        "_history",
        "_installed",
        "_position",
        "arn",
        "cancelled",
        "created",
        "entered_at",
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
        entered_at: datetime.datetime,
        created: datetime.datetime,
        *,
        started: bool,
    ) -> None:
        self.id: str = identifier
        self.arn: str = str(response.get("Arn", ""))
        self.type: str = str(response.get("Type", ""))
        self.entered_at: datetime.datetime = entered_at
        self.created: datetime.datetime = created
        self.started: bool = started
        self.cancelled: bool = False
        self.polls: int = 0
        self._installed, self._history, self._deferred = installed, history, deferred
        runs = started or history.from_creation
        # None: WAITING for StartJob, before the first stage.
        self._position = Position(0, entered_at) if runs else None
        self._encoded_at = self._position if started else None
        self._body = encode(installed.job, response)

    def position_at(self, at: datetime.datetime, *, polling: bool) -> Position | None:
        """Return the position in the history; None before the start. With ``polling``, as the next ``get_job`` finds it."""
        if self._position is None:
            return None
        return advance(self._history, self._position, at, polling=polling)

    def state_in(self, position: Position | None) -> str:
        """Return the state at a position."""
        return "WAITING" if position is None else self._history.stages[position.stage].state

    def body_in(self, position: Position | None) -> bytes:
        """Return the encoded response at a position."""
        encoded = self._encoded_at
        if position is not None and (encoded is None or position.stage != encoded.stage):
            response = self._in_state(self.state_in(position), position.entered_at, self._history)
            self._body = encode(self._installed.job, response)
            self._encoded_at = position
        return self._body

    def state_at(self, at: datetime.datetime) -> str:
        """Return the state, as StartJob, CancelJob and ListJobs see it."""
        return self.state_in(self.position_at(at, polling=False))

    def state_for_poll(self, at: datetime.datetime) -> str:
        """Return the state that a ``get_job`` at this instant would report."""
        return self.state_in(self.position_at(at, polling=True))

    def body_at(self, at: datetime.datetime) -> bytes:
        """Return the encoded response, as ListJobs sees it."""
        return self.body_in(self.position_at(at, polling=False))

    @property
    def body(self) -> bytes:
        """The encoded response that was sent last, or with which the job entered."""
        return self._body

    def response(self) -> dict[str, Any]:
        """Return the members of ``body``, as JSON has them."""
        members: dict[str, Any] = json.loads(self._body)
        return members

    def count_poll(self, position: Position | None, at: datetime.datetime) -> None:
        """Count a ``get_job`` that returned the job at this position."""
        if position is not None:
            self._position = after_poll(self._history, position, at)
        self.polls += 1

    def start(self, at: datetime.datetime) -> None:
        """Mark the job as started, and begin its history unless it has begun already."""
        self.started = True
        if self._position is None:
            self._position = Position(0, at)

    def cancel(self, at: datetime.datetime) -> None:
        """Move to CANCELLED, as CancelJob does."""
        self._stay(self._in_state("CANCELLED", at, stays("CANCELLED")), "CANCELLED", at)
        self.cancelled = True

    def become(self, state: str, members: Mapping[str, object], *, check: bool) -> None:
        """Move to a state by hand, as ``Job.become`` documents.

        Raises:
            UsageError: There is no such state or member, or the service could not send the response.
        """
        state = one_of("become: state", state, JOB_STATES, self._installed.states)
        members, at = plain_copy(members), now()
        before = self.state_for_poll(at)
        if check and before in TERMINAL_STATES:
            raise UsageError(
                f"become: job {self.id} is {before}, an end state, which the service does not leave as far as is "
                "known. become(..., check=False) moves it all the same."
            )
        for name in members:
            if name in ("Id", "Arn", "State", "Type"):
                why = "is the first argument" if name == "State" else "cannot change"
                raise UsageError(f"become: {name} {why}; leave it out of the members")
        response = self._in_state(state, at, stays(state))
        if check:  # with datetimes, as a client has them
            response = decode(self._installed.job, encode(self._installed.job, response))
        response |= {name: merge(response.get(name), part) for name, part in members.items()}
        response = without_absent(response)
        if check:
            raise_problems(
                "become: the service could not have sent this response (become(..., check=False) accepts it):",
                find_problems(response),
            )
        try:
            self._stay(response, state, at)
        except ValueError as error:
            raise UsageError(f"become: the response cannot be sent: {error}") from None

    def explanation(self, at: datetime.datetime, *, in_virtual_time: bool) -> str:
        """Return why the job is in its state, for a reader who wonders that it does not move."""
        position = self.position_at(at, polling=False)
        if position is None:
            return "The job was created and never started: nothing called start_job for it."
        if not self._history.written:
            return f"The job was put into {self.state_in(position)}, where it stays."
        history = f"The history of the job is {self._history!r}"
        if not isinstance(self._history.stages[position.stage].lasts, datetime.timedelta):
            return f"{history}."
        if position.entered_at > at:
            return (
                f"{history}. It came to {self.state_in(position)} at {format_instant(position.entered_at)}, later than the "
                f"clock shows, {format_instant(at)}: start the clock before you add the job, and do not set it back."
            )
        passed = (at - position.entered_at).total_seconds()
        history = f"{history}, and only {passed:.3f} s of {self.state_in(position)} have passed"
        if in_virtual_time:
            return f"{history}."
        return f"{history}, in real time: add dxjobs_clock to the test's arguments, or count in polls."

    def _stay(self, response: Mapping[str, Any], state: str, at: datetime.datetime) -> None:
        """Stay in a state from now on, with these members."""
        body = encode(self._installed.job, response)
        self._history = History((Stage(state),))  # which no test has written
        self._position = self._encoded_at = Position(0, at)
        self._body = body

    def _in_state(self, state: str, at: datetime.datetime, history: History) -> dict[str, Any]:
        """Return the response in another state, with members as JSON has them."""
        at = max(truncate_to_milliseconds(at), self.created)
        return response_in_state(self._installed, self.response(), state, at, history, self._deferred)


class JobStore:
    """The jobs of one fake, by id and by age. Callers hold the backend's lock."""

    def __init__(self, installed: Model) -> None:
        self._installed = installed
        self.reset()

    def reset(self) -> None:
        """Remove every job."""
        self._by_id: dict[str, StoredJob] = {}
        self._numbers = itertools.count()
        self._by_age: list[tuple[datetime.datetime, int, StoredJob]] = []

    def all(self, at: datetime.datetime) -> list[StoredJob]:
        """Return the jobs that are not expired, in order of entry."""
        return [stored for stored in self._by_id.values() if not _is_expired(stored, at)]

    def has_held(self, job_id: str) -> bool:
        """Return whether a job with this id is there, or was there until it expired."""
        return job_id in self._by_id

    def ordinal_of(self, job_id: str | None) -> int:
        """Return the position of a job in order of entry; -1 for an unknown id."""
        return next((place for place, each in enumerate(self._by_id) if each == job_id), -1)

    def add(
        self,
        identifier: str,
        response: Mapping[str, Any],
        history: History,
        at: datetime.datetime,
        deferred: Mapping[str, Any] | None = None,
        *,
        started: bool,
    ) -> StoredJob:
        """Store a job.

        Raises:
            KeyError: There is a job with this id already.
            ValueError: JSON has no form for something in the response.
        """
        if self.find(identifier, at) is not None:
            raise KeyError(identifier)
        given: Any = response.get("CreatedAt")
        created = given if is_aware(given) else at
        stored = StoredJob(
            self._installed,
            identifier,
            response,
            history,
            deferred or {},
            at,
            created,
            started=started,
        )
        expired = self._by_id.pop(identifier, None)
        if expired is not None:  # a clock that is set back would bring it back
            self._by_age = [each for each in self._by_age if each[2] is not expired]
        bisect.insort(self._by_age, (created, next(self._numbers), stored))
        self._by_id[identifier] = stored
        return stored

    def find(self, job_id: str, at: datetime.datetime) -> StoredJob | None:
        """Return the job with this id; None if there is none, or if it has expired."""
        stored = self._by_id.get(job_id)
        return None if stored is None or _is_expired(stored, at) else stored

    def newest_first(
        self, at: datetime.datetime, after: tuple[datetime.datetime, int] | None
    ) -> Iterator[tuple[tuple[datetime.datetime, int], StoredJob]]:
        """Yield the jobs, newest first, each with the key from which a next page goes on."""
        end = len(self._by_age) if after is None else bisect.bisect_left(self._by_age, after)
        for created, number, stored in reversed(self._by_age[:end]):
            if not _is_expired(stored, at):
                yield (created, number), stored


def _is_expired(stored: StoredJob, at: datetime.datetime) -> bool:
    return at - stored.entered_at >= LIFETIME
