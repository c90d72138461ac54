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
WITHIN_ITSELF: dict[str, Any] = {}
WITHIN_ITSELF["ExportAssetsToS3"] = WITHIN_ITSELF
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
# Read off the reference page of GetJob, member by member.
DETAILS_ON_THE_PAGE: dict[str, Any] = {
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
ALWAYS_THERE = {"Arn", "CreatedAt", "Details", "Id", "State", "Type", "UpdatedAt"}


def make(*args: str, **members: object) -> dict[str, Any]:
    """``make_job`` as a plain dict, for tests that look at members of any type."""
    return dict(dx.make_job(*args, **members))


@pytest.mark.parametrize(("type_", "state"), EVERY_JOB)
def test_a_job_has_every_member_that_the_page_documents(type_: str, state: str) -> None:
    job = make(type_, state)

    documented = ALWAYS_THERE | ({"Errors"} if state == "ERROR" else set())
    assert set(job) - {"AssetConfiguration"} == documented
    member = MEMBER_OF[type_]
    expected = set(DETAILS_ON_THE_PAGE[member])
    if type_ == "EXPORT_ASSET_TO_SIGNED_URL" and state != "COMPLETED":
        expected -= {"SignedUrl", "SignedUrlExpiresAt"}
    assert list(job["Details"]) == [member]
    assert set(job["Details"][member]) == expected
    assert (job["Type"], job["State"]) == (type_, state)


@pytest.mark.parametrize(("type_", "state"), EVERY_JOB)
def test_a_job_has_no_problems(type_: str, state: str) -> None:
    assert dx.find_problems(dx.make_job(type_, state)) == []


def test_a_job_with_no_arguments_is_a_completed_export() -> None:
    job = make()
    assert (job["Type"], job["State"]) == ("EXPORT_ASSETS_TO_S3", "COMPLETED")


def test_a_text_of_which_no_more_is_known_is_the_name_of_its_member() -> None:
    own = make("IMPORT_ASSET_FROM_API_GATEWAY_API")["Details"]["ImportAssetFromApiGatewayApi"]
    assert (own["ApiName"], own["ApiDescription"]) == ("ApiName", "ApiDescription")


def test_tags_of_assets_come_with_the_types_that_create_assets() -> None:
    tagged = {type_ for type_ in dx.JOB_TYPES if "AssetConfiguration" in make(type_)}
    creating = {type_ for type_ in dx.JOB_TYPES if not type_.startswith("EXPORT")}
    known = "AssetConfiguration" in MODEL.operation_model("GetJob").output_shape.members
    assert tagged == (creating if known else set())  # botocore before 1.42.80 knows no tags


def test_a_failed_job_tells_what_it_is_about() -> None:
    error = make("IMPORT_ASSETS_FROM_S3", "ERROR")["Errors"][0]
    details = make("IMPORT_ASSETS_FROM_S3", "ERROR")["Details"]["ImportAssetsFromS3"]
    assert error["Message"]
    assert error["Details"] == {"ImportAssetsFromS3JobErrorDetails": details["AssetSources"]}

    job = make("IMPORT_ASSET_FROM_SIGNED_URL", "ERROR")
    name = job["Details"]["ImportAssetFromSignedUrl"]["AssetName"]
    assert job["Errors"][0]["Details"] == {
        "ImportAssetFromSignedUrlJobErrorDetails": {"AssetName": name}
    }

    job = make("EXPORT_ASSETS_TO_S3", "ERROR")
    asset = job["Details"]["ExportAssetsToS3"]["AssetDestinations"][0]["AssetId"]
    assert job["Errors"][0]["ResourceId"] == asset
    assert job["Errors"][0]["ResourceType"] == "ASSET"
    assert "Details" not in job["Errors"][0]


def test_no_two_jobs_share_an_id() -> None:
    ids = [make()["Id"] for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_ids_are_the_same_in_each_run_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_dxjobs._core import ids as _ids

    def ids_in(test: str) -> list[str]:
        monkeypatch.setenv("PYTEST_CURRENT_TEST", f"{test} (call)")
        return [make()["Id"], make()["Id"]]

    first, other = ids_in("tests/test_a.py::test_a"), ids_in("tests/test_a.py::test_b")
    _ids._numbers.cache_clear()  # as in a new process
    assert ids_in("tests/test_a.py::test_b") == other
    assert ids_in("tests/test_a.py::test_a") == first
    assert not set(first) & set(other)


def test_an_id_brings_its_arn() -> None:
    job = make(Id=dx.job_id("nightly"))
    assert job["Arn"] == f"arn:aws:dataexchange:us-east-1:123456789012:jobs/{dx.job_id('nightly')}"


def test_times_are_of_now_and_in_order() -> None:
    before = datetime.datetime.now(UTC)
    for state in dx.JOB_STATES:
        job = make("EXPORT_ASSETS_TO_S3", state)
        assert job["CreatedAt"] <= job["UpdatedAt"] <= datetime.datetime.now(UTC)
        assert before - job["UpdatedAt"] < datetime.timedelta(seconds=1)
        assert job["UpdatedAt"].microsecond % 1000 == 0
        assert (job["CreatedAt"] == job["UpdatedAt"]) == (state == "WAITING")


def test_the_other_time_follows_the_one_that_is_given() -> None:
    moment = datetime.datetime(2040, 5, 1, tzinfo=UTC)
    assert make(CreatedAt=moment)["UpdatedAt"] > moment
    assert make(UpdatedAt=moment)["CreatedAt"] < moment
    assert make("EXPORT_ASSETS_TO_S3", "WAITING", CreatedAt=moment)["UpdatedAt"] == moment
    url = make("EXPORT_ASSET_TO_SIGNED_URL", UpdatedAt=moment)["Details"]["ExportAssetToSignedUrl"]
    assert url["SignedUrlExpiresAt"] - moment == datetime.timedelta(minutes=1)
    url = make("IMPORT_ASSET_FROM_SIGNED_URL", CreatedAt=moment)["Details"]
    expiry = url["ImportAssetFromSignedUrl"]["SignedUrlExpiresAt"]
    assert expiry - moment == datetime.timedelta(hours=1)


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"])
def test_the_ends_of_time_are_good_times(written: str) -> None:
    moment = datetime.datetime.fromisoformat(written)
    assert dx.find_problems(make(CreatedAt=moment)) == []
    assert dx.find_problems(make(UpdatedAt=moment)) == []


def test_a_member_is_overridden_by_name() -> None:
    error = dx.make_error("MALWARE_DETECTED")
    job = make("IMPORT_ASSETS_FROM_S3", "ERROR", Errors=[error], Id=dx.job_id("x"))
    assert job["Errors"] == [error]
    assert job["Id"] == dx.job_id("x")
    assert make(State="ERROR")["Errors"]
    assert list(make(Type="EXPORT_REVISIONS_TO_S3")["Details"]) == ["ExportRevisionsToS3"]


def test_partial_details_keep_the_rest() -> None:
    mine = dx.job_id("mine")
    job = make(Details={"ExportAssetsToS3": {"DataSetId": mine}})
    details = job["Details"]["ExportAssetsToS3"]
    assert set(details) == DETAILS_ON_THE_PAGE["ExportAssetsToS3"]
    assert details["DataSetId"] == mine
    assert dx.find_problems(job) == []


def test_a_list_replaces_the_list() -> None:
    entries = [{"AssetId": dx.job_id(str(n)), "Bucket": "mine"} for n in range(2)]
    job = make(Details={"ExportAssetsToS3": {"AssetDestinations": entries}})
    assert job["Details"]["ExportAssetsToS3"]["AssetDestinations"] == entries


def test_errors_are_about_the_details_that_are_given() -> None:
    mine = dx.job_id("mine")
    job = make(
        "EXPORT_ASSET_TO_SIGNED_URL",
        "ERROR",
        Details={"ExportAssetToSignedUrl": {"AssetId": mine}},
    )
    assert job["Errors"][0]["ResourceId"] == mine


def test_other_encryption_brings_no_key() -> None:
    job = make(Details={"ExportAssetsToS3": {"Encryption": {"Type": "AES256"}}})
    assert job["Details"]["ExportAssetsToS3"]["Encryption"] == {"Type": "AES256"}
    key = "arn:aws:kms:eu-west-1:210987654321:key/1"
    job = make(Details={"ExportAssetsToS3": {"Encryption": {"KmsKeyArn": key}}})
    assert job["Details"]["ExportAssetsToS3"]["Encryption"] == {"Type": "aws:kms", "KmsKeyArn": key}


def test_encryption_that_cannot_be_is_made_as_it_is_given() -> None:
    given = {"Type": "AES256", "KmsKeyArn": "arn:aws:kms:eu-west-1:210987654321:key/1"}
    job = make(Details={"ExportAssetsToS3": {"Encryption": given}})
    assert job["Details"]["ExportAssetsToS3"]["Encryption"] == given
    assert dx.find_problems(job)


def test_threads_that_begin_a_test_together_share_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for turn in range(30):
            monkeypatch.setenv("PYTEST_CURRENT_TEST", f"tests/test_x.py::test_{turn} (call)")
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                ids = [made.result()["Id"] for made in [pool.submit(make) for _ in range(16)]]
            assert len(set(ids)) == 16
    finally:
        sys.setswitchinterval(before)


def test_a_configuration_that_is_broken_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "there is no such profile")
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))  # so that the model is read anew
    assert dx.find_problems(dx.make_job()) == []


