"""The table of consumers and scenarios: each defect is found, by the scenarios that bring it out and no other."""

from __future__ import annotations

import dataclasses
import multiprocessing.dummy
import re
import time
from typing import Any

import consumers
import pytest
from botocore.exceptions import ClientError
from scenario_verdicts import report, scenario, start_several

import pytest_dxjobs as dx
from pytest_dxjobs._scenarios.catalogue import catalogue

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


@pytest.mark.parametrize("name", TABLE)
def test_each_defect_is_found_by_the_scenarios_that_bring_it_out(name: str) -> None:
    options: Any = {"failed": lambda result: not result["ok"]} if name == "by_return_value" else {}
    found = {each.name for each in catalogue() if report(getattr(consumers, name), each, **options)}
    assert found == set(TABLE[name].split())


def test_a_job_that_the_test_has_put_in_is_none_of_the_codes() -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        fake.add_job()
        scenario("completes-at-once")._bind(fake, clock).check(consumers.by_the_clock)


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
