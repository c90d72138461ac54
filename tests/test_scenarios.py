"""The table of consumers and scenarios: each defect is found, by the scenarios that bring it out and no other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import consumers
import pytest

import pytest_dxjobs as dx
from pytest_dxjobs import faults
from pytest_dxjobs._catalogue import GROUPS, catalogue

ENDS = "error timed-out cancelled cancelled-while-waiting"
STUCK = "stuck-in-waiting stuck-in-progress never-started"
CODES = (
    "error-access-denied error-internal-server error-malware-detected error-resource-not-found "
    "error-service-quota-exceeded error-validation error-malware-scan-encrypted-file "
    "code-and-message-only several-errors limit-exceeded"
)
BARE = "errors-absent errors-empty"
REFUSED = "not-found access-denied invalid-request throttled-for-ever internal-error"
GOES_WELL = "completes-at-once completes-later throttled-briefly burst-of-500s connection-reset"
ONE_CALL = "one-call-fails"
ANSWERED = (
    f"{GOES_WELL} {ENDS} {CODES} {BARE} {ONE_CALL} unknown-state unknown-error-code unknown-members"
)

TABLE = {
    "by_the_clock": "",
    "with_backoff": "",
    "in_a_pool": "",
    "sound_from_the_start": "",
    "looks_at_the_result": "",
    "by_return_value": "",
    "awaiting": ONE_CALL,
    "gives_up_at_one_failed_call": ONE_CALL,
    "loops_on_timed_out": f"timed-out {STUCK} {ONE_CALL}",
    "loops_on_cancelled_too": f"timed-out cancelled cancelled-while-waiting {STUCK} {ONE_CALL}",
    "has_no_deadline": f"{STUCK} {ONE_CALL} unknown-state",
    "names_the_wrong_cause": f"timed-out cancelled cancelled-while-waiting {ONE_CALL}",
    "takes_an_end_state_for_granted": f"{STUCK} {ONE_CALL}",
    "crashes_in_its_error_path": f"timed-out cancelled cancelled-while-waiting {BARE} {ONE_CALL}",
    "throws_the_error_away": f"error {CODES} {ONE_CALL} unknown-error-code",
    "leaves_a_failure_as_success": f"{ENDS} {STUCK} {CODES} {BARE} {ONE_CALL} unknown-error-code",
    "exits_with_success": f"{ENDS} {STUCK} {CODES} {BARE} {REFUSED} unknown-error-code",
    "knows_states_that_do_not_exist": f"{ENDS} {CODES} {BARE} {ONE_CALL} unknown-error-code",
    "takes_a_fault_for_a_state": f"{REFUSED} {ONE_CALL}",
    "goes_on_for_ever_at_faults": "not-found access-denied invalid-request",
    "takes_job_errors_for_exceptions": f"{ENDS} {CODES} {BARE} {ONE_CALL} unknown-error-code",
    "treats_datetimes_as_strings": (
        f"{GOES_WELL} {ONE_CALL} unknown-state unknown-members unknown-type"
    ),
    "does_not_sleep": f"completes-later {ONE_CALL}",
    "expects_an_envelope": f"{ANSWERED} {STUCK} unknown-type",
    "never_starts_its_job": (
        f"{ANSWERED} {REFUSED} stuck-in-waiting stuck-in-progress limit-on-start"
    ),
    "polls_the_wrong_id": f"{ANSWERED} two-jobs",
    "builds_a_request_that_is_refused": (
        f"{ANSWERED} {REFUSED} stuck-in-waiting stuck-in-progress limit-on-start"
    ),
    "takes_the_result_for_granted": "signed-url-missing signed-url-expired",
}


def report(consumer: Callable[..., Any], scenario: dx.Scenario, **options: Any) -> str:
    """What is told of the code; empty where nothing is."""
    with dx.VirtualClock() as clock, dx.FakeDataExchange(max_polls=100) as fake:
        staged = scenario._staged(fake, clock)
        creating = not inspect.signature(consumer).parameters
        try:
            (staged.check_creating if creating else staged.check)(consumer, **options)
        except pytest.skip.Exception:
            fake._forget_failures()
            fake.reset()
            return ""
        except AssertionError as failure:
            fake.reset()
            return str(failure)
        return ""


def scenario(name: str) -> dx.Scenario:
    return next(each for each in catalogue() if each.name == name)


@pytest.mark.parametrize("name", TABLE)
def test_each_defect_is_found_by_the_scenarios_that_bring_it_out(name: str) -> None:
    options = {"failed": lambda result: not result["ok"]} if name == "by_return_value" else {}
    found = {each.name for each in catalogue() if report(getattr(consumers, name), each, **options)}
    assert found == set(TABLE[name].split())


def test_the_names_are_unique_and_what_is_told_are_sentences() -> None:
    names = [each.name for each in catalogue()]
    assert len(names) == len(set(names))
    for each in catalogue():
        assert each.about[0].isupper()
        assert each.about.endswith(".")
        assert not each.usually or each.usually.endswith(".")
        assert each.group in GROUPS


def test_a_job_error_is_there_for_each_code() -> None:
    codes = [each.history.errors for each in catalogue() if each.group == "job-errors"]
    assert {*dx.JOB_ERROR_CODES} == {each for each in codes if isinstance(each, str)}


def test_the_report_tells_what_was_expected_what_happened_and_why() -> None:
    told = report(consumers.loops_on_timed_out, scenario("timed-out")).splitlines()
    assert told[0] == "Scenario timed-out: The job ends in TIMED_OUT."
    assert told[1] == (
        "Expected: that the code raises and tells why, since the job does not end well."
    )
    assert told[2].startswith("But it went on without end: get_job was called 26 times for job ")
    assert told[2].endswith(
        " after it had answered TIMED_OUT, which is an end state: every 10 s, over 0:04:10."
    )
    assert told[3:6] == [
        "What happened, from 2025-01-01 00:00:00 UTC:",
        "       +0.000 s  get_job  200 IN_PROGRESS, then a sleep of 10 s",
        "      +10.000 s  get_job  200 TIMED_OUT, then a sleep of 10 s   26 times, last at +260.000 s",
    ]
    assert told[-2:] == [
        "Usually: the loop knows some end states and goes on at the others.",
        "Where so many polls are meant, the option max_polls sets another bound.",
    ]
    assert len(told) < 15


def test_a_crash_is_told_with_its_line() -> None:
    told = report(consumers.crashes_in_its_error_path, scenario("errors-absent"))
    assert "But it crashed in its own error path: KeyError: 'Errors' (consumers.py:" in told
    assert told.endswith(
        'Usually: the error path takes job["Errors"][0] and its members for granted, or throws them away.'
    )


@pytest.mark.parametrize(
    ("consumer", "name", "expected"),
    [
        ("leaves_a_failure_as_success", "error", "But it returned None, as if all were well."),
        (
            "exits_with_success",
            "error",
            "But it left with SystemExit(), which passes for a success.",
        ),
        (
            "throws_the_error_away",
            "error-malware-detected",
            "But what it raised does not tell why, with none of 'MALWARE_DETECTED', 'Malware was ",
        ),
        (
            "takes_an_end_state_for_granted",
            "stuck-in-progress",
            "But it names TIMED_OUT, which nobody has told it: Failed: job ",
        ),
        (
            "treats_datetimes_as_strings",
            "completes-at-once",
            "But it reported a failure: it raised AttributeError: ",
        ),
        ("names_the_wrong_cause", "cancelled", "more times after CANCELLED."),
        (
            "polls_the_wrong_id",
            "completes-at-once",
            "Usually: when one job has failed, the code leaves the others alone.",
        ),
        ("never_starts_its_job", "completes-at-once", ", which it had created."),
        (
            "builds_a_request_that_is_refused",
            "completes-at-once",
            "But it created no job: it raised ParamValidationError: Parameter validation failed:",
        ),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(consumer: str, name: str, expected: str) -> None:
    assert expected in report(getattr(consumers, consumer), scenario(name))


def test_a_failure_that_is_reported_for_a_job_that_went_well_is_told() -> None:
    told = report(consumers.by_the_clock, scenario("completes-later"), failed=bool)
    assert "But it reported a failure: it returned {'Arn': " in told


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


def test_a_connection_that_fails_is_a_reason_too() -> None:
    gone = dx.Scenario(
        "gone",
        "Nobody is there.",
        "gives up",
        prepare=lambda fake: fake.inject(faults.connection_refused(), requests=dx.ALWAYS),
    )
    assert report(consumers.by_the_clock, gone) == ""
    told = report(consumers.takes_a_fault_for_a_state, gone)
    assert "But it returned 'ERROR', as if all were well." in told


async def wait_and_fail(job_id: str) -> None:
    await asyncio.sleep(1)
    raise ValueError(job_id)


def test_code_that_raises_before_the_end_is_told() -> None:
    told = report(wait_and_fail, scenario("error"))
    assert "But 1 started job was not polled to the end." in told
