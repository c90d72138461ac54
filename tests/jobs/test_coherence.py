"""``find_problems``: each rule, with a job that breaks it and the problem that it reports."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from hypothesis import example, given, settings, strategies as st

import pytest_dxjobs as dx

UTC = datetime.timezone.utc
Change = Callable[[dict[str, Any]], object]


def make(type_: str, state: str = "COMPLETED") -> dict[str, Any]:
    return dict(dx.make_job(type_, state))


def quota_error(limit: str, **members: object) -> dict[str, Any]:
    return {
        "Code": "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
        "Message": "Too many",
        "LimitName": limit,
        "LimitValue": 5.0,
        **members,
    }


EXPORT, EXPORTS = "EXPORT_ASSETS_TO_S3", "ExportAssetsToS3"
S3_IMPORT, SIGNED_IMPORT = "IMPORT_ASSETS_FROM_S3", "IMPORT_ASSET_FROM_SIGNED_URL"
SIGNED_EXPORT, API = "EXPORT_ASSET_TO_SIGNED_URL", "IMPORT_ASSET_FROM_API_GATEWAY_API"
LAKE, S3_ACCESS = (
    "IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY",
    "CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET",
)


def details_of(job: dict[str, Any]) -> dict[str, Any]:
    (details,) = job["Details"].values()
    assert isinstance(details, dict)
    return details


def add_unnamed_member(job: dict[Any, Any]) -> None:
    job[5] = 1


def bucket(name: str) -> Change:
    return lambda job: details_of(job)["AssetSources"][0].update(Bucket=name)


def key(name: str) -> Change:
    return lambda job: details_of(job)["AssetSources"][0].update(Key=name)


def encryption(**members: str) -> Change:
    return lambda job: details_of(job).update(Encryption=members)


def first_error(**members: object) -> Change:
    return lambda job: job["Errors"][0].update(members)


def errors(*entries: object) -> Change:
    return lambda job: job.update(Errors=list(entries))


BROKEN: list[tuple[str, str, Change, str]] = [
    # rules of the service model
    (
        EXPORT,
        "COMPLETED",
        lambda j: j.update(State="DONE"),
        "State: 'DONE' is not valid. Choose from WAITING",
    ),
    (EXPORT, "COMPLETED", lambda j: j.update(Type="EXPORT"), "Type: 'EXPORT' is not valid"),
    (EXPORT, "COMPLETED", lambda j: j.update(Extra=1), "Extra: unknown member 'Extra'"),
    (EXPORT, "COMPLETED", add_unnamed_member, "(response): unknown member 5"),
    (EXPORT, "COMPLETED", lambda j: j.pop("Id"), "Id: missing; every job has it"),
    (EXPORT, "COMPLETED", lambda j: j.pop("State"), "State: missing; every job has it"),
    (
        EXPORT,
        "COMPLETED",
        lambda j: details_of(j).pop("DataSetId"),
        f"Details.{EXPORTS}.DataSetId: missing; the service model requires it",
    ),
    (
        EXPORT,
        "COMPLETED",
        lambda j: details_of(j).update(AssetDestinations=({},)),
        f"Details.{EXPORTS}.AssetDestinations: a list is needed, not ({{}},)",
    ),
    (
        EXPORT,
        "COMPLETED",
        lambda j: j.update(CreatedAt=5),
        "CreatedAt: an aware datetime is needed",
    ),
    (
        LAKE,
        "COMPLETED",
        lambda j: details_of(j).update(RoleArn="arn:aws:iam::1:role/x"),
        "RoleArn: 'arn:aws:iam::1:role/x' does not match",
    ),
    (
        LAKE,
        "COMPLETED",
        lambda j: details_of(j).update(CatalogId="12345678901"),
        "CatalogId: 11 characters; the minimum is 12",
    ),
    (
        LAKE,
        "COMPLETED",
        lambda j: details_of(j).update(CatalogId="१२३४५६७८९०१२"),
        "CatalogId: '१२३४५६७८९०१२' does not match ^[\\d]{12}$",
    ),
    (
        S3_ACCESS,
        "COMPLETED",
        lambda j: details_of(j)["AssetSource"].update(KmsKeysToGrant=[]),
        "KmsKeysToGrant: 0 entries; the minimum is 1",
    ),
    (EXPORT, "COMPLETED", lambda j: j.update(Type=[]), "Type: a string is needed, not []"),
    (SIGNED_EXPORT, "COMPLETED", lambda j: j.update(State=[]), "State: a string is needed, not"),
    # rules of coherence
    (
        EXPORT,
        "COMPLETED",
        lambda j: j.update(Id="short"),
        "Id: 'short' does not match [a-zA-Z0-9]{30,40}",
    ),
    (EXPORT, "COMPLETED", lambda j: j.update(Id="é" * 32), "does not match [a-zA-Z0-9]{30,40}"),
    (EXPORT, "COMPLETED", lambda j: j.update(Id="a" * 32), f"does not end in jobs/{'a' * 32}"),
    (EXPORT, "COMPLETED", lambda j: j.update(Arn=f"jobs/{j['Id']}"), "is not a job ARN"),
    (
        EXPORT,
        "COMPLETED",
        lambda j: j.update(Arn=j["Arn"].replace("123456789012", "12345")),
        "is not a job ARN",
    ),
    (
        EXPORT,
        "COMPLETED",
        lambda j: j.update(Arn=j["Arn"].replace("us-east-1", "")),
        "is not a job ARN",
    ),
    (EXPORT, "COMPLETED", lambda j: j.update(Arn=j["Arn"] + "\n"), "Arn: "),
    (
        EXPORT,
        "COMPLETED",
        lambda j: j.update(Arn=j["Arn"].replace("jobs/", "jobs/x:jobs/")),
        "is not a job ARN",
    ),
    (
        EXPORT,
        "COMPLETED",
        lambda j: j.update(UpdatedAt=j["CreatedAt"] - datetime.timedelta(milliseconds=1)),
        "UpdatedAt: ",
    ),
    (
        EXPORT,
        "COMPLETED",
        lambda j: j["Details"].update(make(S3_IMPORT)["Details"]),
        f"Details.ImportAssetsFromS3: belongs to another type; {EXPORT} has {EXPORTS}",
    ),
    (
        EXPORT,
        "COMPLETED",
        lambda j: j.update(Details={}),
        f"Details.{EXPORTS}: missing; a job of type {EXPORT} has it",
    ),
    (EXPORT, "ERROR", lambda j: j.pop("Errors"), "Errors: missing; a job in state ERROR"),
    (EXPORT, "ERROR", lambda j: j.update(Errors=[]), "Errors: empty; a job in state ERROR"),
    (EXPORT, "COMPLETED", lambda j: j.update(Errors=[]), "Errors: present, although State is 'COM"),
    (
        EXPORT,
        "TIMED_OUT",
        errors({"Code": "MALWARE_DETECTED", "Message": "m"}),
        "Errors: present, although State is 'TIMED_OUT'",
    ),
    (
        S3_IMPORT,
        "ERROR",
        first_error(LimitName="Asset size in GB"),
        "Errors[0].LimitName: present; only an error with code SERVICE_QUOTA_EXCEEDED_EXCEPTION has it",
    ),
    (
        S3_IMPORT,
        "ERROR",
        first_error(LimitValue=5.0),
        "Errors[0].LimitValue: present; only an error with",
    ),
    (
        S3_IMPORT,
        "ERROR",
        errors(quota_error("Amazon S3 data access assets per revision")),
        f"is not a limit of {S3_IMPORT}, but of {S3_ACCESS}",
    ),
    (
        EXPORT,
        "ERROR",
        errors(quota_error("Assets per revision")),
        f"Errors[0].LimitName: 'Assets per revision' is not a limit of {EXPORT}",
    ),
    (
        EXPORT,
        "ERROR",
        first_error(ResourceId="a" * 32),
        f"Errors[0].ResourceId: '{'a' * 32}' does not occur in Details",
    ),
    (
        S3_IMPORT,
        "ERROR",
        first_error(ResourceType="ASSET"),
        f"Errors[0].ResourceType: ASSET does not fit '{S3_IMPORT}'; its Details have no AssetId",
    ),
    (
        EXPORT,
        "ERROR",
        lambda j: j["Errors"][0].update(ResourceId=details_of(j)["DataSetId"]),
        "Errors[0].ResourceId: ",
    ),
    (
        EXPORT,
        "ERROR",
        lambda j: (j["Errors"][0].pop("ResourceType"), j["Errors"][0].update(ResourceId="b" * 32)),
        "Errors[0].ResourceId: ",
    ),
    (
        EXPORT,
        "ERROR",
        first_error(ResourceType="JOB"),
        "Errors[0].ResourceType: 'JOB' is not valid",
    ),
    (
        EXPORT,
        "ERROR",
        first_error(Details={"ImportAssetFromSignedUrlJobErrorDetails": {"AssetName": "prices.csv"}}),
        f"ImportAssetFromSignedUrlJobErrorDetails: does not fit {EXPORT}, which has no error details",
    ),
    (
        S3_IMPORT,
        "ERROR",
        first_error(Details={"ImportAssetFromSignedUrlJobErrorDetails": {"AssetName": "a"}}),
        f"does not fit {S3_IMPORT}, which has ImportAssetsFromS3JobErrorDetails",
    ),
    (
        S3_IMPORT,
        "ERROR",
        first_error(Details={"ImportAssetsFromS3JobErrorDetails": [{"Bucket": "other", "Key": "k"}]}),
        "Errors[0].Details.ImportAssetsFromS3JobErrorDetails[0]: {'Bucket': 'other', 'Key': 'k'} is not",
    ),
    (
        SIGNED_IMPORT,
        "ERROR",
        first_error(Details={"ImportAssetFromSignedUrlJobErrorDetails": {"AssetName": "other"}}),
        "ImportAssetFromSignedUrlJobErrorDetails.AssetName: 'other' differs from the job's Details, ",
    ),
    (
        S3_IMPORT,
        "ERROR",
        first_error(Details={"ImportAssetsFromS3JobErrorDetails": "prices.csv"}),
        "ImportAssetsFromS3JobErrorDetails: a list is needed, not 'prices.csv'",
    ),
    (
        SIGNED_IMPORT,
        "ERROR",
        first_error(Details={"Other": {}}),
        "Errors[0].Details.Other: unknown member",
    ),
    (
        SIGNED_IMPORT,
        "ERROR",
        first_error(Details={"Other": {}, "ImportAssetFromSignedUrlJobErrorDetails": {"AssetName": "b"}}),
        "ImportAssetFromSignedUrlJobErrorDetails.AssetName: 'b' differs from the job's Details, ",
    ),
    (EXPORT, "COMPLETED", encryption(Type="aws:kms"), "Encryption.KmsKeyArn: missing"),
    (
        EXPORT,
        "COMPLETED",
        encryption(Type="AES256", KmsKeyArn="arn:aws:kms:us-east-1:123456789012:key/1"),
        "Encryption.KmsKeyArn: present; only encryption with aws:kms has a key",
    ),
    (
        EXPORT,
        "COMPLETED",
        encryption(Type="aws:kms", KmsKeyArn="key/1"),
        f"Details.{EXPORTS}.Encryption.KmsKeyArn: 'key/1' is not an ARN",
    ),
    (
        SIGNED_EXPORT,
        "COMPLETED",
        lambda j: [details_of(j).pop(name) for name in ("SignedUrl", "SignedUrlExpiresAt")],
        f"SignedUrl: missing; a job of type {SIGNED_EXPORT} has it in state COMPLETED",
    ),
    (
        SIGNED_EXPORT,
        "WAITING",
        lambda j: details_of(j).update(SignedUrl="https://example.com"),
        f"SignedUrl: present, although a job of type {SIGNED_EXPORT} has none in state WAITING",
    ),
    (
        SIGNED_IMPORT,
        "WAITING",
        lambda j: [details_of(j).pop(name) for name in ("SignedUrl", "SignedUrlExpiresAt")],
        f"SignedUrlExpiresAt: missing; a job of type {SIGNED_IMPORT} has it in state WAITING",
    ),
    (
        SIGNED_IMPORT,
        "COMPLETED",
        lambda j: details_of(j).pop("SignedUrl"),
        "SignedUrl: missing; a signed URL and its expiry come together",
    ),
    (SIGNED_IMPORT, "ERROR", lambda j: details_of(j).update(Md5Hash="A" * 24), "of 18 bytes"),
    (SIGNED_IMPORT, "ERROR", lambda j: details_of(j).update(Md5Hash="A" * 22 + "=="), ""),
    (SIGNED_IMPORT, "ERROR", lambda j: details_of(j).update(Md5Hash="!" * 24), "is not base64"),
    (API, "ERROR", lambda j: details_of(j).update(ApiSpecificationMd5Hash="é" * 24), "not base64"),
    (S3_IMPORT, "COMPLETED", bucket("ab"), "AssetSources[0].Bucket: 'ab' is not a bucket name"),
    (S3_IMPORT, "COMPLETED", bucket("a" * 64), "is not a bucket name"),
    (S3_IMPORT, "COMPLETED", bucket("Bucket"), "is not a bucket name"),
    (S3_IMPORT, "COMPLETED", bucket("my_bucket"), "is not a bucket name"),
    (S3_IMPORT, "COMPLETED", bucket("a..b"), "is not a bucket name"),
    (S3_IMPORT, "COMPLETED", bucket("-ab"), "is not a bucket name"),
    (S3_IMPORT, "COMPLETED", bucket("192.168.0.1"), "not an IP address"),
    (S3_IMPORT, "COMPLETED", bucket("xn--bucket"), "S3 reserves this prefix or suffix"),
    (S3_IMPORT, "COMPLETED", bucket("bucket-s3alias"), "S3 reserves this prefix or suffix"),
    (S3_IMPORT, "COMPLETED", bucket("bucket\n"), "is not a bucket name"),
    (S3_IMPORT, "COMPLETED", bucket("aaa.b.c-1"), ""),
    (S3_IMPORT, "COMPLETED", key(""), "AssetSources[0].Key: '' is not an object key"),
    (S3_IMPORT, "COMPLETED", key("k"), ""),
    (S3_IMPORT, "COMPLETED", key("é" * 512 + "k"), "1 to 1024 bytes of UTF-8, not 1025"),
    (S3_IMPORT, "COMPLETED", key("é" * 512), ""),
    (
        S3_ACCESS,
        "COMPLETED",
        lambda j: details_of(j)["AssetSource"].update(KeyPrefixes=[""]),
        "AssetSource.KeyPrefixes[0]: '' is not an object key",
    ),
]


@pytest.mark.parametrize(("type_", "state", "change", "expected"), BROKEN)
def test_impossible_response_is_reported(type_: str, state: str, change: Change, expected: str) -> None:
    job = make(type_, state)
    change(job)
    problems = dx.find_problems(job)
    if expected:
        assert any(expected in problem for problem in problems), problems
    else:
        assert problems == []
    assert not any("cannot be checked" in problem for problem in problems)


def test_all_problems_are_reported_at_once() -> None:
    job = make(S3_IMPORT, "ERROR")
    job.update(State="DONE", Extra=1, CreatedAt="now")
    details_of(job)["AssetSources"][0]["Bucket"] = "B"
    places = {problem.split(":")[0] for problem in dx.find_problems(job)}
    bucket_place = "Details.ImportAssetsFromS3.AssetSources[0].Bucket"
    # The error in Errors is about the same bucket.
    error_place = "Errors[0].Details.ImportAssetsFromS3JobErrorDetails[0]"
    assert places - {error_place} == {"State", "Extra", "CreatedAt", "Errors", bucket_place}


@pytest.mark.parametrize(
    "change",
    [
        lambda job: job.update(ResponseMetadata={"HTTPStatusCode": 200}),
        lambda job: details_of(job).pop("Encryption"),
        lambda job: details_of(job).update(Encryption={"Type": "AES256"}),
        lambda job: details_of(job)["AssetDestinations"][0].pop("Key"),
        lambda job: job.update(Arn=job["Arn"].replace("aws", "aws-us-gov", 1)),
        lambda job: job.update(UpdatedAt=job["CreatedAt"]),
        lambda job: job.update(UpdatedAt=job["UpdatedAt"].astimezone(datetime.timezone(datetime.timedelta(hours=-9)))),
    ],
)
def test_possible_response_has_no_problems(change: Change) -> None:
    job = make(EXPORT)
    change(job)
    assert dx.find_problems(job) == []


@pytest.mark.parametrize(
    ("type_", "limit"),
    [
        (S3_IMPORT, "Assets per revision"),
        (SIGNED_IMPORT, "Asset size in GB"),
        (
            "IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES",
            "Amazon Redshift datashare assets per revision",
        ),
        (LAKE, "AWS Lake Formation data permission assets per revision"),
        (S3_ACCESS, "Amazon S3 data access assets per revision"),
    ],
)
def test_limit_fits_its_type(type_: str, limit: str) -> None:
    job = make(type_, "ERROR")
    job["Errors"] = [quota_error(limit)]
    assert dx.find_problems(job) == []


def test_error_may_name_any_resource_of_details() -> None:
    job = make("EXPORT_REVISIONS_TO_S3", "ERROR")
    details = details_of(job)
    for kind, resource in (
        ("DATA_SET", details["DataSetId"]),
        ("REVISION", details["RevisionDestinations"][0]["RevisionId"]),
    ):
        job["Errors"] = [dx.make_error(ResourceType=kind, ResourceId=resource)]
        assert dx.find_problems(job) == []
        job["Errors"] = [dx.make_error(ResourceId=resource)]
        assert dx.find_problems(job) == []
        job["Errors"] = [dx.make_error(ResourceType=kind)]
        assert dx.find_problems(job) == []


@pytest.mark.parametrize("value", [None, 5, "job", [], object(), dx.ABSENT, {"Details": {}}.keys()])
def test_response_that_is_not_a_dict_is_reported(value: object) -> None:
    (problem,) = dx.find_problems(value)
    assert problem.startswith("(response): a dict is needed, not ")


def test_value_that_contains_itself_is_reported() -> None:
    job = make(EXPORT)
    job["Details"] = job
    assert dx.find_problems(job)
    entries: list[Any] = []
    entries.append(entries)
    job = make(EXPORT)
    details_of(job)["AssetDestinations"] = entries
    assert dx.find_problems(job)


def test_object_whose_methods_raise_is_reported() -> None:
    class RaisingDict(dict[str, Any]):
        def __contains__(self, name: object) -> bool:
            raise RuntimeError("no")

    job = make(EXPORT) | {"State": "X", "Details": {EXPORTS: RaisingDict()}}
    problems = dx.find_problems(RaisingDict(job))
    assert any(problem.startswith("State: 'X' is not valid") for problem in problems)
    assert "(response): cannot be checked; reading it raised RuntimeError" in problems


def test_broken_time_zone_is_reported_with_other_problems() -> None:
    class BrokenZone(datetime.tzinfo):
        def utcoffset(self, now: datetime.datetime | None) -> Any:
            raise RuntimeError("no")

        tzname = dst = utcoffset

    broken = datetime.datetime(2024, 1, 1, tzinfo=BrokenZone())
    problems = dx.find_problems(make(EXPORT) | {"State": "X", "CreatedAt": broken})
    assert any(problem.startswith("CreatedAt: cannot be checked") for problem in problems)
    assert any(problem.startswith("State: ") for problem in problems)


def test_job_of_unknown_type_has_one_details_member() -> None:
    job = make(EXPORT) | {"Type": "NEW"}
    (unknown,) = dx.find_problems(job)
    assert unknown.startswith("Type: 'NEW' is not valid")
    job["Details"].update(make(S3_IMPORT)["Details"])
    two = "Details: has ExportAssetsToS3, ImportAssetsFromS3; a job has exactly one member"
    assert dx.find_problems(job) == [unknown, two]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
)
VALUES = st.recursive(
    SCALARS | st.sampled_from([dx.ABSENT, dx.ALWAYS]),
    lambda inner: st.lists(inner) | st.dictionaries(SCALARS.filter(lambda x: x == x), inner) | st.tuples(inner),
    max_leaves=5,
)
PATHS: list[list[Any]] = []


def _collect_paths(value: Any, path: list[Any]) -> None:
    PATHS.append(path)
    if isinstance(value, dict):
        for name, part in value.items():
            _collect_paths(part, [*path, name])
    if isinstance(value, list):
        for index, part in enumerate(value):
            _collect_paths(part, [*path, index])


CLIENT: Any = botocore.session.Session().create_client("dataexchange", region_name="eu-west-1")
FAILED_JOBS = [make(type_, "ERROR") for type_ in dx.JOB_TYPES]
for number, failed_job in enumerate(FAILED_JOBS):
    _collect_paths(failed_job, [number])


@given(path=st.sampled_from(PATHS), value=VALUES)
@example(path=[0, "Errors", 0, "Message"], value="any text is valid")
@settings(max_examples=300, deadline=None)
def test_random_value_is_reported_or_returned_by_get_job(path: list[Any], value: Any) -> None:
    number, *path = path
    job: Any = copy.deepcopy(FAILED_JOBS[number])
    if path:
        parent = job
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = value
    else:
        job = value
    problems = dx.find_problems(job)
    assert all(": " in problem for problem in problems)
    assert not any("cannot be checked" in problem for problem in problems)
    if not problems:
        with dx.FakeDataExchange() as fake:
            parsed = CLIENT.get_job(JobId=fake.add_job(job).id)
        del parsed["ResponseMetadata"]
        assert parsed == job


def test_name_that_cannot_be_shown_is_reported() -> None:
    assert any(each.startswith("(a name of type int): cannot be checked") for each in dx.find_problems({10**5000: 1}))
