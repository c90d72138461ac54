"""``make_job``, ``make_error`` and ``job_id``."""

from __future__ import annotations

import concurrent.futures
import datetime
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from clients import MODEL

import pytest_dxjobs as dx

UTC = datetime.timezone.utc
EVERY_JOB = [(type_, state) for type_ in dx.JOB_TYPES for state in dx.JOB_STATES]
MEMBER_OF = {
    "IMPORT_ASSETS_FROM_S3": "ImportAssetsFromS3",
    "IMPORT_ASSET_FROM_SIGNED_URL": "ImportAssetFromSignedUrl",
    "EXPORT_ASSETS_TO_S3": "ExportAssetsToS3",
    "EXPORT_ASSET_TO_SIGNED_URL": "ExportAssetToSignedUrl",
    "EXPORT_REVISIONS_TO_S3": "ExportRevisionsToS3",
    "IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES": "ImportAssetsFromRedshiftDataShares",
    "IMPORT_ASSET_FROM_API_GATEWAY_API": "ImportAssetFromApiGatewayApi",
    "CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET": "CreateS3DataAccessFromS3Bucket",
    "IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY": "ImportAssetsFromLakeFormationTagPolicy",
}
# Copied from the reference page of GetJob.
DOCUMENTED_DETAILS: dict[str, Any] = {
    "ExportAssetToSignedUrl": {
        "AssetId",
        "DataSetId",
        "RevisionId",
        "SignedUrl",
        "SignedUrlExpiresAt",
    },
    "ExportAssetsToS3": {"AssetDestinations", "DataSetId", "Encryption", "RevisionId"},
    "ExportRevisionsToS3": {"DataSetId", "Encryption", "RevisionDestinations", "EventActionArn"},
    "ImportAssetFromSignedUrl": {
        "AssetName",
        "DataSetId",
        "Md5Hash",
        "RevisionId",
        "SignedUrl",
        "SignedUrlExpiresAt",
    },
    "ImportAssetsFromS3": {"AssetSources", "DataSetId", "RevisionId"},
    "ImportAssetsFromRedshiftDataShares": {"AssetSources", "DataSetId", "RevisionId"},
    "ImportAssetFromApiGatewayApi": {
        "ApiDescription",
        "ApiId",
        "ApiKey",
        "ApiName",
        "ApiSpecificationMd5Hash",
        "ApiSpecificationUploadUrl",
        "ApiSpecificationUploadUrlExpiresAt",
        "DataSetId",
        "ProtocolType",
        "RevisionId",
        "Stage",
    },
    "CreateS3DataAccessFromS3Bucket": {"AssetSource", "DataSetId", "RevisionId"},
    "ImportAssetsFromLakeFormationTagPolicy": {
        "CatalogId",
        "Database",
        "Table",
        "RoleArn",
        "DataSetId",
        "RevisionId",
    },
}
REQUIRED = {"Arn", "CreatedAt", "Details", "Id", "State", "Type", "UpdatedAt"}


def make(*args: str, **members: object) -> dict[str, Any]:
    """Return a job as a plain dict, for tests that read members of any type."""
    return dict(dx.make_job(*args, **members))


@pytest.mark.parametrize(("type_", "state"), EVERY_JOB)
def test_job_has_every_documented_member(type_: str, state: str) -> None:
    job = make(type_, state)

    documented = REQUIRED | ({"Errors"} if state == "ERROR" else set())
    assert set(job) - {"AssetConfiguration"} == documented
    member = MEMBER_OF[type_]
    expected = set(DOCUMENTED_DETAILS[member])
    if type_ == "EXPORT_ASSET_TO_SIGNED_URL" and state != "COMPLETED":
        expected -= {"SignedUrl", "SignedUrlExpiresAt"}
    assert list(job["Details"]) == [member]
    assert set(job["Details"][member]) == expected
    assert (job["Type"], job["State"]) == (type_, state)


@pytest.mark.parametrize(("type_", "state"), EVERY_JOB)
def test_job_has_no_problems(type_: str, state: str) -> None:
    assert dx.find_problems(dx.make_job(type_, state)) == []