def test_absent_leaves_a_member_out() -> None:
    assert "Errors" not in make("EXPORT_ASSETS_TO_S3", "ERROR", Errors=dx.ABSENT)
    job = make(Details={"ExportAssetsToS3": {"Encryption": dx.ABSENT}})
    assert "Encryption" not in job["Details"]["ExportAssetsToS3"]
    for name in ("Type", "State", "Id", "Arn", "CreatedAt", "UpdatedAt", "Details"):
        assert set(ALWAYS_THERE) - set(make(**{name: dx.ABSENT})) == {name}
    nothing = dict.fromkeys(ALWAYS_THERE | {"Errors"}, dx.ABSENT)
    assert make("EXPORT_ASSETS_TO_S3", "ERROR", **nothing) == {}


def test_an_error_without_details_to_be_about_still_has_code_and_message() -> None:
    job = make("EXPORT_ASSETS_TO_S3", "ERROR", Details=dx.ABSENT)
    assert set(job["Errors"][0]) == {"Code", "Message"}


def test_a_job_shares_nothing_with_what_it_was_made_from() -> None:
    given: list[Any] = [{"AssetId": dx.job_id("a"), "Bucket": "mine"}]
    job = make(Details={"ExportAssetsToS3": {"AssetDestinations": given}})
    given[0]["Bucket"] = "changed"
    assert job["Details"]["ExportAssetsToS3"]["AssetDestinations"][0]["Bucket"] == "mine"
    make()["Details"]["ExportAssetsToS3"]["AssetDestinations"].clear()
    assert make()["Details"]["ExportAssetsToS3"]["AssetDestinations"]
    job = make("IMPORT_ASSETS_FROM_S3", "ERROR")
    job["Details"]["ImportAssetsFromS3"]["AssetSources"][0]["Key"] = "changed"
    sources = job["Errors"][0]["Details"]["ImportAssetsFromS3JobErrorDetails"]
    assert sources[0]["Key"] != "changed"


