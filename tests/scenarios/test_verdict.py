"""The report: what was expected, what the code did instead, and the usual cause."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import time

import consumers
import pytest
from botocore.exceptions import ClientError
from scenario_verdicts import create_and_start, report, scenario

from pytest_dxjobs import faults


def test_report_has_title_expectation_finding_timeline_and_usual_cause() -> None:
    lines = report(consumers.ignores_timed_out, scenario("timed-out")).splitlines()
    assert lines[0] == "Scenario timed-out: The job ends in TIMED_OUT."
    assert lines[1] == (
        "Expected: the code raises an exception that names the reason, because the job does not succeed."
    )
    assert lines[2].startswith("But it did not end: get_job was called 26 times for job ")
    assert lines[2].endswith(" after it reported TIMED_OUT, an end state: every 10 s, over 0:04:10.")
    assert lines[3:6] == [
        "What happened, from 2025-01-01 00:00:00 UTC:",
        "       +0.000 s  get_job  200 IN_PROGRESS, then a sleep of 10 s",
        "      +10.000 s  get_job  200 TIMED_OUT, then a sleep of 10 s   26 times, last at +260.000 s",
    ]
    assert lines[-1] == "Usually: the loop handles some end states, but not all."
    assert len(lines) < 15


@pytest.mark.parametrize(
    ("consumer", "usually"),
    [
        ("returns_after_any_end_state", "the code stops polling at any end state and does not"),
        ("discards_the_job_errors", "the error path assumes a complete job"),
    ],
)
def test_usual_cause_depends_on_what_the_code_did(consumer: str, usually: str) -> None:
    text = report(getattr(consumers, consumer), scenario("error-malware-detected"))
    assert f"\nUsually: {usually}" in text


def test_usual_cause_of_returning_before_the_end_is_that_of_the_scenario() -> None:
    text = report(lambda job_id: consumers.client.get_job(JobId=job_id)["Id"], scenario("error"))
    assert "\nUsually: the code checks only for COMPLETED" in text


def test_crash_is_reported_with_its_line() -> None:
    text = report(consumers.crashes_in_its_error_path, scenario("errors-absent"))
    assert "But it crashed in its own error path: KeyError: 'Errors' (consumers.py:" in text
    assert text.endswith('Usually: the error path assumes a complete job["Errors"][0], or discards it.')


@pytest.mark.parametrize(
    ("consumer", "name", "expected"),
    [
        (
            "returns_after_any_end_state",
            "error",
            "But it returned None, as if the job had succeeded.",
        ),
        (
            "exits_with_success",
            "error",
            "But it exited with SystemExit(), which means success.",
        ),
        (
            "discards_the_job_errors",
            "error-malware-detected",
            "But its exception does not name the reason ('MALWARE_DETECTED', 'Malware was ",
        ),
        (
            "reports_timed_out_at_its_own_deadline",
            "stuck-in-progress",
            "But it named TIMED_OUT, which no response reported: Failed: job ",
        ),
        (
            "treats_datetimes_as_strings",
            "completes-at-once",
            "But it reported a failure: it raised AttributeError: ",
        ),
        ("polls_failed_jobs_until_deadline", "cancelled", "more times after CANCELLED."),
        (
            "polls_only_its_first_job",
            "completes-at-once",
            "Usually: after one job has failed, the code stops polling the others.",
        ),
        ("never_starts_its_job", "completes-at-once", ", which it created."),
        (
            "sends_an_invalid_request",
            "completes-at-once",
            "But it created no job: it raised ParamValidationError: Parameter validation failed:",
        ),
    ],
)
def test_each_finding_is_one_sentence(consumer: str, name: str, expected: str) -> None:
    assert expected in report(getattr(consumers, consumer), scenario(name))


def test_reporting_a_failure_of_a_completed_job_is_a_finding() -> None:
    text = report(consumers.polls_until_deadline, scenario("completes-later"), failed=bool)
    assert "But it reported a failure: it returned {'Arn': " in text


async def wait_and_fail(job_id: str) -> None:
    await asyncio.sleep(1)
    consumers.client.list_jobs()
    raise ValueError(job_id)


def test_raising_without_a_poll_is_a_finding() -> None:
    for name in "error", "access-denied", "never-started":
        text = report(wait_and_fail, scenario(name))
        assert re.search(r"But it did not poll job .* at all: it raised ValueError: .* \(test_", text)
        assert text.endswith("Usually: the code fails for a reason that has nothing to do with the job.")


def test_code_may_raise_the_failed_call_that_prevented_polling() -> None:
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


def test_raising_an_unrelated_error_before_the_end_is_a_finding() -> None:
    def wait(job_id: str) -> None:
        consumers.client.get_job(JobId=job_id)
        raise RuntimeError("disk full")

    text = report(wait, scenario("error"))
    assert re.search(r"But it did not poll job .* to the end: it raised RuntimeError: disk full", text)
    assert "Usually: the code fails for a reason that has nothing to do" in text


@pytest.mark.parametrize("name", ["error", "completes-later", "stuck-in-progress"])
def test_polling_no_job_or_another_is_a_finding(name: str) -> None:
    text = report(lambda _: None, scenario(name))
    assert re.search(r"But it did not poll job \w* at all\.\n", text)
    assert text.endswith("Usually: the code polls another job, or none.")
    text = report(lambda _: consumers.polls_until_deadline(*create_and_start(1)), scenario(name))
    assert re.search(r"But it did not poll job \w* at all\.\n", text)
    assert "Usually: the code creates a job of its own. Use check_creating()" in text


@pytest.mark.parametrize(("count", "more"), [(2, ""), (3, ""), (5, " and 2 more")])
def test_swallowing_a_refused_start_is_a_finding(count: int, more: str) -> None:
    def run() -> None:
        for _ in range(count):
            job_id = consumers.create()
            with pytest.raises(ClientError):
                consumers.client.start_job(JobId=job_id)

    refused = dataclasses.replace(
        scenario("limit-on-start"),
        prepare=lambda fake: fake.inject(faults.conflict(), operation="start_job", requests=5),
    )
    text = report(run, refused)
    ids = ", ".join([r"\w+"] * min(count, 3))
    assert re.search(rf"But it never started jobs {ids}{more}, which it created", text)


def test_one_poll_after_the_end_is_reported_as_once_more() -> None:
    def wait(job_id: str) -> None:
        consumers.polls_until_deadline(job_id)
        consumers.client.get_job(JobId=job_id)

    text = report(wait, scenario("completes-at-once"))
    assert re.search(r"But it polled job \w+ once more after COMPLETED\.", text)


def test_giving_up_on_a_job_that_was_never_started_is_a_finding() -> None:
    def run() -> None:
        job_id = consumers.create()
        raise TimeoutError(f"job {job_id} is still WAITING")

    text = report(run, scenario("stuck-in-waiting"))
    assert re.search(r"But it never started job \w+, which it created", text)
    assert "it did not poll" not in text


def test_check_of_code_that_creates_its_job_names_check_creating() -> None:
    text = report(lambda _: consumers.creates_starts_and_polls(), scenario("completes-at-once"))
    assert "Usually: the code creates a job of its own. Use check_creating()" in text


def test_endless_loop_over_another_operation_is_stopped() -> None:
    def is_final(_: int) -> bool:
        time.sleep(5)
        ids = {"DataSetId": "d" * 32, "RevisionId": "e" * 32}
        return bool(consumers.client.get_revision(**ids)["Finalized"])

    def run() -> None:
        consumers.creates_starts_and_polls()
        any(map(is_final, range(200)))  # endless without the limit

    text = report(run, scenario("completes-at-once"))
    assert "But it did not end: get_revision was called 101 times with the same" in text


def test_stopping_at_the_first_failed_job_leaves_others_unpolled() -> None:
    async def run() -> None:
        ids = [consumers.create() for _ in range(3)]
        for job_id in ids:
            consumers.client.start_job(JobId=job_id)
        await asyncio.gather(*map(consumers.polls_in_asyncio, ids))

    text = report(run, scenario("two-jobs"))
    assert "it did not poll job" in text
    assert "Usually: after one job has failed, the code stops polling the others." in text


def test_wrapped_polling_stopped_is_still_a_runaway() -> None:
    class Wrapper(BaseException):
        pass

    def hang(job_id: str) -> None:
        try:
            while True:
                with contextlib.suppress(Exception):
                    consumers.client.get_job(JobId=job_id)
                time.sleep(10)
        except BaseException as stopped:
            raise Wrapper from stopped

    text = report(hang, scenario("stuck-in-progress"))
    assert "But it did not end: get_job was called 101 times for " in text
    assert "\nIf so much polling is intended, raise the option max_polls." in text
    # The timeline ends where the limit was exceeded.
    assert re.findall("get_job  RunawayPolling.*", text) == ["get_job  RunawayPolling"]