def test_default_job_is_a_completed_export() -> None:
    job = make()
    assert (job["Type"], job["State"]) == ("EXPORT_ASSETS_TO_S3", "COMPLETED")


def test_free_text_is_the_name_of_its_member() -> None:
    details = make("IMPORT_ASSET_FROM_API_GATEWAY_API")["Details"]["ImportAssetFromApiGatewayApi"]
    assert (details["ApiName"], details["ApiDescription"]) == ("ApiName", "ApiDescription")


def test_types_that_create_assets_have_asset_configuration() -> None:
    tagged = {type_ for type_ in dx.JOB_TYPES if "AssetConfiguration" in make(type_)}
    creating = {type_ for type_ in dx.JOB_TYPES if not type_.startswith("EXPORT")}
    known = "AssetConfiguration" in MODEL.operation_model("GetJob").output_shape.members
    assert tagged == (creating if known else set())  # since botocore 1.42.80


def test_error_of_a_failed_job_fits_its_details() -> None:
    error = make("IMPORT_ASSETS_FROM_S3", "ERROR")["Errors"][0]
    details = make("IMPORT_ASSETS_FROM_S3", "ERROR")["Details"]["ImportAssetsFromS3"]
    assert error["Message"]
    assert error["Details"] == {"ImportAssetsFromS3JobErrorDetails": details["AssetSources"]}

    job = make("IMPORT_ASSET_FROM_SIGNED_URL", "ERROR")
    name = job["Details"]["ImportAssetFromSignedUrl"]["AssetName"]
    assert job["Errors"][0]["Details"] == {"ImportAssetFromSignedUrlJobErrorDetails": {"AssetName": name}}

    job = make("EXPORT_ASSETS_TO_S3", "ERROR")
    asset = job["Details"]["ExportAssetsToS3"]["AssetDestinations"][0]["AssetId"]
    assert job["Errors"][0]["ResourceId"] == asset
    assert job["Errors"][0]["ResourceType"] == "ASSET"
    assert "Details" not in job["Errors"][0]