@pytest.mark.parametrize(
    ("arguments", "members", "told"),
    [
        (("EXPORT_ASSET_TO_S3",), {}, ["make_job: type", "did you mean 'EXPORT_ASSETS_TO_S3'?"]),
        (("exportAssetsToS3",), {}, ["did you mean 'EXPORT_ASSETS_TO_S3'?"]),
        ((5,), {}, ["make_job: type: 5 is not one of IMPORT_ASSETS_FROM_S3, "]),
        (("EXPORT_ASSETS_TO_S3", "FAILED"), {}, ["make_job: state: 'FAILED'", "WAITING"]),
        (("EXPORT_ASSETS_TO_S3", "completed"), {}, ["did you mean 'COMPLETED'?"]),
        ((), {"State": "CANCELED"}, ["'CANCELED'", "did you mean 'CANCELLED'?"]),
        ((), {"Detials": {}}, ["Detials: unknown member", "did you mean 'Details'?"]),
        (
            (),
            {"Details": {"ExportAssetToS3": {}, "DataSetId": "x"}},
            ["did you mean 'ExportAssetsToS3'?", "'DataSetId' is no member of it; this one has"],
        ),
        ((), {"Id": "nightly"}, ["Id: 'nightly' is no job id", "dx.job_id('nightly') makes one"]),
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
        ((), {"\ud800": 1}, ["\\ud800: unknown member"]),
        ((), {"Details": WITHIN_ITSELF}, ["make_job: {'Details'", "cannot be read: Recursion"]),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_what_is_permitted(
    arguments: tuple[Any, ...], members: dict[str, Any], told: list[str]
) -> None:
    with pytest.raises(dx.UsageError) as caught:
        dx.make_job(*arguments, **members)
    assert isinstance(caught.value, ValueError)
    for part in told:
        assert part in str(caught.value)


def test_an_error_has_a_code_and_a_message() -> None:
    assert dx.make_error()["Code"] == "VALIDATION_EXCEPTION"
    for code in dx.JOB_ERROR_CODES:
        error = dx.make_error(code)
        assert set(error) == {"Code", "Message"}
        assert error["Message"]


def test_members_of_an_error_are_given_by_name() -> None:
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
    ("arguments", "members", "told"),
    [
        (("MALWARE",), {}, "make_error: code: 'MALWARE' is not one of"),
        (("ThrottlingException",), {}, "make_error: code: 'ThrottlingException'"),
        ((), {"message": "m"}, "did you mean 'Message'?"),
        ((), {"LimitValue": "many"}, "LimitValue: a number is needed, not 'many'"),
        ((), {"LimitValue": 2**53 + 1}, "LimitValue: 9007199254740993 has more digits than"),
        ((), {"LimitValue": True}, "LimitValue: a number is needed, not True"),
        ((), {"LimitValue": float("nan")}, "LimitValue: a finite number is needed, not nan"),
        ((), {"LimitValue": 10**400}, "LimitValue: a finite number is needed, not 1000"),
        ((), {"LimitValue": 10**5000}, "LimitValue: a finite number is needed, not <an integer of"),
        ((), {"Details": {"S3": []}}, "Details.S3: unknown member"),
    ],
)
def test_a_mistake_in_an_error_is_refused(
    arguments: tuple[str, ...], members: dict[str, Any], told: str
) -> None:
    with pytest.raises(dx.UsageError, match=re.escape(told)):
        dx.make_error(*arguments, **members)


def test_a_label_gives_the_same_id_everywhere() -> None:
    assert dx.job_id("nightly") == "2a3b62b53ddb9f167b63d22202a36081"
    assert dx.job_id("weekly") != dx.job_id("nightly")
    assert re.fullmatch("[0-9a-f]{32}", dx.job_id("\ud800 ü"))


def test_a_label_is_text() -> None:
    with pytest.raises(dx.UsageError, match="job_id: the label is a string"):
        dx.job_id(5)  # type: ignore[arg-type]


def test_an_id_that_is_none_is_told_once() -> None:
    with pytest.raises(dx.UsageError) as caught:
        dx.make_job(Id="nightly", Arn=5)
    assert re.findall(r"^  (\w+):", str(caught.value), re.MULTILINE) == ["Id", "Arn"]
