"""``Scenario``: something that may happen to a job, what code should make of it, and the check that it does.

The catalogue and a project's own are values. The fixture ``dxjobs_scenario`` hands out one that takes place:
with a fake, a clock, and the job that the code is to wait for.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_dxjobs._core.arguments import bound, flag, is_function, one_of, text
from pytest_dxjobs._core.constants import JOB_TYPES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import describe_error, show
from pytest_dxjobs._jobs.histories import AT_ONCE, check_history, completes
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._scenarios.run import run_code
from pytest_dxjobs._scenarios.verdict import ENDINGS, check_run

if TYPE_CHECKING:
    from pytest_dxjobs._clock.virtual_clock import VirtualClock
    from pytest_dxjobs._fake.fake import FakeDataExchange
    from pytest_dxjobs._fake.job import Job
    from pytest_dxjobs._jobs.histories import History

Failed = Callable[[Any], object]


class ScenarioRun:
    """Where a scenario takes place."""

    __slots__ = ("_job", "clock", "fake", "reported", "taken")

    def __init__(self, fake: FakeDataExchange, clock: VirtualClock) -> None:
        self.fake, self.clock = fake, clock
        self._job: Job | None = None
        self.taken = False  # by the code that is checked
        self.reported = False  # what is wrong with it

    def job(self, scenario: Scenario, type_: str | None = None) -> Job:
        """The job that the code waits for, put into the fake when it is first asked for.

        Raises:
            UsageError: It is there already, and of another type.
        """
        if self._job is not None and type_ not in (None, self._job.type):
            raise UsageError(
                f"check: type: the job is there already, since somebody has asked for it, and its type is "
                f"{self._job.type}"
            )
        if self._job is None:
            add = self.fake.add_job if scenario.started else self.fake._add_unstarted  # noqa: SLF001
            self._job = add(type_ or scenario.type, scenario.history)
        return self._job


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that may happen to a job, and what code should make of it.

    The fixture ``dxjobs_scenario`` is one that takes place; the hook ``pytest_dxjobs_scenarios`` returns those
    that a project adds: ``dx.Scenario("lost", "The service has lost the job.", "gives up", dx.stays("WAITING"))``.

    Attributes:
        name: Its name in the test's id, in a marker and in the report.
        about: What it stands for, in a sentence.
        expected: What sound code does: ``"returns"`` where the job ends well; ``"raises"``, and tells why, where it
            does not; ``"gives up"`` by raising what names no end state, where the job never ends or the service
            does not answer; ``"returns or raises"`` where both are sound. Of many jobs that the code creates the
            first three make it give up, and the others complete.
        history: How the job moves, or each of those that the code creates.
        usually: What usually causes a failure, in a sentence.
        prepare: Called with the fake before the code runs, to inject faults or lay down answers.
        answer: Makes of a job, as JSON would read it, what ``get_job`` answers instead.
        unless: Called with the fake when the code has run; says why the scenario tells nothing of it, if it does.
        type: The type of the job that ``check`` puts in, one of ``dx.JOB_TYPES``.
        started: Whether that job has been started.
        only: ``"check"`` or ``"check_creating"`` where it has no meaning for the other; None where it has.
        max_polls: The bound for polls with the same answer where marker and ini set none. Jobs that are waited for
            at the same time share it, down to 400 each; before the code has waited for an hour it is 2.5 times that.
        group: By which a marker chooses it; that of a project's own is ``"own"``.

    Raises:
        UsageError: An argument is ill-typed, or is none of what is permitted.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """

    name: str
    about: str
    expected: Literal["returns", "raises", "gives up", "returns or raises"] = "returns"
    history: History = field(default_factory=lambda: completes(polls=3))
    usually: str = ""
    prepare: Callable[[FakeDataExchange], object] | None = None
    answer: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None
    unless: Callable[[FakeDataExchange], str] | None = None
    type: str = "EXPORT_ASSETS_TO_S3"
    started: bool = True
    only: Literal["check", "check_creating"] | None = None
    max_polls: int = 1500
    group: str = "own"
    _running: ScenarioRun | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name, value in self._checked().items():
            object.__setattr__(self, name, value)

    def _checked(self) -> dict[str, object]:
        """What was given, as it is kept."""
        name = text("Scenario: name", self.name, _wrong_name)
        place = f"Scenario {name!r}"
        group = text(f"{place}: group", self.group, _wrong_name)
        kept: dict[str, object] = {"name": name, "group": group}
        for each in ("about", "usually"):
            kept[each] = text(f"{place}: {each}", getattr(self, each))
        kept["type"] = one_of(f"{place}: type", self.type, JOB_TYPES, model().types)
        kept["expected"] = one_of(f"{place}: expected", self.expected, ENDINGS)
        kept["max_polls"] = bound(f"{place}: max_polls", self.max_polls)
        check_history(place, self.history)
        flag(f"{place}: started", self.started)
        if self.only is not None:
            kept["only"] = one_of(f"{place}: only", self.only, _CHECKS)
        for each in ("prepare", "answer", "unless"):
            given = getattr(self, each)
            if given is not None:
                if not is_function(given):
                    raise UsageError(f"{place}: {each}: a function is needed, not {show(given)}")
                what = "a job" if each == "answer" else "the fake"
                _check_that_it_takes(f"{place}: {each}", given, what)
        return kept

    def __repr__(self) -> str:
        return f"<Scenario {self.name}: {self.about}>"

    @property
    def fake(self) -> FakeDataExchange:
        """The fake in which it takes place.

        Raises:
            UsageError: It does not take place: it is not the fixture's.
        """
        return self._running_for("fake").fake

    @property
    def clock(self) -> VirtualClock:
        """The clock by which it takes place.

        Raises:
            UsageError: It does not take place: it is not the fixture's.
        """
        return self._running_for("clock").clock

    @property
    def job(self) -> Job:
        """The job that the code is to wait for. One that the code creates is among ``fake.jobs``.

        Raises:
            UsageError: It does not take place: it is not the fixture's.
        """
        return self._running_for("job").job(self)

    def check(
        self,
        consume: Callable[[str], Any],
        *,
        failed: Failed | None = None,
        type: str | None = None,
    ) -> None:
        """Check what code makes of a job that it waits for.

        Args:
            consume: The code, given the job's id: a function, or a coroutine function.
            failed: Says of what the code returned whether it reports a failure, for code that does not raise.
            type: The type of the job, one of ``dx.JOB_TYPES``; None is that of the scenario.

        Raises:
            AssertionError: It is not what sound code does: a report of a few lines.
            UsageError: An argument is none, or this scenario is not the fixture's.
        """
        __tracebackhide__ = True
        running = self._begin("check")
        if type is not None:
            type = one_of("check: type", type, running.fake._backend.installed.types, JOB_TYPES)  # noqa: SLF001
        job = running.job(self, type)
        self._check("check", lambda: consume(job.id), consume, failed)

    def check_creating(self, run: Callable[[], Any], *, failed: Failed | None = None) -> None:
        """Check what code makes of a job, or of several, that it creates, starts and waits for.

        Other operations that it calls are answered from the service model, unless the test has laid down
        other answers.

        Args:
            run: The code: a function, or a coroutine function.
            failed: Says of what the code returned whether it reports a failure, for code that does not raise.

        Raises:
            AssertionError: It is not what sound code does: a report of a few lines.
            UsageError: An argument is none, or this scenario is not the fixture's.
        """
        __tracebackhide__ = True
        fake = self._begin("check_creating").fake
        if fake.default_history is not AT_ONCE or fake._backend.pending_histories():  # noqa: SLF001
            raise UsageError(
                "check_creating: the scenario says what becomes of the jobs; leave default_history and next_job out"
            )
        if self.expected == "gives up":
            fake._backend.let_hang(self.history, _THAT_HANG)  # noqa: SLF001
        else:
            fake.default_history = self.history
        self._check("check_creating", run, run, failed)

    def _check(
        self, call: str, run: Callable[[], Any], given: object, failed: Failed | None
    ) -> None:
        __tracebackhide__ = True
        if not callable(given):
            raise UsageError(f"{call}: the code is a function, not {show(given)}")
        if failed is not None and not is_function(failed):
            raise UsageError(f"{call}: failed is a function, not {show(failed)}")
        _check_that_it_takes(f"{call}: the code", given, *_GIVEN[call])
        running = self._running_for(call)
        running.taken, fake = True, running.fake
        if self.answer is not None:
            fake._backend.adapt(functools.partial(_body, self.name, self.answer))  # noqa: SLF001
        if self.prepare is not None:
            self._called("prepare", self.prepare, fake)
        if call == "check_creating":  # behind what was laid down
            fake._generate_other_responses()  # noqa: SLF001
        fake._backend.share_polls(self.max_polls)  # noqa: SLF001
        before = {job.id for job in fake.jobs}
        done = run_code(call, run, failed, fake)
        if self.unless is not None and (reason := self._called("unless", self.unless, fake)):
            _skip(text(f"Scenario {self.name!r}: what unless returned", reason))
        created = [job for job in fake.jobs if job.id not in before]
        jobs = [running.job(self)] if call == "check" else created
        title = f"Scenario {self.name}: {self.about}"
        sleeps = running.clock.sleeps
        if report := check_run(self.expected, self.usually, title, done, fake, jobs, sleeps):
            running.reported = True
            raise AssertionError(report)

    def _called(self, name: str, function: Callable[[FakeDataExchange], Any], fake: Any) -> Any:
        try:
            return function(fake)
        except Exception as error:
            raise UsageError(
                f"Scenario {self.name!r}: {name} raised {describe_error(error)}"
            ) from error

    def _begin(self, call: str) -> ScenarioRun:
        running = self._running_for(call)
        if running.taken:
            raise UsageError(
                f"{call}: a scenario is for one piece of code; give each a test of its own"
            )
        if self.only not in (None, call):
            _skip(f"the scenario {self.name} is for {self.only}")
        return running

    def _running_for(self, what: str) -> ScenarioRun:
        if self._running is None:
            raise UsageError(
                f"Scenario: {what}: {self.name} does not take place; the fixture dxjobs_scenario is one that does"
            )
        return self._running

    @property
    def _taken(self) -> bool:
        """Whether code has been checked."""
        return self._running_for("check").taken

    @property
    def _reported(self) -> bool:
        """Whether it has told what is wrong with the code."""
        return self._running_for("check").reported

    def _bind(self, fake: FakeDataExchange, clock: VirtualClock) -> Scenario:
        """The same, taking place."""
        return dataclasses.replace(self, _running=ScenarioRun(fake, clock))


def _wrong_name(given: str) -> str:
    return "" if given else "is empty"


def _check_that_it_takes(place: str, function: Any, *arguments: str) -> None:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        what = f"one argument, {''.join(arguments)}" if arguments else "no argument"
        raise UsageError(f"{place} is called with {what}: {error}") from None
    except Exception:  # nothing is known of C functions, nor of what does not tell it
        return


def _body(
    name: str, answer: Callable[[dict[str, Any]], Mapping[str, Any]], job: dict[str, Any]
) -> bytes:
    try:
        return json.dumps({**answer(job)}).encode()
    except Exception as error:
        raise UsageError(
            f"Scenario {name!r}: answer has made no answer of {show(job)}: {describe_error(error)}"
        ) from error


def _skip(reason: str) -> None:
    import pytest

    pytest.skip(reason)


# The checks, with what the code is called with.
_GIVEN: Final = {"check": ("the id of the job",), "check_creating": ()}
_CHECKS: Final = tuple(_GIVEN)
# Jobs of those that the code creates: as many as are ended soon, however many there are.
_THAT_HANG: Final = 3