def test_every_job_has_its_own_id() -> None:
    ids = [make()["Id"] for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_ids_are_the_same_in_each_run_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_dxjobs._core import ids as _ids

    def ids_in(test: str) -> list[str]:
        monkeypatch.setenv("PYTEST_CURRENT_TEST", f"{test} (call)")
        return [make()["Id"], make()["Id"]]

    first, other = ids_in("tests/test_a.py::test_a"), ids_in("tests/test_a.py::test_b")
    _ids._counter_of.cache_clear()  # as in a new process
    assert ids_in("tests/test_a.py::test_b") == other
    assert ids_in("tests/test_a.py::test_a") == first
    assert not set(first) & set(other)


def test_arn_follows_the_id() -> None:
    job = make(Id=dx.job_id("nightly"))
    assert job["Arn"] == f"arn:aws:dataexchange:us-east-1:123456789012:jobs/{dx.job_id('nightly')}"


def test_default_times_are_current_and_in_order() -> None:
    before = datetime.datetime.now(UTC)
    for state in dx.JOB_STATES:
        job = make("EXPORT_ASSETS_TO_S3", state)
        assert job["CreatedAt"] <= job["UpdatedAt"] <= datetime.datetime.now(UTC)
        assert before - job["UpdatedAt"] < datetime.timedelta(seconds=1)
        assert job["UpdatedAt"].microsecond % 1000 == 0
        assert (job["CreatedAt"] == job["UpdatedAt"]) == (state == "WAITING")


def test_missing_time_follows_the_given_one() -> None:
    at = datetime.datetime(2040, 5, 1, tzinfo=UTC)
    assert make(CreatedAt=at)["UpdatedAt"] > at
    assert make(UpdatedAt=at)["CreatedAt"] < at
    assert make("EXPORT_ASSETS_TO_S3", "WAITING", CreatedAt=at)["UpdatedAt"] == at
    url = make("EXPORT_ASSET_TO_SIGNED_URL", UpdatedAt=at)["Details"]["ExportAssetToSignedUrl"]
    assert url["SignedUrlExpiresAt"] - at == datetime.timedelta(minutes=1)
    url = make("IMPORT_ASSET_FROM_SIGNED_URL", CreatedAt=at)["Details"]
    expiry = url["ImportAssetFromSignedUrl"]["SignedUrlExpiresAt"]
    assert expiry - at == datetime.timedelta(hours=1)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"])
def test_first_and_last_datetime_are_valid(text: str) -> None:
    at = datetime.datetime.fromisoformat(text)
    assert dx.find_problems(make(CreatedAt=at)) == []
    assert dx.find_problems(make(UpdatedAt=at)) == []


def test_member_given_by_name_replaces_the_default() -> None:
    error = dx.make_error("MALWARE_DETECTED")
    job = make("IMPORT_ASSETS_FROM_S3", "ERROR", Errors=[error], Id=dx.job_id("x"))
    assert job["Errors"] == [error]
    assert job["Id"] == dx.job_id("x")
    assert make(State="ERROR")["Errors"]
    assert list(make(Type="EXPORT_REVISIONS_TO_S3")["Details"]) == ["ExportRevisionsToS3"]


def test_partial_details_keep_the_other_members() -> None:
    data_set_id = dx.job_id("data set")
    job = make(Details={"ExportAssetsToS3": {"DataSetId": data_set_id}})
    details = job["Details"]["ExportAssetsToS3"]
    assert set(details) == DOCUMENTED_DETAILS["ExportAssetsToS3"]
    assert details["DataSetId"] == data_set_id
    assert dx.find_problems(job) == []


def test_list_replaces_the_default_list() -> None:
    entries = [{"AssetId": dx.job_id(str(n)), "Bucket": "own-bucket"} for n in range(2)]
    job = make(Details={"ExportAssetsToS3": {"AssetDestinations": entries}})
    assert job["Details"]["ExportAssetsToS3"]["AssetDestinations"] == entries


def test_errors_follow_the_given_details() -> None:
    asset_id = dx.job_id("asset")
    job = make(
        "EXPORT_ASSET_TO_SIGNED_URL",
        "ERROR",
        Details={"ExportAssetToSignedUrl": {"AssetId": asset_id}},
    )
    assert job["Errors"][0]["ResourceId"] == asset_id


def test_another_encryption_type_has_no_default_key() -> None:
    job = make(Details={"ExportAssetsToS3": {"Encryption": {"Type": "AES256"}}})
    assert job["Details"]["ExportAssetsToS3"]["Encryption"] == {"Type": "AES256"}
    key = "arn:aws:kms:eu-west-1:210987654321:key/1"
    job = make(Details={"ExportAssetsToS3": {"Encryption": {"KmsKeyArn": key}}})
    assert job["Details"]["ExportAssetsToS3"]["Encryption"] == {"Type": "aws:kms", "KmsKeyArn": key}


def test_impossible_encryption_is_kept() -> None:
    encryption = {"Type": "AES256", "KmsKeyArn": "arn:aws:kms:eu-west-1:210987654321:key/1"}
    job = make(Details={"ExportAssetsToS3": {"Encryption": encryption}})
    assert job["Details"]["ExportAssetsToS3"]["Encryption"] == encryption
    assert dx.find_problems(job)


def test_threads_do_not_share_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(30):
            monkeypatch.setenv("PYTEST_CURRENT_TEST", f"tests/test_x.py::test_{number} (call)")
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                ids = [job.result()["Id"] for job in [pool.submit(make) for _ in range(16)]]
            assert len(set(ids)) == 16
    finally:
        sys.setswitchinterval(before)


def test_make_job_ignores_the_aws_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "there is no such profile")
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))  # so that the model is loaded again
    assert dx.find_problems(dx.make_job()) == []


