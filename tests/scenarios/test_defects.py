"""The table of consumers and scenarios: each defect is found by the scenarios listed for it, and no other."""

from __future__ import annotations

import time
from typing import Any

import consumers
import pytest
from botocore.exceptions import ClientError
from scenario_verdicts import create_and_start, report, scenario

import pytest_dxjobs as dx
from pytest_dxjobs._scenarios.catalogue import catalogue

NO_JOB_ERROR = "timed-out cancelled cancelled-while-waiting"
FAILED_STATES = f"error {NO_JOB_ERROR}"
STUCK = "stuck-in-waiting stuck-in-progress never-started"
JOB_ERRORS = (
    "error-access-denied error-internal-server error-malware-detected error-resource-not-found "
    "error-service-quota-exceeded error-validation error-malware-scan-encrypted-file "
    "code-and-message-only several-errors limit-exceeded"
)
NO_ERRORS = "errors-absent errors-empty"
SERVICE_ERRORS = "not-found access-denied invalid-request throttled-for-ever internal-error"
COMPLETES = "completes-at-once completes-later throttled-briefly burst-of-500s connection-reset"
FAILED_CALL = "one-call-fails"
FAILS = f"{FAILED_STATES} {JOB_ERRORS} {NO_ERRORS} unknown-error-code"
EVERY_END = f"{COMPLETES} {FAILS} {FAILED_CALL} unknown-state unknown-members"

TABLE = {
    "polls_until_deadline": "",
    "polls_with_backoff": "",
    "polls_in_a_pool": "",
    "creates_starts_and_polls": "",
    "checks_the_signed_url": "",
    "reports_by_return_value": "",
    "polls_in_asyncio": FAILED_CALL,
    "gives_up_after_one_failed_call": FAILED_CALL,
    "ignores_timed_out": f"timed-out {STUCK} {FAILED_CALL}",
    "ignores_timed_out_and_cancelled": f"{NO_JOB_ERROR} {STUCK} {FAILED_CALL}",
    "has_no_deadline": f"{STUCK} {FAILED_CALL} unknown-state",
    "polls_failed_jobs_until_deadline": f"{NO_JOB_ERROR} {FAILED_CALL}",
    "reports_timed_out_at_its_own_deadline": f"{STUCK} {FAILED_CALL}",
    "crashes_in_its_error_path": f"{NO_JOB_ERROR} {NO_ERRORS} {FAILED_CALL}",
    "discards_the_job_errors": f"error {JOB_ERRORS} {FAILED_CALL} unknown-error-code",
    "returns_after_any_end_state": f"{FAILS} {STUCK} {FAILED_CALL}",
    "exits_with_success": f"{FAILS} {STUCK} {SERVICE_ERRORS}",
    "checks_for_nonexistent_states": f"{FAILS} {FAILED_CALL}",
    "returns_error_after_a_failed_call": f"{SERVICE_ERRORS} {FAILED_CALL}",
    "retries_client_errors_forever": "not-found access-denied invalid-request",
    "expects_job_errors_as_exceptions": f"{FAILS} {FAILED_CALL}",
    "treats_datetimes_as_strings": (f"{COMPLETES} {FAILED_CALL} unknown-state unknown-members unknown-type"),
    "does_not_sleep": f"completes-later {FAILED_CALL}",
    "expects_a_nested_job": f"{EVERY_END} {STUCK} unknown-type",
    "never_starts_its_job": (f"{EVERY_END} {SERVICE_ERRORS} stuck-in-waiting stuck-in-progress limit-on-start"),
    "polls_only_its_first_job": f"{EVERY_END} two-jobs",
    "sends_an_invalid_request": (f"{EVERY_END} {SERVICE_ERRORS} stuck-in-waiting stuck-in-progress limit-on-start"),
    "assumes_a_signed_url": "signed-url-missing signed-url-expired",
}


@pytest.mark.parametrize("name", TABLE)
def test_defect_is_found_by_its_scenarios_and_no_other(name: str) -> None:
    options: Any = {"failed": lambda result: not result["ok"]} if name == "reports_by_return_value" else {}
    found = {each.name for each in catalogue() if report(getattr(consumers, name), each, **options)}
    expected = set(TABLE[name].split())
    assert found - expected == set(), f"if {name} has the defect, add these to TABLE or to a constant above it"
    assert expected - found == set(), f"these scenarios do not find the defect of {name}"


def test_job_added_by_the_test_is_not_checked() -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        fake.add_job()
        scenario("completes-at-once")._bind(fake, clock).check(consumers.polls_until_deadline)


def state_of(job_id: str) -> str:
    try:
        return str(consumers.client.get_job(JobId=job_id)["State"])
    except ClientError as error:
        return error.response["Error"]["Code"]


@pytest.mark.parametrize("name", ["stuck-in-waiting", "stuck-in-progress", "not-found"])
def test_three_of_many_created_jobs_hang_and_the_others_complete(name: str) -> None:
    outcomes: list[str] = []

    def run() -> None:
        for job_id in create_and_start(5):
            states = (state_of(job_id) for _ in range(4))
            outcomes.append("COMPLETED" if "COMPLETED" in states else "hangs")
        raise TimeoutError("the jobs do not end")

    assert report(run, scenario(name)) == ""
    assert outcomes == ["hangs"] * 3 + ["COMPLETED"] * 2


def test_a_loop_may_poll_every_second_for_an_hour() -> None:
    def wait(job_id: str) -> None:
        end = time.monotonic() + 3600
        while time.monotonic() < end:
            consumers.client.get_job(JobId=job_id)
            time.sleep(1)
        raise TimeoutError(f"{job_id} has not ended.")

    stuck = scenario("stuck-in-progress")
    assert report(wait, stuck, max_polls=stuck.max_polls) == ""
