"""Whether what code raises tells why the job has not ended well, and nothing that nobody has told it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import consumers
import pytest
from scenario_verdicts import report, scenario

import pytest_dxjobs as dx
from pytest_dxjobs import faults


@pytest.mark.parametrize("hide", [True, False])
def test_the_causes_of_what_was_raised_count_also_those_of_a_group(hide: bool) -> None:
    def wait(job_id: str) -> None:
        try:
            consumers.by_the_clock(job_id)
        except Exception as error:
            if hide:
                several = ValueError("several")
                several.exceptions = (KeyError(), error)  # type: ignore[attr-defined]
                raise ValueError("no good") from several
            raise ValueError("no good") from error

    assert report(wait, scenario("error-malware-detected")) == ""


def test_an_exception_that_cannot_be_shown_does_not_tell_why() -> None:
    class Unshowable(Exception):
        def __str__(self) -> str:
            raise TypeError

        __repr__ = __str__

    def wait(job_id: str) -> None:
        try:
            consumers.by_the_clock(job_id)
        except consumers.Failed:
            hidden = Unshowable(job_id)
        raise hidden

    assert "with none of 'VALIDATION_EXCEPTION'" in report(wait, scenario("error"))


@pytest.mark.parametrize("name", ["access-denied", "stuck-in-progress", "error"])
def test_a_name_that_does_not_exist_is_a_crash(name: str) -> None:
    def wait(job_id: str) -> None:
        try:
            consumers.by_the_clock(job_id)
        except Exception as error:
            raise JobFialed from error  # type: ignore[name-defined] # noqa: F821

    told = report(wait, scenario(name))
    assert (
        "But it crashed in its own error path: NameError: name 'JobFialed' is not defined" in told
    )


def test_a_connection_that_fails_is_a_reason_too() -> None:
    gone = dx.Scenario(
        "gone",
        "Nobody is there.",
        "gives up",
        prepare=lambda fake: fake.inject(faults.connection_refused(), requests=dx.ALWAYS),
    )
    assert report(consumers.by_the_clock, gone) == ""
    told = report(consumers.takes_a_fault_for_a_state, gone)
    assert "But it returned 'ERROR', as if all were well; failed= is for code that" in told


def ended_by(message: str) -> Callable[[str], None]:
    def wait(job_id: str) -> None:
        try:
            consumers.gives_up_at_one_failed_call(job_id)
        except TimeoutError:
            raise TimeoutError(message) from None

    return wait


@pytest.mark.parametrize(
    "message",
    [
        "did not reach COMPLETED within 600 s",
        "ERROR: gave up after 600 s",
        "none of COMPLETED, ERROR, CANCELLED, TIMED_OUT after 600 s",
    ],
)
def test_who_gives_up_may_say_what_he_has_waited_for(message: str) -> None:
    assert report(ended_by(message), scenario("stuck-in-progress")) == ""


def test_who_gives_up_may_cancel_the_job_and_say_so() -> None:
    def wait(job_id: str) -> None:
        try:
            consumers.gives_up_at_one_failed_call(job_id)
        except TimeoutError:
            consumers.client.cancel_job(JobId=job_id)
            state = consumers.client.get_job(JobId=job_id)["State"]
            raise TimeoutError(f"gave up, and it is {state} now") from None

    assert report(wait, scenario("stuck-in-waiting")) == ""


def test_a_refusal_that_the_code_has_handled_is_no_reason() -> None:
    def wait(job_id: str) -> None:
        with pytest.raises(consumers.client.exceptions.ConflictException):
            consumers.client.start_job(JobId=job_id)
        consumers.gives_up_at_one_failed_call(job_id)

    assert report(wait, scenario("error-malware-detected")) == ""


@pytest.mark.parametrize("cause", [True, False])
def test_a_crash_that_is_wrapped_and_a_hidden_cause_do_not_tell_why(cause: bool) -> None:
    def wait(job_id: str) -> None:
        try:
            consumers.crashes_in_its_error_path(job_id)
        except (KeyError, consumers.Failed) as error:
            raise RuntimeError("the export did not work") from error if cause else None

    told = report(wait, scenario("errors-absent"))
    assert "But what it raised does not tell why, with none of 'ERROR': RuntimeError: " in told
    assert ("; behind it is a crash: KeyError: 'Errors' (consumers.py:" in told) == cause
    told = report(wait, scenario("error-malware-detected"))
    assert ("does not tell why" in told) == (not cause)


@pytest.mark.parametrize("exceptions", [None, "row 1", ["row 1"], 7])
def test_an_error_may_have_any_exceptions(exceptions: object) -> None:
    def wait(job_id: str) -> None:
        error = RuntimeError("the export did not work")
        error.exceptions = exceptions  # type: ignore[attr-defined]
        with contextlib.suppress(consumers.Failed):
            consumers.by_the_clock(job_id)
        raise error

    told = report(wait, scenario("error-malware-detected"))
    assert "But what it raised does not tell why, " in told


@pytest.mark.parametrize("name", ["errors-absent", "errors-empty"])
def test_a_crash_is_none_the_better_for_being_wrapped_or_collected(name: str) -> None:
    def wrapped(job_id: str) -> None:
        try:
            consumers.crashes_in_its_error_path(job_id)
        except (KeyError, IndexError) as error:
            raise RuntimeError("The export has failed.") from error

    def collected(job_id: str) -> None:
        try:
            consumers.crashes_in_its_error_path(job_id)
        except (KeyError, IndexError) as error:
            failures = [error]
        raise RuntimeError(f"1 job has failed: {failures!r}")

    def handled(job_id: str) -> None:
        try:
            consumers.crashes_in_its_error_path(job_id)
        except (KeyError, IndexError) as error:
            raise RuntimeError(f"job {job_id} is in ERROR and tells no reason") from error

    assert "what it raised does not tell why, with none of 'ERROR'" in report(
        wrapped, scenario(name)
    )
    assert "what it raised does not tell why, with none of 'ERROR'" in report(
        collected, scenario(name)
    )
    assert report(handled, scenario(name)) == ""


@pytest.mark.parametrize(
    "message",
    [
        "[ERROR] gave up waiting for the job",
        "ERROR: gave up waiting for the job",
        "It has not ended, neither COMPLETED nor ERROR.",
    ],
)
def test_who_gives_up_may_speak_of_states(message: str) -> None:
    def wait(job_id: str) -> None:
        consumers.client.get_job(JobId=job_id)
        raise TimeoutError(message)

    assert report(wait, scenario("stuck-in-progress")) == ""


def test_the_state_of_a_job_that_the_code_has_cancelled_is_no_wrong_cause() -> None:
    def wait(job_id: str) -> None:
        consumers.client.get_job(JobId=job_id)
        consumers.client.cancel_job(JobId=job_id)
        raise TimeoutError("The job took too long and is CANCELLED now.")

    assert report(wait, scenario("stuck-in-waiting")) == ""
    told = report(lambda _: wait(consumers.create()), scenario("stuck-in-progress"))
    assert "it names CANCELLED, which nobody has told it" in told
