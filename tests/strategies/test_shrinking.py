"""What Hypothesis makes of a drawn value when a test fails: the simplest that a person would write."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import service_page
from draws import simplest
from hypothesis import given, seed, settings

from pytest_dxjobs import faults, strategies as dxst
from pytest_dxjobs._model.service_model import model


def test_a_job_shrinks_to_what_a_person_would_write() -> None:
    zero = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    assert simplest(dxst.jobs(type="EXPORT_ASSETS_TO_S3", state=["ERROR", "COMPLETED"])) == {
        "Arn": f"arn:aws:dataexchange:us-east-1:123456789012:jobs/{'0' * 32}",
        "CreatedAt": zero,
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
        "UpdatedAt": zero,
    }


@pytest.mark.parametrize("strategy", [dxst.jobs(), dxst.jobs(state="ERROR"), dxst.details()])
def test_what_fails_for_each_example_is_told_with_the_simplest(strategy: Any) -> None:
    """In all phases: what needs fewer choices than that would be taken for simpler."""
    found = []
    for number in range(4):

        @seed(number)
        @settings(database=None, derandomize=False)
        @given(strategy)
        def fail(value: dict[str, Any]) -> None:
            found.append(value)
            raise ValueError("always")

        with pytest.raises(ValueError, match="always"):
            fail()
        assert found[-1] == simplest(strategy)


def test_a_shrunk_job_keeps_only_what_matters() -> None:
    job = simplest(dxst.jobs(), lambda job: len(job.get("Errors", ())) > 1)
    assert [error["Message"] for error in job["Errors"]] == ["prices"] * 2
    assert job["Id"] == "0" * 32


def has_malware_and_age(job: dict[str, Any]) -> bool:
    codes = [each["Code"] for each in job.get("Errors", ())]
    return "MALWARE_DETECTED" in codes and job["UpdatedAt"] > job["CreatedAt"]


def grants_two_keys(job: dict[str, Any]) -> bool:
    details = job["Details"].get("CreateS3DataAccessFromS3Bucket", {"AssetSource": {}})
    return len(details["AssetSource"].get("KmsKeysToGrant", ())) > 1


def names_keys_by_year(job: dict[str, Any]) -> bool:
    return any(name == "KeyPattern" and "Year" in value for name, value in service_page.every(job))


def has_a_foreign_letter(job: dict[str, Any]) -> bool:
    told = "".join(each["Message"] for each in job.get("Errors", ()))
    return any("\u0100" <= letter <= "\uffff" for letter in told)


@pytest.mark.parametrize(
    ("such", "matters"),
    [
        (has_malware_and_age, ["Code", "UpdatedAt"]),
        (grants_two_keys, ["KmsKeyArn", "KmsKeyArn"]),
        (names_keys_by_year, ["KeyPattern"]),
    ],
)
def test_what_does_not_matter_shrinks_away(such: Any, matters: list[str]) -> None:
    job = simplest(dxst.jobs(), such)
    usual = service_page.every(simplest(dxst.jobs(type=job["Type"], state=job["State"])))
    assert (
        sorted(name for name, value in service_page.every(job) if (name, value) not in usual)
        == matters
    )


def test_a_text_that_matters_shrinks_to_its_letter() -> None:
    job = simplest(dxst.jobs(state="ERROR"), has_a_foreign_letter)
    assert [each["Message"] for each in job["Errors"]] == ["\u0100"]


@pytest.mark.parametrize(
    ("beginning", "simple"),
    [
        ("dx.completes(", "dx.completes()"),
        ("dx.completes(polls", "dx.completes(polls=1)"),
        ("dx.completes(after", "dx.completes(after=1)"),
        ("dx.history(", "dx.history(('WAITING', 1), ('IN_PROGRESS', 1), 'COMPLETED')"),
    ],
)
def test_a_history_shrinks_to_the_shortest_of_its_way(beginning: str, simple: str) -> None:
    found = simplest(dxst.histories(), lambda history: repr(history).startswith(beginning))
    assert repr(found) == simple


def test_a_schedule_shrinks_to_one_fault_in_the_first_request() -> None:
    assert simplest(dxst.fault_schedules()) == [
        {"fault": faults.throttling(), "after": 0, "requests": 1}
    ]


@pytest.mark.parametrize("type_", model().types)
def test_details_alone_shrink_to_those_of_a_job(type_: str) -> None:
    job = simplest(dxst.jobs(type=type_, state="IN_PROGRESS"))
    assert simplest(dxst.details(type_)) == job["Details"]
