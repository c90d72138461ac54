"""The jobs that are in the fake: looked up, listed from the newest, and gone after 90 days."""

from __future__ import annotations

import bisect
import itertools
import threading
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.arguments import one_of, read, refuse
from pytest_dxjobs._core.constants import JOB_STATES, TERMINAL_STATES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._core.values import cleaned, is_aware
from pytest_dxjobs._jobs.coherence import find_problems
from pytest_dxjobs._jobs.factory import merge
from pytest_dxjobs._model.documented import LIFETIME
from pytest_dxjobs._service.calls import Log
from pytest_dxjobs._service.life import Life
from pytest_dxjobs._wire.http import Response
from pytest_dxjobs._wire.metadata import members_of
from pytest_dxjobs._wire.serialize import encode, parse

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._jobs.history import History
    from pytest_dxjobs._model.service_model import Model


class Jobs:
    """All jobs of one fake, behind its lock."""

    def __init__(self, installed: Model) -> None:
        self.lock: threading.RLock = threading.RLock()
        self.log: Log = Log(installed)
        self._installed = installed
        self.reset()

    def reset(self) -> None:
        """Forget all of them, and all that was asked."""
        self.log.reset()
        self._by_id: dict[str, Life] = {}
        self._numbers = itertools.count()
        self._by_age: list[tuple[datetime.datetime, int, Life]] = []

    def all(self, moment: datetime.datetime) -> list[Life]:
        """Those that are not too old, in the order in which they entered."""
        return [life for life in self._by_id.values() if _is_alive(life, moment)]

    def knows(self, job_id: str) -> bool:
        """Whether such a job is there, or was until it was too old."""
        return job_id in self._by_id

    def place_of(self, job_id: str | None) -> int:
        """The place of a job in the order of entry; -1 for none that is there."""
        return next((place for place, each in enumerate(self._by_id) if each == job_id), -1)

    def enter(
        self,
        identifier: str,
        response: Mapping[str, Any],
        history: History,
        moment: datetime.datetime,
        aside: Mapping[str, Any] | None = None,
        *,
        started: bool,
    ) -> Life:
        """Take a job in.

        Raises:
            KeyError: There is one with this id.
            ValueError: JSON has no form for something in it.
        """
        if self.find(identifier, moment) is not None:
            raise KeyError(identifier)
        given: Any = response.get("CreatedAt")
        created = given if is_aware(given) else moment
        life = Life(
            self._installed,
            identifier,
            response,
            history,
            aside or {},
            moment,
            created,
            started=started,
        )
        gone = self._by_id.pop(identifier, None)
        if gone is not None:  # and after a clock is set back it would be there once more
            self._by_age = [each for each in self._by_age if each[2] is not gone]
        bisect.insort(self._by_age, (created, next(self._numbers), life))
        self._by_id[identifier] = life
        return life

    def find(self, job_id: str, moment: datetime.datetime) -> Life | None:
        """The job with this id, if it is there and not too old."""
        life = self._by_id.get(job_id)
        return life if life is not None and _is_alive(life, moment) else None

    def newest_first(
        self, moment: datetime.datetime, after: tuple[datetime.datetime, int] | None
    ) -> Iterator[tuple[tuple[datetime.datetime, int], Life]]:
        """The jobs by the time of their creation, with the key to go on after each."""
        end = len(self._by_age) if after is None else bisect.bisect_left(self._by_age, after)
        for created, number, life in reversed(self._by_age[:end]):
            if _is_alive(life, moment):
                yield (created, number), life

    def put_into(
        self, life: Life, state: str, members: Mapping[str, object], *, check: bool
    ) -> None:
        """Put a job into a state by hand, as ``Job.become`` says."""
        state = one_of("become: state", state, JOB_STATES, self._installed.states)
        members = read("become", members)
        moment = now()
        before = life.told_at(moment)
        if check and before in TERMINAL_STATES:
            raise UsageError(
                f"become: job {life.id} is {before}, which is an end state, and as far as is known stays so; "
                "become(..., check=False) moves it all the same"
            )
        for name in members:
            if name in ("Id", "Arn", "State", "Type"):
                why = "is the first argument" if name == "State" else "stays as it is"
                raise UsageError(f"become: {name} is not to be given by name: it {why}")
        response = life.moved_by_hand(state, moment)
        if check:  # with datetimes, as a client has them
            response = self._as_parsed(response)
        response |= {name: merge(response.get(name), part) for name, part in members.items()}
        response = cleaned(response)
        if check:
            refuse(
                "become: the service could not have sent this response "
                "(become(..., check=False) takes it as it is):",
                find_problems(response),
            )
        try:
            life.move(response, state, moment)
        except ValueError as error:
            raise UsageError(f"become: the response cannot be sent: {error}") from None

    def _as_parsed(self, response: dict[str, Any]) -> dict[str, Any]:
        sent = Response(200, {}, encode(self._installed.job, response))
        parsed = parse(self._installed, "GetJob", sent)
        return members_of(parsed)


def _is_alive(life: Life, moment: datetime.datetime) -> bool:
    return moment - life.entered < LIFETIME
