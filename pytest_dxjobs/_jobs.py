"""The jobs that are in the fake: looked up, listed from the newest, and gone after 90 days."""

from __future__ import annotations

import bisect
import itertools
import threading
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._arguments import flag, one_of, read, refuse, text
from pytest_dxjobs._calls import Call, Log
from pytest_dxjobs._coherence import find_problems
from pytest_dxjobs._constants import JOB_STATES, TERMINAL_STATES, JobState
from pytest_dxjobs._errors import UsageError
from pytest_dxjobs._factory import merge
from pytest_dxjobs._http import Response
from pytest_dxjobs._instants import now
from pytest_dxjobs._life import Life
from pytest_dxjobs._messages import show
from pytest_dxjobs._metadata import members_of
from pytest_dxjobs._service import LIFETIME
from pytest_dxjobs._values import cleaned, is_aware
from pytest_dxjobs._wire import encode, parse

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._history import History
    from pytest_dxjobs._model import Model


class Job:
    """A job in the fake, as ``add_job`` returns it; two of the same job are equal.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """

    __slots__ = ("_home", "_life")

    def __init__(self, life: Life, home: Jobs) -> None:
        self._life, self._home = life, home

    @property
    def id(self) -> str:
        """The id to poll for."""
        return self._life.id

    @property
    def arn(self) -> str:
        """The ARN, with the region of the client that created the job, or of the fake."""
        return self._life.arn

    @property
    def type(self) -> str:
        """The type, one of ``dx.JOB_TYPES`` for any that the service documents."""
        return self._life.type

    @property
    def state(self) -> str:
        """The state that the next ``get_job`` would tell, one of ``dx.JOB_STATES`` for any that the service documents.

        Looking at it counts as no poll.
        """
        with self._home.lock:
            return self._life.told_at(now())

    @property
    def polls(self) -> int:
        """How many ``get_job`` calls were answered with this job."""
        return self._life.polls

    @property
    def started(self) -> bool:
        """Whether it was started: by StartJob, or, from ``add_job``, when it entered the fake."""
        return self._life.started

    @property
    def cancelled(self) -> bool:
        """Whether the code under test has cancelled it, by CancelJob."""
        return self._life.cancelled

    @property
    def calls(self) -> list[Call]:
        """The calls that were about this job, the one that created it among them."""
        with self._home.lock:
            return [Call(record) for record in self._home.log.about(self.id)]

    def become(self, state: JobState | str, /, *, check: bool = True, **members: object) -> None:
        """Put the job into a state by hand; from now on it stays there.

        Args:
            state: One of ``dx.JOB_STATES``, or a state that the installed botocore knows.
            check: Whether the job must not have ended yet, and the response must be one that the service
                could have sent.
            **members: Members of the response, by name, such as ``Errors=[...]`` or ``UpdatedAt``;
                ``dx.ABSENT`` leaves one out.

        Raises:
            UsageError: There is no such state or member, the job has ended, or the response is not coherent.

        See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
        """
        check = flag("become: check", check)
        with self._home.lock:
            self._home.put_into(self._life, state, members, check=check)

    def __eq__(self, other: object) -> bool:
        return self._life is other._life if isinstance(other, Job) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._life)

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.type} {self.state}>"


def id_of(place: str, job: object) -> str:
    """The id of a job that is given itself, or by its id.

    Raises:
        UsageError: It is neither.
    """
    if not isinstance(job, (Job, str)):
        raise UsageError(f"{place}: a job or its id is needed, not {show(job)}")
    return job.id if isinstance(job, Job) else text(place, job)


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
                raise UsageError(f"become: {name} is not to be given by name: it stays as it is")
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
