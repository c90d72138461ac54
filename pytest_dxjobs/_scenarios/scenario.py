"""Scenarios: what happens to a job, what the code should do, and the check that it does.

A ``Scenario`` of the catalogue or of a project is a plain value. The fixture ``dxjobs_scenario`` provides a
running one, with a fake, a clock and the job that the code waits for.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_dxjobs._core.arguments import count_or_none, flag, is_function, one_of, text
from pytest_dxjobs._core.constants import JOB_TYPES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import describe_error, show
from pytest_dxjobs._jobs.histories import COMPLETES_AT_ONCE, check_history, completes
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
    """The fake, the clock and the job of a running scenario."""

    __slots__ = ("_job", "checked", "clock", "fake", "reported")

    def __init__(self, fake: FakeDataExchange, clock: VirtualClock) -> None:
        self.fake, self.clock = fake, clock
        self._job: Job | None = None
        self.checked = False  # whether a check has run code
        self.reported = False  # whether that check has failed with a report

    def job(self, scenario: Scenario, type_: str | None = None) -> Job:
        """Return the job that the code waits for, added to the fake by the first call.

        Raises:
            UsageError: The job exists already and is of another type.
        """
        if self._job is not None and type_ not in (None, self._job.type):
            raise UsageError(
                f"check: type: the job exists already, of type {self._job.type}; leave type out, "
                "or read .job only after check"
            )
        if self._job is None:
            add = self.fake.add_job if scenario.started else self.fake._add_unstarted  # noqa: SLF001
            self._job = add(type_ or scenario.type, scenario.history)
        return self._job


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that can happen to a job, and what code should do about it.

    The fixture ``dxjobs_scenario`` is a running scenario. The hook ``pytest_dxjobs_scenarios`` returns those that
    a project adds: ``dx.Scenario("lost", "The service has lost the job.", "gives up", dx.stays("WAITING"))``.

    Attributes:
        name: The name in the test's id, in a marker and in the report.
        about: What happens, in a sentence.
        expected: What correct code does. ``"returns"``: the job succeeds. ``"raises"``: it does not, and the exception
            names the reason. ``"gives up"``: the job never ends, or the service does not respond, and the code raises
            without naming an end state; if the code creates many jobs, the first three are such jobs and the others
            complete. ``"returns or raises"``: both are correct.
        history: How the job moves, or each job that the code creates.
        usually: The usual cause of a failure, in a sentence.
        prepare: Called with the fake before the code runs, to inject faults or queue responses.
        answer: Called with each ``get_job`` response as a JSON object. Returns the response to send instead.
        unless: Called with the fake after the code has run. Returns a reason to skip the scenario, or ``""``.
        type: The type of the job that ``check`` adds, one of ``dx.JOB_TYPES``.
        started: Whether that job has been started.
        only: The one check that it applies to, ``"check"`` or ``"check_creating"``; None for both.
        max_polls: The limit for polls of one job with the same response, unless marker or ini set one. The default
            allows one poll a second for an hour.
        group: The group by which a marker selects it; ``"own"`` by default.

    Raises:
        UsageError: An argument has the wrong type or a value that is not permitted.

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
    max_polls: int = 3750
    group: str = "own"
    _run: ScenarioRun | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name, value in self._validated().items():
            object.__setattr__(self, name, value)

    def _validated(self) -> dict[str, object]:
        """Return the fields to store, or raise ``UsageError``."""
        name = text("Scenario: name", self.name, _name_problem)
        place = f"Scenario {name!r}"
        group = text(f"{place}: group", self.group, _name_problem)
        fields: dict[str, object] = {"name": name, "group": group}
        for each in ("about", "usually"):
            fields[each] = text(f"{place}: {each}", getattr(self, each))
        fields["type"] = one_of(f"{place}: type", self.type, JOB_TYPES, model().types)
        fields["expected"] = one_of(f"{place}: expected", self.expected, ENDINGS)
        fields["max_polls"] = count_or_none(f"{place}: max_polls", self.max_polls)
        check_history(place, self.history)
        flag(f"{place}: started", self.started)
        if self.only is not None:
            fields["only"] = one_of(f"{place}: only", self.only, tuple(_CHECKS))
        for each in ("prepare", "answer", "unless"):
            function = getattr(self, each)
            if function is not None:
                if not is_function(function):
                    raise UsageError(f"{place}: {each}: a function is needed, not {show(function)}")
                argument = "a job" if each == "answer" else "the fake"
                _check_signature(f"{place}: {each}", function, argument)
        return fields

    def __repr__(self) -> str:
        return f"<Scenario {self.name}: {self.about}>"

    @property
    def fake(self) -> FakeDataExchange:
        """The fake in which the scenario runs.

        Raises:
            UsageError: The scenario is not from the fixture.
        """
        return self._require_run("fake").fake

    @property
    def clock(self) -> VirtualClock:
        """The virtual clock of the scenario.

        Raises:
            UsageError: The scenario is not from the fixture.
        """
        return self._require_run("clock").clock

    @property
    def job(self) -> Job:
        """The job that ``check`` passes to the code. ``fake.jobs`` has the jobs that code creates.

        Raises:
            UsageError: The scenario is not from the fixture.
        """
        return self._require_run("job").job(self)

    def check(
        self,
        consume: Callable[[str], Any],
        *,
        failed: Failed | None = None,
        type: str | None = None,
    ) -> None:
        """Check code that waits for an existing job.

        Args:
            consume: The code: a function or coroutine function of the job's id.
            failed: For code that does not raise: whether its result, the argument, reports a failure.
            type: The type of the job, one of ``dx.JOB_TYPES``; None for that of the scenario.

        Raises:
            AssertionError: The code does not do what is expected. The message is a report of a few lines.
            UsageError: An argument is invalid, or this scenario is not from the fixture.
        """
        __tracebackhide__ = True
        run = self._start("check")
        if type is not None:
            type = one_of("check: type", type, run.fake._backend.installed.types, JOB_TYPES)  # noqa: SLF001
        job = run.job(self, type)
        self._run_and_check("check", lambda: consume(job.id), consume, failed)

    def check_creating(self, run: Callable[[], Any], *, failed: Failed | None = None) -> None:
        """Check code that creates, starts and waits for its own jobs.

        Other operations that it calls get responses generated from the service model, unless the test has
        queued some.

        Args:
            run: The code: a function or coroutine function without arguments.
            failed: For code that does not raise: whether its result, the argument, reports a failure.

        Raises:
            AssertionError: The code does not do what is expected. The message is a report of a few lines.
            UsageError: An argument is invalid, or this scenario is not from the fixture.
        """
        __tracebackhide__ = True
        fake = self._start("check_creating").fake
        if fake.default_history is not COMPLETES_AT_ONCE or fake._backend.pending_histories():  # noqa: SLF001
            raise UsageError(
                "check_creating: the scenario sets the histories of the jobs; remove default_history and next_job"
            )
        if self.expected == "gives up":
            fake._backend.limit_to_first_jobs(self.history, _HANGING_JOBS)  # noqa: SLF001
        else:
            fake.default_history = self.history
        self._run_and_check("check_creating", run, run, failed)

    def _run_and_check(self, check: str, call_code: Callable[[], Any], code: object, failed: Failed | None) -> None:
        __tracebackhide__ = True
        if not callable(code):
            raise UsageError(f"{check}: the code must be a function, not {show(code)}; pass it without calling it")
        if failed is not None and not is_function(failed):
            raise UsageError(f"{check}: failed: a function is needed, not {show(failed)}")
        _check_signature(f"{check}: the code", code, *_CHECKS[check])
        run = self._require_run(check)
        run.checked, fake = True, run.fake
        if self.answer is not None:
            fake._backend.adapt(functools.partial(_response_body, self.name, self.answer))  # noqa: SLF001
        if self.prepare is not None:
            self._call_own("prepare", self.prepare, fake)
        if check == "check_creating":  # after prepare, whose responses come first
            fake._generate_other_responses()  # noqa: SLF001
        earlier = {job.id for job in fake.jobs}
        result = run_code(check, call_code, failed, fake)
        if self.unless is not None and (reason := self._call_own("unless", self.unless, fake)):
            _skip(text(f"Scenario {self.name!r}: the result of unless", reason))
        created = [job for job in fake.jobs if job.id not in earlier]
        jobs = [run.job(self)] if check == "check" else created
        title = f"Scenario {self.name}: {self.about}"
        sleeps = run.clock.sleeps
        if report := check_run(self.expected, self.usually, title, result, fake, jobs, sleeps):
            run.reported = True
            raise AssertionError(report)

    def _call_own(self, name: str, function: Callable[[FakeDataExchange], Any], fake: Any) -> Any:
        """Call a function of the scenario; its exceptions become ``UsageError``."""
        try:
            return function(fake)
        except Exception as error:
            raise UsageError(f"Scenario {self.name!r}: {name} raised {describe_error(error)}") from error

    def _start(self, check: str) -> ScenarioRun:
        run = self._require_run(check)
        if run.checked:
            raise UsageError(
                f"{check}: this scenario has checked code already; check each piece of code in a test of its own"
            )
        if self.only not in (None, check):
            _skip(f"the scenario {self.name} applies only to {self.only}")
        return run

    def _require_run(self, what: str) -> ScenarioRun:
        if self._run is None:
            raise UsageError(f"Scenario {self.name!r}: {what} is available only from the fixture dxjobs_scenario")
        return self._run

    @property
    def _checked(self) -> bool:
        """Whether code has been checked."""
        return self._require_run("check").checked

    @property
    def _reported(self) -> bool:
        """Whether the check has failed with a report."""
        return self._require_run("check").reported

    def _bind(self, fake: FakeDataExchange, clock: VirtualClock) -> Scenario:
        """Return the same scenario, running in this fake."""
        return dataclasses.replace(self, _run=ScenarioRun(fake, clock))


def _name_problem(name: str) -> str:
    return "" if name else "is empty"


def _check_signature(place: str, function: Any, *arguments: str) -> None:
    """Raise ``UsageError`` if the function does not take these arguments."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        how = f"with one argument, {''.join(arguments)}" if arguments else "without arguments"
        raise UsageError(f"{place} must be callable {how}: {error}") from None
    except Exception:  # C functions and some objects have no readable signature
        return


def _response_body(name: str, answer: Callable[[dict[str, Any]], Mapping[str, Any]], job: dict[str, Any]) -> bytes:
    """Encode what ``answer`` returns for a job."""
    try:
        return json.dumps({**answer(job)}).encode()
    except Exception as error:
        raise UsageError(
            f"Scenario {name!r}: answer made no valid response for {show(job)}: {describe_error(error)}"
        ) from error


def _skip(reason: str) -> None:
    import pytest

    pytest.skip(reason)


# The checks, with the arguments that each passes to the code.
_CHECKS: Final = {"check": ("the job id",), "check_creating": ()}
# How many created jobs never end: few enough to reach the polling limit soon.
_HANGING_JOBS: Final = 3