def test_absent_omits_a_member() -> None:
    assert "Errors" not in make("EXPORT_ASSETS_TO_S3", "ERROR", Errors=dx.ABSENT)
    job = make(Details={"ExportAssetsToS3": {"Encryption": dx.ABSENT}})
    assert "Encryption" not in job["Details"]["ExportAssetsToS3"]
    for name in ("Type", "State", "Id", "Arn", "CreatedAt", "UpdatedAt", "Details"):
        assert set(REQUIRED) - set(make(**{name: dx.ABSENT})) == {name}
    nothing = dict.fromkeys(REQUIRED | {"Errors"}, dx.ABSENT)
    assert make("EXPORT_ASSETS_TO_S3", "ERROR", **nothing) == {}


def test_error_of_a_job_without_details_has_code_and_message() -> None:
    job = make("EXPORT_ASSETS_TO_S3", "ERROR", Details=dx.ABSENT)
    assert set(job["Errors"][0]) == {"Code", "Message"}


def test_job_shares_no_objects_with_its_arguments_or_other_jobs() -> None:
    entries: list[Any] = [{"AssetId": dx.job_id("a"), "Bucket": "own-bucket"}]
    job = make(Details={"ExportAssetsToS3": {"AssetDestinations": entries}})
    entries[0]["Bucket"] = "changed"
    assert job["Details"]["ExportAssetsToS3"]["AssetDestinations"][0]["Bucket"] == "own-bucket"
    make()["Details"]["ExportAssetsToS3"]["AssetDestinations"].clear()
    assert make()["Details"]["ExportAssetsToS3"]["AssetDestinations"]
    job = make("IMPORT_ASSETS_FROM_S3", "ERROR")
    job["Details"]["ImportAssetsFromS3"]["AssetSources"][0]["Key"] = "changed"
    sources = job["Errors"][0]["Details"]["ImportAssetsFromS3JobErrorDetails"]
    assert sources[0]["Key"] != "changed"


@pytest.mark.parametrize(
    ("arguments", "members", "expected"),
    [
        (("EXPORT_ASSET_TO_S3",), {}, ["make_job: type", "did you mean 'EXPORT_ASSETS_TO_S3'?"]),
        (("exportAssetsToS3",), {}, ["did you mean 'EXPORT_ASSETS_TO_S3'?"]),
        ((5,), {}, ["make_job: type: 5 is not valid. Choose from IMPORT_ASSETS_FROM_S3, "]),
        (("EXPORT_ASSETS_TO_S3", "FAILED"), {}, ["make_job: state: 'FAILED'", "WAITING"]),
        (("EXPORT_ASSETS_TO_S3", "completed"), {}, ["did you mean 'COMPLETED'?"]),
        ((), {"State": "CANCELED"}, ["'CANCELED'", "did you mean 'CANCELLED'?"]),
        ((), {"Detials": {}}, ["Detials: unknown member", "did you mean 'Details'?"]),
        (
            (),
            {"Details": {"ExportAssetToS3": {}, "DataSetId": "x"}},
            [
                "Details: unknown member 'ExportAssetToS3'; EXPORT_ASSETS_TO_S3 has Details={'ExportAssetsToS3': {...}}",
                "Details: unknown member 'DataSetId'; EXPORT_ASSETS_TO_S3 has Details={",
            ],
        ),
        (
            (),
            {"Id": "nightly"},
            ["Id: 'nightly' is not a job id", "dx.job_id('nightly') makes one"],
        ),
        ((), {"Id": 5}, ["Id: a string is needed, not 5"]),
        ((), {"Details": None}, ["Details: a dict is needed, not None"]),
        (
            (),
            {"CreatedAt": datetime.datetime(2024, 1, 1)},  # noqa: DTZ001
            ["CreatedAt", "is naive", "tzinfo=datetime.timezone.utc"],
        ),
        ((), {"CreatedAt": "2024-01-01"}, ["CreatedAt: an aware datetime is needed"]),
        (
            (),
            {"Details": {"ExportAssetToSignedUrl": {}}},
            [
                "Details.ExportAssetToSignedUrl: belongs to another type",
                "Details={'ExportAssetsToS3'",
            ],
        ),
        (
            (),
            {"Details": {"ExportAssetsToS3": {"DatasetId": "x", "RevisionId": 1}}},
            [
                "Details.ExportAssetsToS3.DatasetId: unknown",
                "did you mean 'DataSetId'?",
                ".RevisionId",
            ],
        ),
        (
            (),
            {"Details": {"ExportAssetsToS3": {"AssetDestinations": [{"Bucket": "b"}]}}},
            ["Details.ExportAssetsToS3.AssetDestinations[0].AssetId: missing"],
        ),
        (
            (),
            {"Errors": [{"Code": "MALWARE", "Message": "m"}]},
            ["Errors[0].Code: 'MALWARE' is not"],
        ),
        ((), {"Errors": {}}, ["Errors: a list is needed, not {}"]),
        ((), {"Id": threading.Lock()}, ["Id: a string is needed, not <unlocked"]),
        ((), {"state": "ERROR"}, ["state: unknown member", "did you mean 'State'?"]),
    ],
)
def test_invalid_argument_raises_usage_error(
    arguments: tuple[Any, ...], members: dict[str, Any], expected: list[str]
) -> None:
    with pytest.raises(dx.UsageError) as caught:
        dx.make_job(*arguments, **members)
    assert isinstance(caught.value, ValueError)
    for part in expected:
        assert part in str(caught.value)


