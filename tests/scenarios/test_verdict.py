"""What is told of code that a scenario finds wrong: what was expected, what it did instead, and the usual cause."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import time

import consumers
import pytest
from botocore.exceptions import ClientError
from scenario_verdicts import report, scenario, start_several

from pytest_dxjobs import faults


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


def test_code_that_a_failed_call_has_kept_from_polling_may_report_that() -> None:
    def wait(job_id: str) -> None:
        consumers.client.list_jobs()

    def swallow(job_id: str) -> None:
        with contextlib.suppress(ClientError):
            wait(job_id)

    denied = dataclasses.replace(
        scenario("access-denied"),
        prepare=lambda fake: fake.inject(faults.access_denied(), operation="list_jobs"),
    )
    assert report(wait, denied) == ""
    assert re.search(r"But it did not poll job \w* at all\.", report(swallow, denied))


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


def test_who_gives_up_on_a_job_that_it_never_started_is_told() -> None:
    def run() -> None:
        job_id = consumers.create()
        raise TimeoutError(f"job {job_id} is still WAITING")

    told = report(run, scenario("stuck-in-waiting"))
    assert re.search(r"But it never started job \w+, which it had created", told)
    assert "it did not poll" not in told


def test_code_that_creates_its_job_is_for_the_other_check() -> None:
    told = report(lambda _: consumers.sound_from_the_start(), scenario("completes-at-once"))
    assert "Usually: the code creates a job of its own, and then check_creating() is" in told


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
