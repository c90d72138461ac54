"""Whether an exception names the reason, and no end state that was not reported."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import consumers
import pytest
from scenario_verdicts import report, scenario

import pytest_dxjobs as dx
from pytest_dxjobs import faults


@pytest.mark.parametrize("grouped", [True, False])
def test_reason_may_be_in_a_cause_or_in_a_group(grouped: bool) -> None:
    def wait(job_id: str) -> None:
        try:
            consumers.polls_until_deadline(job_id)
        except Exception as error:
            if grouped:
                several = ValueError("several")
                several.exceptions = (KeyError(), error)  # type: ignore[attr-defined]
                raise ValueError("no good") from several
            raise ValueError("no good") from error

    assert report(wait, scenario("error-malware-detected")) == ""


def test_exception_whose_str_raises_names_no_reason() -> None:
    class Unshowable(Exception):
        def __str__(self) -> str:
            raise TypeError

        __repr__ = __str__

    def wait(job_id: str) -> None:
        try:
            consumers.polls_until_deadline(job_id)
        except consumers.Failed:
            failure = Unshowable(job_id)
        raise failure

    assert "not name the reason ('VALIDATION_EXCEPTION'" in report(wait, scenario("error"))


@pytest.mark.parametrize("name", ["access-denied", "stuck-in-progress", "error"])
def test_name_error_is_a_crash(name: str) -> None:
    def wait(job_id: str) -> None:
        try:
            consumers.polls_until_deadline(job_id)
        except Exception as error:
            raise JobFialed from error  # type: ignore[name-defined] # noqa: F821

    text = report(wait, scenario(name))
    assert "But it crashed in its own error path: NameError: name 'JobFialed' is not defined" in text


def test_failed_connection_is_a_reason() -> None:
    unreachable = dx.Scenario(
        "unreachable",
        "The service refuses every connection.",
        "gives up",
        prepare=lambda fake: fake.inject(faults.connection_refused(), requests=dx.ALWAYS),
    )
    assert report(consumers.polls_until_deadline, unreachable) == ""
    text = report(consumers.returns_error_after_a_failed_call, unreachable)
    assert "But it returned 'ERROR', as if the job had succeeded; if that reports a failure, pass" in text


def times_out_with(message: str) -> Callable[[str], None]:
    def wait(job_id: str) -> None:
        try:
            consumers.gives_up_after_one_failed_call(job_id)
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
def test_timeout_may_name_the_states_it_waited_for(message: str) -> None:
    assert report(times_out_with(message), scenario("stuck-in-progress")) == ""


def test_timeout_may_name_the_state_after_its_own_cancel() -> None:
    def wait(job_id: str) -> None:
        try:
            consumers.gives_up_after_one_failed_call(job_id)
        except TimeoutError:
            consumers.client.cancel_job(JobId=job_id)
            state = consumers.client.get_job(JobId=job_id)["State"]
            raise TimeoutError(f"gave up, and it is {state} now") from None

    assert report(wait, scenario("stuck-in-waiting")) == ""


def test_handled_error_of_another_call_is_not_the_reason() -> None:
    def wait(job_id: str) -> None:
        with pytest.raises(consumers.client.exceptions.ConflictException):
            consumers.client.start_job(JobId=job_id)
        consumers.gives_up_after_one_failed_call(job_id)

    assert report(wait, scenario("error-malware-detected")) == ""


@pytest.mark.parametrize("chained", [True, False])
def test_wrapped_crash_and_suppressed_cause_name_no_reason(chained: bool) -> None:
    def wait(job_id: str) -> None:
        try:
            consumers.crashes_in_its_error_path(job_id)
        except (KeyError, consumers.Failed) as error:
            raise RuntimeError("the export did not work") from error if chained else None

    text = report(wait, scenario("errors-absent"))
    assert "But its exception does not name the reason ('ERROR'): RuntimeError: " in text
    assert ("; a crash led to it: KeyError: 'Errors' (consumers.py:" in text) == chained
    text = report(wait, scenario("error-malware-detected"))
    assert ("does not name the reason" in text) == (not chained)


@pytest.mark.parametrize("exceptions", [None, "row 1", ["row 1"], 7])
def test_exceptions_attribute_may_have_any_type(exceptions: object) -> None:
    def wait(job_id: str) -> None:
        error = RuntimeError("the export did not work")
        error.exceptions = exceptions  # type: ignore[attr-defined]
        with contextlib.suppress(consumers.Failed):
            consumers.polls_until_deadline(job_id)
        raise error

    text = report(wait, scenario("error-malware-detected"))
    assert "But its exception does not name the reason (" in text


@pytest.mark.parametrize("name", ["errors-absent", "errors-empty"])
def test_wrapped_or_collected_crash_names_no_reason(name: str) -> None:
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
            raise RuntimeError(f"job {job_id} is in ERROR without a reason") from error

    for consumer in wrapped, collected:
        text = report(consumer, scenario(name))
        assert "its exception does not name the reason ('ERROR')" in text
    assert report(handled, scenario(name)) == ""


@pytest.mark.parametrize(
    "message",
    [
        "[ERROR] gave up waiting for the job",
        "ERROR: gave up waiting for the job",
        "It has not ended, neither COMPLETED nor ERROR.",
    ],
)
def test_timeout_may_use_the_word_error(message: str) -> None:
    def wait(job_id: str) -> None:
        consumers.client.get_job(JobId=job_id)
        raise TimeoutError(message)

    assert report(wait, scenario("stuck-in-progress")) == ""


def test_timeout_may_name_cancelled_only_for_the_job_it_cancelled() -> None:
    def wait(job_id: str) -> None:
        consumers.client.get_job(JobId=job_id)
        consumers.client.cancel_job(JobId=job_id)
        raise TimeoutError("The job took too long and is CANCELLED now.")

    assert report(wait, scenario("stuck-in-waiting")) == ""
    text = report(lambda _: wait(consumers.create()), scenario("stuck-in-progress"))
    assert "it named CANCELLED, which no response reported" in text