def test_error_has_a_code_and_a_message() -> None:
    assert dx.make_error()["Code"] == "VALIDATION_EXCEPTION"
    for code in dx.JOB_ERROR_CODES:
        error = dx.make_error(code)
        assert set(error) == {"Code", "Message"}
        assert error["Message"]


def test_members_of_an_error_are_set_by_name() -> None:
    error = dx.make_error(
        "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
        LimitName="Assets per revision",
        LimitValue=10000.0,
        Message="Too many",
    )
    assert error == {
        "Code": "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
        "LimitName": "Assets per revision",
        "LimitValue": 10000.0,
        "Message": "Too many",
    }
    assert dx.make_error(Code="MALWARE_DETECTED") == dx.make_error("MALWARE_DETECTED")
    assert dx.make_error(Message=dx.ABSENT) == {"Code": "VALIDATION_EXCEPTION"}


@pytest.mark.parametrize(
    ("arguments", "members", "expected"),
    [
        (("MALWARE",), {}, "make_error: code: 'MALWARE' is not valid"),
        (("ThrottlingException",), {}, "make_error: code: 'ThrottlingException'"),
        ((), {"message": "m"}, "did you mean 'Message'?"),
        ((), {"LimitValue": "many"}, "LimitValue: a number is needed, not 'many'"),
        (
            (),
            {"LimitValue": 2**53 + 1},
            "LimitValue: 9007199254740993 has more digits than a double",
        ),
        ((), {"LimitValue": True}, "LimitValue: a number is needed, not True"),
        ((), {"LimitValue": float("nan")}, "LimitValue: a finite number is needed, not nan"),
        ((), {"LimitValue": 10**400}, "LimitValue: a finite number is needed, not 1000"),
        ((), {"Details": {"S3": []}}, "Details.S3: unknown member"),
    ],
)
def test_invalid_error_raises_usage_error(arguments: tuple[str, ...], members: dict[str, Any], expected: str) -> None:
    with pytest.raises(dx.UsageError, match=re.escape(expected)):
        dx.make_error(*arguments, **members)


def test_job_id_depends_on_the_label_only() -> None:
    assert dx.job_id("nightly") == "2a3b62b53ddb9f167b63d22202a36081"
    assert dx.job_id("weekly") != dx.job_id("nightly")
    assert re.fullmatch("[0-9a-f]{32}", dx.job_id("ü"))


def test_label_that_is_not_a_string_raises_usage_error() -> None:
    with pytest.raises(dx.UsageError, match="job_id: label: a string such as"):
        dx.job_id(5)  # type: ignore[arg-type]


def test_malformed_id_is_reported_once() -> None:
    with pytest.raises(dx.UsageError) as caught:
        dx.make_job(Id="nightly", Arn=5)
    assert re.findall(r"^  (\w+):", str(caught.value), re.MULTILINE) == ["Id", "Arn"]
