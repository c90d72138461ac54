"""The table of consumers and scenarios: each defect is found, by the scenarios that bring it out and no other."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
import multiprocessing.dummy
import re
import time
from collections.abc import Callable
from typing import Any

import consumers
import pytest
from botocore.exceptions import ClientError

import pytest_dxjobs as dx
from pytest_dxjobs import faults
from pytest_dxjobs._catalogue import catalogue

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


def report(
    consumer: Callable[..., Any], scenario: dx.Scenario, *, max_polls: int = 100, **options: Any
) -> str:
    """What is told of the code; empty where nothing is."""
    with dx.VirtualClock() as clock, dx.FakeDataExchange(max_polls=max_polls) as fake:
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
    options: Any = {"failed": lambda result: not result["ok"]} if name == "by_return_value" else {}
    found = {each.name for each in catalogue() if report(getattr(consumers, name), each, **options)}
    assert found == set(TABLE[name].split())


def test_the_report_tells_what_was_expected_what_happened_and_why() -> None:
    told = report(consumers.loops_on_timed_out, scenario("timed-out")).splitlines()
    assert told[0] == "Scenario timed-out: The job ends in TIMED_OUT."
    assert told[1] == (
        "Expected: that the code raises and tells why, since the job does not end well."
    )
    assert told[2].startswith("But it had not come to an end: get_job was called 26 times for job ")
    assert told[2].endswith(
        " after it had answered TIMED_OUT, which is an end state: every 10 s, over 0:04:10."
    )
    assert told[3:6] == [
        "What happened, from 2025-01-01 00:00:00 UTC:",
        "       +0.000 s  get_job  200 IN_PROGRESS, then a sleep of 10 s",
        "      +10.000 s  get_job  200 TIMED_OUT, then a sleep of 10 s   26 times, last at +260.000 s",
    ]
    assert told[-1] == "Usually: the loop knows some end states and goes on at the others."
    assert len(told) < 15


@pytest.mark.parametrize(
    ("consumer", "usually"),
    [
        ("leaves_a_failure_as_success", "the code leaves its loop at any end state, and does not"),
        ("throws_the_error_away", "the error path takes job"),
    ],
)
def test_the_usual_cause_is_that_of_what_the_code_did(consumer: str, usually: str) -> None:
    told = report(getattr(consumers, consumer), scenario("error-malware-detected"))
    assert f"\nUsually: {usually}" in told


def test_code_that_returned_before_the_end_did_not_see_it() -> None:
    told = report(lambda job_id: consumers.client.get_job(JobId=job_id)["Id"], scenario("error"))
    assert "\nUsually: the code looks for COMPLETED alone" in told


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


async def wait_and_fail(job_id: str) -> None:
    await asyncio.sleep(1)
    consumers.client.list_jobs()
    raise ValueError(job_id)


def test_code_that_raises_before_the_end_is_told() -> None:
    for name in "error", "access-denied", "never-started":
        told = report(wait_and_fail, scenario(name))
        assert re.search(
            r"But it did not poll job .* at all: it raised ValueError: .* \(test_", told
        )
        assert told.endswith(
            "Usually: the code fails for a reason of its own, whatever becomes of the job."
        )


def test_code_that_polls_and_then_raises_something_else_is_told() -> None:
    def wait(job_id: str) -> None:
        consumers.client.get_job(JobId=job_id)
        raise RuntimeError("disk full")

    told = report(wait, scenario("error"))
    assert re.search(
        r"But it did not poll job .* to the end: it raised RuntimeError: disk full", told
    )
    assert "Usually: the code fails for a reason of its own" in told


@pytest.mark.parametrize("name", ["error", "completes-later", "stuck-in-progress"])
def test_code_that_waits_for_no_job_or_another_is_told(name: str) -> None:
    told = report(lambda _: None, scenario(name))
    assert re.search(r"But it did not poll job \w* at all\.\n", told)
    assert told.endswith("Usually: the code waits for another job, or for none.")
    told = report(lambda _: consumers.by_the_clock(*start_several(1)), scenario(name))
    assert re.search(r"But it did not poll job \w* at all\.\n", told)
    assert "Usually: the code creates a job of its own, and then check_creating() is" in told


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


@pytest.mark.parametrize(("count", "more"), [(2, ""), (3, ""), (5, " and 2 more")])
def test_who_swallows_that_a_start_is_refused_is_told(count: int, more: str) -> None:
    def run() -> None:
        for _ in range(count):
            job_id = consumers.create()
            with pytest.raises(ClientError):
                consumers.client.start_job(JobId=job_id)

    refused = dataclasses.replace(
        scenario("limit-on-start"),
        prepare=lambda fake: fake.inject(faults.conflict(), operation="start_job", requests=5),
    )
    told = report(run, refused)
    ids = ", ".join([r"\w+"] * min(count, 3))
    assert re.search(rf"But it never started jobs {ids}{more}, which it had created", told)


def test_one_poll_after_the_end_is_told_as_one() -> None:
    def wait(job_id: str) -> None:
        consumers.by_the_clock(job_id)
        consumers.client.get_job(JobId=job_id)

    told = report(wait, scenario("completes-at-once"))
    assert re.search(r"But it polled job \w+ once more after COMPLETED\.", told)


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


def test_who_gives_up_on_a_job_that_it_never_started_is_told() -> None:
    def run() -> None:
        job_id = consumers.create()
        raise TimeoutError(f"job {job_id} is still WAITING")

    told = report(run, scenario("stuck-in-waiting"))
    assert re.search(r"But it never started job \w+, which it had created", told)


def test_code_that_creates_its_job_is_for_the_other_check() -> None:
    told = report(lambda _: consumers.sound_from_the_start(), scenario("completes-at-once"))
    assert "Usually: the code creates a job of its own, and then check_creating() is" in told


def test_a_job_that_the_test_has_put_in_is_none_of_the_codes() -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        fake.add_job()
        scenario("completes-at-once")._staged(fake, clock).check(consumers.by_the_clock)


def test_a_loop_that_waits_for_something_else_than_a_job_is_ended_too() -> None:
    def is_final(_: int) -> bool:
        time.sleep(5)
        ids = {"DataSetId": "d" * 32, "RevisionId": "e" * 32}
        return bool(consumers.client.get_revision(**ids)["Finalized"])

    def run() -> None:
        consumers.sound_from_the_start()
        any(map(is_final, range(200)))  # for ever, if it were not ended

    told = report(run, scenario("completes-at-once"))
    assert "But it had not come to an end: get_revision was called 101 times with the same" in told


def start_several(count: int) -> list[str]:
    ids = [consumers.create() for _ in range(count)]
    for job_id in ids:
        consumers.client.start_job(JobId=job_id)
    return ids


def test_jobs_that_hang_in_a_pool_share_the_polls_that_one_has() -> None:
    def run() -> None:
        with multiprocessing.dummy.Pool(3) as pool:
            pool.map(consumers.has_no_deadline, start_several(3))

    each = scenario("stuck-in-progress")
    told = report(run, each, max_polls=each.max_polls)
    assert "it had not come to an end: get_job was called 501 times for job " in told
    assert {*re.findall("then a sleep of (.*) s", told)} == {"30"}  # of all at once
    assert told.count("RunawayPolling") == 1


def state_of(job_id: str) -> str:
    try:
        return str(consumers.client.get_job(JobId=job_id)["State"])
    except ClientError as error:
        return error.response["Error"]["Code"]


@pytest.mark.parametrize("name", ["stuck-in-waiting", "stuck-in-progress", "not-found"])
def test_of_many_jobs_three_hang_and_the_others_complete(name: str) -> None:
    ends: list[str] = []

    def run() -> None:
        for job_id in start_several(5):
            states = (state_of(job_id) for _ in range(4))
            ends.append("COMPLETED" if "COMPLETED" in states else "hangs")
        raise TimeoutError("the jobs do not end")

    assert report(run, scenario(name)) == ""
    assert ends == ["hangs"] * 3 + ["COMPLETED"] * 2


@pytest.mark.parametrize(
    ("deadline", "pause", "polls"), [(3600, 4, None), (10_000, 4, 901), (3600, 2, 1251)]
)
def test_a_loop_that_polls_often_has_an_hour(
    deadline: float, pause: float, polls: int | None
) -> None:
    def wait(job_id: str) -> None:
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            consumers.client.get_job(JobId=job_id)
            time.sleep(pause)
        raise TimeoutError(f"{job_id} has not come to an end.")

    each = dataclasses.replace(scenario("stuck-in-progress"), max_polls=500)
    told = report(wait, each, max_polls=500)
    often = re.search(r"get_job was called (\d+) times for job", told)
    assert (int(often[1]) if often else None) == polls
    # What the test or its configuration sets is meant as it is.
    assert "called 601 times" in report(wait, each, max_polls=600)


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


def test_who_stops_at_the_first_failure_leaves_the_others_alone() -> None:
    async def run() -> None:
        ids = [consumers.create() for _ in range(3)]
        for job_id in ids:
            consumers.client.start_job(JobId=job_id)
        await asyncio.gather(*map(consumers.awaiting, ids))

    told = report(run, scenario("two-jobs"))
    assert "it did not poll job" in told
    assert "Usually: when one job has failed, the code leaves the others alone." in told


def test_what_ends_the_code_may_be_wrapped() -> None:
    class Ended(BaseException):
        pass

    def hang(job_id: str) -> None:
        try:
            while True:
                with contextlib.suppress(Exception):
                    consumers.client.get_job(JobId=job_id)
                time.sleep(10)
        except BaseException as stopped:
            raise Ended from stopped

    told = report(hang, scenario("stuck-in-progress"))
    assert "But it had not come to an end: get_job was called 101 times for " in told
    assert "\nWhere so many polls are meant, max_polls sets another bound." in told
    # Of what the code did afterwards nothing is told.
    assert re.findall("get_job  RunawayPolling.*", told) == ["get_job  RunawayPolling"]
