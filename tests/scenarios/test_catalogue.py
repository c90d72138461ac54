"""The catalogue: the responses that a loop gets in each scenario."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import pytest_dxjobs as dx
from pytest_dxjobs._scenarios.catalogue import GROUPS, catalogue

# One word for each call: the state, after the statuses of the requests that botocore retried.
RESPONSES = {
    "completes-at-once": "COMPLETED",
    "completes-later": "IN_PROGRESS IN_PROGRESS IN_PROGRESS COMPLETED",
    "error": "IN_PROGRESS ERROR",
    "timed-out": "IN_PROGRESS TIMED_OUT",
    "cancelled": "CANCELLED",
    "cancelled-while-waiting": "WAITING WAITING CANCELLED",
    "stuck-in-waiting": "WAITING WAITING WAITING WAITING WAITING WAITING",
    "stuck-in-progress": "IN_PROGRESS IN_PROGRESS IN_PROGRESS IN_PROGRESS IN_PROGRESS IN_PROGRESS",
    "never-started": "WAITING WAITING WAITING WAITING WAITING WAITING",
    "error-access-denied": "IN_PROGRESS ERROR",
    "error-internal-server": "IN_PROGRESS ERROR",
    "error-malware-detected": "IN_PROGRESS ERROR",
    "error-resource-not-found": "IN_PROGRESS ERROR",
    "error-service-quota-exceeded": "IN_PROGRESS ERROR",
    "error-validation": "IN_PROGRESS ERROR",
    "error-malware-scan-encrypted-file": "IN_PROGRESS ERROR",
    "code-and-message-only": "IN_PROGRESS ERROR",
    "several-errors": "IN_PROGRESS ERROR",
    "errors-absent": "IN_PROGRESS ERROR",
    "errors-empty": "IN_PROGRESS ERROR",
    "limit-exceeded": "IN_PROGRESS ERROR",
    "not-found": "404 404 404 404 404 404",
    "access-denied": "403 403 403 403 403 403",
    "invalid-request": "400 400 400 400 400 400",
    "throttled-for-ever": "429/429/429 429/429/429 429/429/429 429/429/429 429/429/429 429/429/429",
    "internal-error": "500/500/500 500/500/500 500/500/500 500/500/500 500/500/500 500/500/500",
    "throttled-briefly": "429/429/IN_PROGRESS IN_PROGRESS COMPLETED",
    "burst-of-500s": "IN_PROGRESS 500/500/IN_PROGRESS COMPLETED",
    "connection-reset": "IN_PROGRESS None/IN_PROGRESS COMPLETED",
    "one-call-fails": "IN_PROGRESS 503/503/503 IN_PROGRESS COMPLETED",
    "unknown-state": "SCANNING SCANNING COMPLETED",
    "unknown-error-code": "IN_PROGRESS ERROR",
    "unknown-members": "IN_PROGRESS IN_PROGRESS COMPLETED",
    "unknown-type": "IN_PROGRESS IN_PROGRESS COMPLETED",
}
RESPONSES_OF_TWO_JOBS = {
    "two-jobs": [
        "IN_PROGRESS IN_PROGRESS IN_PROGRESS IN_PROGRESS IN_PROGRESS COMPLETED",
        "IN_PROGRESS ERROR",
    ],
    "limit-on-start": [
        "WAITING WAITING WAITING WAITING WAITING WAITING",
        "IN_PROGRESS IN_PROGRESS COMPLETED",
    ],
    "signed-url-missing": ["IN_PROGRESS IN_PROGRESS COMPLETED"] * 2,
    "signed-url-expired": ["IN_PROGRESS IN_PROGRESS COMPLETED"] * 2,
}
CREATE: dict[str, Any] = {
    "Type": "EXPORT_ASSET_TO_SIGNED_URL",
    "Details": {
        "ExportAssetToSignedUrl": {
            "AssetId": "a" * 32,
            "DataSetId": "b" * 32,
            "RevisionId": "c" * 32,
        }
    },
}


def wait(client: Any, job_id: str) -> None:
    """Poll up to six times and ignore every failure."""
    for _ in range(6):
        try:
            if client.get_job(JobId=job_id)["State"] in dx.TERMINAL_STATES:
                return
        except (BotoCoreError, ClientError):
            pass
        time.sleep(15)


def outcome(call: dx.Call) -> str:
    statuses = [str(each.status) for each in call.attempts]
    return "/".join(statuses if call.response is None else [*statuses[:-1], call.response["State"]])


@pytest.mark.parametrize("scenario", catalogue(), ids=lambda each: each.name)
def test_responses_of_each_scenario(
    scenario: dx.Scenario,
    dxjobs: dx.FakeDataExchange,
    dxjobs_clock: dx.VirtualClock,
    client: Any,
) -> None:
    running, ids = scenario._bind(dxjobs, dxjobs_clock), list[str]()

    def create() -> None:
        for _ in range(2):
            ids.append(client.create_job(**CREATE)["Id"])
            try:
                client.start_job(JobId=ids[-1])
            except ClientError:
                pass
        for job_id in ids:
            wait(client, job_id)

    try:
        if scenario.only == "check_creating":
            running.check_creating(create)
        else:
            running.check(lambda job_id: wait(client, job_id))
    except AssertionError:
        pass  # the loop ignores every failure
    polls = [each for each in dxjobs.calls if each.operation == "get_job"]
    if ids:
        of_each = [" ".join(outcome(each) for each in polls if each.params["JobId"] == job_id) for job_id in ids]
        assert of_each == RESPONSES_OF_TWO_JOBS[scenario.name]
    else:
        assert " ".join(map(outcome, polls)) == RESPONSES[scenario.name]
    dxjobs.reset()  # also removes unused faults


def test_each_scenario_has_expected_responses() -> None:
    names = [each.name for each in catalogue()]
    missing = set(names).difference(RESPONSES, RESPONSES_OF_TWO_JOBS)
    assert missing == set(), "add to RESPONSES what get_job responds in these scenarios"
    assert [*RESPONSES, *RESPONSES_OF_TWO_JOBS] == names, "RESPONSES is in the order of the catalogue"


def test_names_are_unique_and_descriptions_are_sentences() -> None:
    names = [each.name for each in catalogue()]
    assert len(names) == len(set(names))
    for each in catalogue():
        assert each.about[0].isupper()
        assert each.about.endswith(".")
        assert not each.usually or each.usually.endswith(".")
        assert each.group in GROUPS


def test_each_job_error_code_has_a_scenario() -> None:
    codes = [each.history.errors for each in catalogue() if each.group == "job-errors"]
    assert {*dx.JOB_ERROR_CODES} == {each for each in codes if isinstance(each, str)}
