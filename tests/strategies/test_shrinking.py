"""Drawn values shrink to the simplest that a person would write."""

from __future__ import annotations

import datetime
from typing import Any

import api_reference
import pytest
from draws import find_simplest
from hypothesis import given, seed, settings

from pytest_dxjobs import faults, strategies as dxst
from pytest_dxjobs._model.service_model import model


def test_job_shrinks_to_what_a_person_would_write() -> None:
    created = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    assert find_simplest(dxst.jobs(type="EXPORT_ASSETS_TO_S3", state=["ERROR", "COMPLETED"])) == {
        "Arn": f"arn:aws:dataexchange:us-east-1:123456789012:jobs/{'0' * 32}",
        "CreatedAt": created,
        "Details": {
            "ExportAssetsToS3": {
                "AssetDestinations": [{"AssetId": "0" * 32, "Bucket": "my-bucket"}],
                "DataSetId": "0" * 32,
                "RevisionId": f"{1:032}",
            }
        },
        "Errors": [{"Code": "ACCESS_DENIED_EXCEPTION", "Message": "prices"}],
        "Id": "0" * 32,
        "State": "ERROR",
        "Type": "EXPORT_ASSETS_TO_S3",
        "UpdatedAt": created,
    }


@pytest.mark.parametrize("strategy", [dxst.jobs(), dxst.jobs(state="ERROR"), dxst.details()])
def test_failure_of_every_example_is_reported_with_the_simplest(strategy: Any) -> None:
    """Run all phases: Hypothesis takes an example with fewer choices for simpler."""
    examples = []
    for number in range(4):

        @seed(number)
        @settings(database=None, derandomize=False)
        @given(strategy)
        def fail(value: dict[str, Any]) -> None:
            examples.append(value)
            raise ValueError("always")

        with pytest.raises(ValueError, match="always"):
            fail()
        assert examples[-1] == find_simplest(strategy)


def test_job_with_two_errors_shrinks_their_messages_and_its_id() -> None:
    job = find_simplest(dxst.jobs(), lambda job: len(job.get("Errors", ())) > 1)
    assert [error["Message"] for error in job["Errors"]] == ["prices"] * 2
    assert job["Id"] == "0" * 32


def has_malware_and_age(job: dict[str, Any]) -> bool:
    codes = [error["Code"] for error in job.get("Errors", ())]
    return "MALWARE_DETECTED" in codes and job["UpdatedAt"] > job["CreatedAt"]


def grants_two_keys(job: dict[str, Any]) -> bool:
    details = job["Details"].get("CreateS3DataAccessFromS3Bucket", {"AssetSource": {}})
    return len(details["AssetSource"].get("KmsKeysToGrant", ())) > 1


def names_keys_by_year(job: dict[str, Any]) -> bool:
    return any(name == "KeyPattern" and "Year" in value for name, value in api_reference.scalars(job))


def has_letter_beyond_latin_1(job: dict[str, Any]) -> bool:
    messages = "".join(error["Message"] for error in job.get("Errors", ()))
    return any("\u0100" <= letter <= "\uffff" for letter in messages)


@pytest.mark.parametrize(
    ("condition", "needed"),
    [
        (has_malware_and_age, ["Code", "UpdatedAt"]),
        (grants_two_keys, ["KmsKeyArn", "KmsKeyArn"]),
        (names_keys_by_year, ["KeyPattern"]),
    ],
)
def test_only_needed_members_differ_from_the_simplest(condition: Any, needed: list[str]) -> None:
    job = find_simplest(dxst.jobs(), condition)
    simplest = api_reference.scalars(find_simplest(dxst.jobs(type=job["Type"], state=job["State"])))
    assert sorted(name for name, value in api_reference.scalars(job) if (name, value) not in simplest) == needed


def test_text_shrinks_to_the_letter_that_the_condition_needs() -> None:
    job = find_simplest(dxst.jobs(state="ERROR"), has_letter_beyond_latin_1)
    assert [error["Message"] for error in job["Errors"]] == ["\u0100"]


@pytest.mark.parametrize(
    ("prefix", "simplest"),
    [
        ("dx.completes(", "dx.completes()"),
        ("dx.completes(polls", "dx.completes(polls=1)"),
        ("dx.completes(after", "dx.completes(after=1)"),
        ("dx.history(", "dx.history(('WAITING', 1), ('IN_PROGRESS', 1), 'COMPLETED')"),
    ],
)
def test_history_shrinks_to_the_shortest_of_its_form(prefix: str, simplest: str) -> None:
    found = find_simplest(dxst.histories(), lambda history: repr(history).startswith(prefix))
    assert repr(found) == simplest


def test_schedule_shrinks_to_one_fault_in_the_first_request() -> None:
    assert find_simplest(dxst.fault_schedules()) == [{"fault": faults.throttling(), "after": 0, "requests": 1}]


@pytest.mark.parametrize("type_", model().types)
def test_details_shrink_to_those_of_the_simplest_job(type_: str) -> None:
    job = find_simplest(dxst.jobs(type=type_, state="IN_PROGRESS"))
    assert find_simplest(dxst.details(type_)) == job["Details"]
