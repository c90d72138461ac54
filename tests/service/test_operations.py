"""CreateJob, StartJob, CancelJob and ListJobs through real clients, as the API reference documents them."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from clients import MODEL

import pytest_dxjobs as dx

DATA_SET, REVISION, ASSET = (dx.job_id(name) for name in ("data set", "revision", "asset"))
REVISION_IDS = {"DataSetId": DATA_SET, "RevisionId": REVISION}
MD5, KEY_ARN = "1B2M2Y8AsgTpgAmY7PhCfg==", "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
SHARE = "arn:aws:redshift:us-east-1:123456789012:datashare:1234abcd-12ab-34cd-56ef-1234567890ab/x"
S3_IMPORT, S3_EXPORT = "IMPORT_ASSETS_FROM_S3", "EXPORT_ASSETS_TO_S3"
SIGNED_EXPORT, SIGNED_IMPORT = "EXPORT_ASSET_TO_SIGNED_URL", "IMPORT_ASSET_FROM_SIGNED_URL"
API_IMPORT, REVISIONS_EXPORT = "IMPORT_ASSET_FROM_API_GATEWAY_API", "EXPORT_REVISIONS_TO_S3"
S3_ACCESS = "CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET"
IN_BUCKET = {"Bucket": "prices", "RevisionId": REVISION}
API = {"ApiId": "a1b2c3d4e5", "ApiName": "prices", "ApiSpecificationMd5Hash": MD5, "Stage": "prod"}
POLICY = {"Expression": [{"TagKey": "team", "TagValues": ["x"]}], "Permissions": ["DESCRIBE"]}
ROLE = "arn:aws:iam::123456789012:role/prices"


def details_of(name: str, **members: Any) -> dict[str, dict[str, Any]]:
    return {name: REVISION_IDS | members}


# The Details of a valid request, by type.
DETAILS: dict[str, dict[str, dict[str, Any]]] = {
    S3_IMPORT: details_of("ImportAssetsFromS3", AssetSources=[{"Bucket": "prices", "Key": "a b/é.csv"}]),
    SIGNED_IMPORT: details_of("ImportAssetFromSignedUrl", AssetName="prices.csv", Md5Hash=MD5),
    S3_EXPORT: details_of(
        "ExportAssetsToS3",
        AssetDestinations=[{"AssetId": ASSET, "Bucket": "prices", "Key": "out.csv"}],
        Encryption={"Type": "aws:kms", "KmsKeyArn": KEY_ARN},
    ),
    SIGNED_EXPORT: details_of("ExportAssetToSignedUrl", AssetId=ASSET),
    REVISIONS_EXPORT: {"ExportRevisionsToS3": {"DataSetId": DATA_SET, "RevisionDestinations": [IN_BUCKET]}},
    "IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES": details_of(
        "ImportAssetsFromRedshiftDataShares", AssetSources=[{"DataShareArn": SHARE}]
    ),
    API_IMPORT: details_of("ImportAssetFromApiGatewayApi", ProtocolType="REST", **API),
    S3_ACCESS: details_of(
        "CreateS3DataAccessFromS3Bucket",
        AssetSource={"Bucket": "prices", "KmsKeysToGrant": [{"KmsKeyArn": KEY_ARN}]},
    ),
    "IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY": details_of(
        "ImportAssetsFromLakeFormationTagPolicy",
        CatalogId="123456789012",
        Database=POLICY,
        RoleArn=ROLE,
    ),
}
# Members of the response that the request does not have: the upload URL and its expiry.
UPLOAD = {
    SIGNED_IMPORT: ("SignedUrl", "SignedUrlExpiresAt"),
    API_IMPORT: ("ApiSpecificationUploadUrl", "ApiSpecificationUploadUrlExpiresAt"),
}


def create(client: Any, type_: str = S3_EXPORT, **params: Any) -> Any:
    return client.create_job(**{"Type": type_, "Details": DETAILS.get(type_, {}), **params})


def with_members(type_: str, **members: Any) -> dict[str, Any]:
    ((name, default),) = DETAILS[type_].items()
    return {"Details": {name: default | members}}


def without_metadata(response: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in response.items() if name != "ResponseMetadata"}


@contextlib.contextmanager
def raises_service_error(
    client: Any, error: str, status: int, message: str, job_id: str | None = None
) -> Iterator[None]:
    """Expect the modelled exception with this status, these members and this message."""
    with pytest.raises(getattr(client.exceptions, error)) as caught:
        yield
    response: dict[str, Any] = caught.value.response
    assert response["Error"] == {"Code": error, "Message": response["Message"]}
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert re.search(message, response["Message"])
    resource = {"ResourceId": job_id, "ResourceType": "JOB"} if job_id else {}
    assert set(response) == {"Error", "Message", "ResponseMetadata", *resource}
    assert response.items() >= resource.items()


def listed(client: Any, **params: Any) -> list[str]:
    return [job["Id"] for job in client.list_jobs(**params)["Jobs"]]


@pytest.mark.parametrize("type_", dx.JOB_TYPES)
def test_created_job_is_waiting_with_the_details_of_the_request(
    dxjobs: dx.FakeDataExchange, client: Any, type_: str
) -> None:
    response = create(client, type_)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 201
    job = without_metadata(response)
    assert set(job) == {"Arn", "CreatedAt", "Details", "Id", "State", "Type", "UpdatedAt"}
    assert (job["State"], job["Type"]) == ("WAITING", type_)
    assert job["Arn"] == f"arn:aws:dataexchange:us-east-1:123456789012:jobs/{job['Id']}"
    assert job["CreatedAt"] == job["UpdatedAt"]
    ((name, requested),) = DETAILS[type_].items()
    assert set(job["Details"]) == {name}
    assert job["Details"][name].items() >= requested.items()
    assert set(job["Details"][name]) == {*requested, *UPLOAD.get(type_, ())}
    polled = without_metadata(client.get_job(JobId=job["Id"]))
    assert polled == job
    assert dx.find_problems(polled) == []
    (job_in_fake,) = dxjobs.jobs
    assert (job_in_fake.id, job_in_fake.state, job_in_fake.started) == (job["Id"], "WAITING", False)


@pytest.mark.parametrize("type_", UPLOAD)
def test_import_job_has_an_upload_url(dxjobs: dx.FakeDataExchange, client: Any, type_: str) -> None:
    job = create(client, type_)
    (members,) = job["Details"].values()
    url, expires_at = (members[name] for name in UPLOAD[type_])
    assert url.startswith("https://")
    assert expires_at - job["CreatedAt"] == datetime.timedelta(hours=1)


def test_export_job_has_a_url_when_completed_valid_for_a_minute(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.next_job(dx.completes(after=60))
    job_id = create(client, SIGNED_EXPORT)["Id"]
    client.start_job(JobId=job_id)
    job = client.get_job(JobId=job_id)
    assert (job["State"], job["Details"]) == ("IN_PROGRESS", DETAILS[SIGNED_EXPORT])
    clock.tick(100)
    job = without_metadata(client.get_job(JobId=job_id))
    members = job["Details"]["ExportAssetToSignedUrl"]
    assert set(members) == {"AssetId", "DataSetId", "RevisionId", "SignedUrl", "SignedUrlExpiresAt"}
    assert members["SignedUrl"].startswith("https://")
    assert members["SignedUrlExpiresAt"] - job["UpdatedAt"] == datetime.timedelta(minutes=1)
    assert job["UpdatedAt"] - job["CreatedAt"] == datetime.timedelta(minutes=1)
    assert dx.find_problems(job) == []
    assert client.list_jobs()["Jobs"] == [job]


@pytest.mark.dxjobs(region="us-east-1", account_id="111122223333")
def test_created_job_has_the_region_of_the_client(dxjobs: dx.FakeDataExchange) -> None:
    client = botocore.session.Session().create_client("dataexchange", region_name="eu-central-1")
    job = create(client)
    assert job["Arn"] == f"arn:aws:dataexchange:eu-central-1:111122223333:jobs/{job['Id']}"
    assert dxjobs.jobs[0].arn == job["Arn"]


# In botocore since 1.42.80.
CONFIGURABLE = "AssetConfiguration" in MODEL.operation_model("CreateJob").input_shape.members
CONFIGURATIONS: list[Any] = [{"Tags": [{"Key": "team", "Value": "x"}]}, {"Tags": []}, {}]


@pytest.mark.parametrize("configuration", [None, *CONFIGURATIONS * CONFIGURABLE])
def test_asset_configuration_is_returned(dxjobs: dx.FakeDataExchange, client: Any, configuration: Any) -> None:
    given = {} if configuration is None else {"AssetConfiguration": configuration}
    job = without_metadata(create(client, S3_IMPORT, **given))
    assert job.get("AssetConfiguration") == configuration
    assert without_metadata(client.get_job(JobId=job["Id"])) == job
    assert dx.find_problems(job) == []


ENCRYPTED = {"Bucket": "prices", "KmsKeysToGrant": [{"KmsKeyArn": KEY_ARN}] * 10}
TOO_ENCRYPTED = {"Bucket": "prices", "KmsKeysToGrant": [{"KmsKeyArn": KEY_ARN}] * 11}
SOURCE = {"Bucket": "prices", "Key": "prices.csv"}
TARGET = {"Bucket": "prices", "AssetId": ASSET}


@pytest.mark.parametrize(
    ("type_", "members"),
    [
        (S3_IMPORT, {"AssetSources": [SOURCE] * 100}),
        (S3_EXPORT, {"AssetDestinations": [TARGET] * 100}),
        (REVISIONS_EXPORT, {"RevisionDestinations": [IN_BUCKET]}),
        (S3_ACCESS, {"AssetSource": ENCRYPTED}),
    ],
)
def test_maximum_number_of_entries_is_accepted(
    dxjobs: dx.FakeDataExchange, client: Any, type_: str, members: dict[str, Any]
) -> None:
    params = with_members(type_, **members)
    assert create(client, type_, **params)["Details"] == params["Details"]


TWO = {"Details": DETAILS[S3_EXPORT] | DETAILS[S3_IMPORT]}
TAGS = {"Tags": [{"Key": str(number), "Value": ""} for number in range(51)]}
INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("EXPORT", {"Details": DETAILS[S3_EXPORT]}, "Type: 'EXPORT' .*EXPORT_ASSETS_TO_S3"),
    (S3_EXPORT, {"Details": DETAILS[S3_IMPORT]}, "Details.ImportAssetsFromS3: .*ExportAssetsToS3"),
    (
        S3_EXPORT,
        TWO,
        "Details: has ExportAssetsToS3, ImportAssetsFromS3; exactly one .*ExportAssetsToS3 for",
    ),
    (S3_EXPORT, {"Details": {}}, "Details: has no member; exactly one .*ExportAssetsToS3 "),
    (
        S3_IMPORT,
        with_members(S3_IMPORT, AssetSources=[SOURCE] * 101),
        "Details.ImportAssetsFromS3.AssetSources: .*101.*100",
    ),
    (
        S3_EXPORT,
        with_members(S3_EXPORT, AssetDestinations=[TARGET] * 101),
        "Details.ExportAssetsToS3.AssetDestinations: .*101.*100",
    ),
    (
        REVISIONS_EXPORT,
        with_members(REVISIONS_EXPORT, RevisionDestinations=[IN_BUCKET] * 2),
        "Details.ExportRevisionsToS3.RevisionDestinations: .*2.*1",
    ),
    (
        S3_ACCESS,
        with_members(S3_ACCESS, AssetSource=TOO_ENCRYPTED),
        "Details.CreateS3DataAccessFromS3Bucket.AssetSource.KmsKeysToGrant: .*11.*10",
    ),
    (
        S3_EXPORT,
        with_members(S3_EXPORT, DataSetId="nightly"),
        "Details.ExportAssetsToS3.DataSetId: 'nightly'",
    ),
    (
        S3_EXPORT,
        with_members(S3_EXPORT, DataSetId="nightly", RevisionId="nightly"),
        "^Details[^;]*DataSetId: 'nightly' [^;]*; Details[^;]*RevisionId: 'nightly' [^;]*$",
    ),
    (
        S3_EXPORT,
        with_members(S3_EXPORT, AssetDestinations=[{"AssetId": "é" * 32, "Bucket": "prices"}]),
        r"Details.ExportAssetsToS3.AssetDestinations\[0\].AssetId: 'éé",
    ),
    (
        SIGNED_IMPORT,
        with_members(SIGNED_IMPORT, RevisionId=REVISION + "\n"),
        "Details.ImportAssetFromSignedUrl.RevisionId: ",
    ),
    (
        SIGNED_IMPORT,
        with_members(SIGNED_IMPORT, Md5Hash="!" * 24),
        "Details.ImportAssetFromSignedUrl.Md5Hash: '!!",
    ),
    (
        S3_EXPORT,
        with_members(S3_EXPORT, Encryption={"Type": "rot13"}),
        "Details.ExportAssetsToS3.Encryption.Type: 'rot13' .*AES256",
    ),
    (
        S3_EXPORT,
        with_members(S3_EXPORT, Encryption={"Type": "aws:kms"}),
        "Details.ExportAssetsToS3.Encryption.KmsKeyArn: ",
    ),
    *[(S3_IMPORT, {"AssetConfiguration": TAGS}, "AssetConfiguration.Tags: .*51.*50")] * CONFIGURABLE,
]


@pytest.mark.parametrize(("type_", "params", "message"), INVALID)
def test_invalid_request_raises_validation_exception_and_creates_no_job(
    dxjobs: dx.FakeDataExchange, client: Any, type_: str, params: dict[str, Any], message: str
) -> None:
    dxjobs.next_job(dx.fails())
    with raises_service_error(client, "ValidationException", 400, message):
        create(client, type_, **params)
    assert dxjobs.jobs == listed(client) == []
    # The history of the next job is still queued.
    job_id = create(client)["Id"]
    client.start_job(JobId=job_id)
    assert client.get_job(JobId=job_id)["State"] == "ERROR"


def test_start_and_cancel_return_an_empty_body(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    client = dxjobs_client
    bodies: list[bytes] = []
    for operation in ("StartJob", "CancelJob"):
        client.meta.events.register(
            f"after-call.dataexchange.{operation}",
            lambda http_response, **_: bodies.append(http_response.content),
        )
    responses = [
        client.start_job(JobId=create(client)["Id"]),
        client.cancel_job(JobId=create(client)["Id"]),
    ]
    assert [set(response) for response in responses] == [{"ResponseMetadata"}] * 2
    assert [response["ResponseMetadata"]["HTTPStatusCode"] for response in responses] == [202, 204]
    assert bodies == [b"", b""]


def test_created_job_waits_until_started(clock: Any, dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.default_history = dx.completes(polls=2)
    job_id = create(client)["Id"]
    (job,) = dxjobs.jobs
    for _ in range(3):
        clock.tick(86_400)
        assert client.get_job(JobId=job_id)["State"] == job.state == "WAITING"
    before = job.started
    client.start_job(JobId=job_id)
    assert (before, job.started) == (False, True)
    states = [client.get_job(JobId=job_id)["State"] for _ in range(2)]
    assert states == ["IN_PROGRESS", "COMPLETED"]


def test_cancelled_job_stays_cancelled(clock: Any, dxjobs: dx.FakeDataExchange, client: Any) -> None:
    created = create(client)
    (job,) = dxjobs.jobs
    clock.tick(60)
    client.cancel_job(JobId=job.id)
    clock.tick(60)
    response = without_metadata(client.get_job(JobId=job.id))
    assert (response["State"], job.state, job.cancelled) == ("CANCELLED", "CANCELLED", True)
    assert response["UpdatedAt"] - created["CreatedAt"] == datetime.timedelta(seconds=60)
    assert dx.find_problems(response) == []


@pytest.mark.parametrize("operation", ["start_job", "cancel_job"])
@pytest.mark.parametrize("before", ["start_job", "cancel_job"])
def test_second_start_or_cancel_raises_conflict(
    dxjobs: dx.FakeDataExchange, client: Any, before: str, operation: str
) -> None:
    job_id = create(client)["Id"]
    getattr(client, before)(JobId=job_id)
    with raises_service_error(client, "ConflictException", 409, job_id, job_id):
        getattr(client, operation)(JobId=job_id)


@pytest.mark.parametrize("state", dx.JOB_STATES)
def test_added_job_counts_as_started(dxjobs: dx.FakeDataExchange, client: Any, state: str) -> None:
    job = dxjobs.add_job(S3_EXPORT, dx.stays(state))
    with raises_service_error(client, "ConflictException", 409, "start", job.id):
        client.start_job(JobId=job.id)
    assert (job.state, job.started) == (state, True)


@pytest.mark.parametrize("state", sorted({*dx.JOB_STATES} - {"WAITING"}))
def test_only_a_waiting_job_can_be_cancelled(dxjobs: dx.FakeDataExchange, client: Any, state: str) -> None:
    job = dxjobs.add_job(S3_EXPORT, dx.stays(state))
    with raises_service_error(client, "ConflictException", 409, state, job.id):
        client.cancel_job(JobId=job.id)
    assert (job.state, job.cancelled) == (state, False)
    waiting = dxjobs.add_job(S3_EXPORT, dx.stays("WAITING"))
    client.cancel_job(JobId=waiting.id)
    assert (waiting.state, waiting.cancelled) == ("CANCELLED", True)


@pytest.mark.parametrize("operation", ["get_job", "start_job", "cancel_job"])
def test_unknown_malformed_and_expired_ids_raise(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any, operation: str
) -> None:
    call, missing, old = getattr(client, operation), dx.job_id("missing"), create(client)["Id"]
    with raises_service_error(client, "ResourceNotFoundException", 404, missing, missing):
        call(JobId=missing)
    with raises_service_error(client, "ValidationException", 400, "'nightly'"):
        call(JobId="nightly")
    clock.tick(90 * 86_400 - 1)
    assert client.get_job(JobId=old)["State"] == "WAITING"
    assert listed(client) == [old]
    clock.tick(1)  # the service deletes it now
    with raises_service_error(client, "ResourceNotFoundException", 404, old, old):
        call(JobId=old)
    assert listed(client) == []


def test_jobs_are_listed_newest_first(clock: Any, dxjobs: dx.FakeDataExchange, client: Any) -> None:
    first = create(client)
    twin = create(client)  # at the same instant
    clock.tick(1)
    last = create(client)
    hour = datetime.timedelta(hours=1)
    old = dxjobs.add_job(S3_EXPORT, CreatedAt=first["CreatedAt"] - hour)
    response = client.list_jobs()
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert set(without_metadata(response)) == {"Jobs"}
    assert [job["Id"] for job in response["Jobs"]] == [last["Id"], twin["Id"], first["Id"], old.id]
    for job in response["Jobs"]:
        assert without_metadata(client.get_job(JobId=job["Id"])) == job


@pytest.mark.parametrize("type_", dx.JOB_TYPES)
def test_list_jobs_filters_by_data_set_and_revision(dxjobs: dx.FakeDataExchange, client: Any, type_: str) -> None:
    other = dx.job_id("other")
    job_id = create(client, type_)["Id"]
    sibling = create(client, S3_IMPORT, **with_members(S3_IMPORT, RevisionId=other))["Id"]
    assert listed(client, DataSetId=DATA_SET) == [sibling, job_id]
    assert listed(client, RevisionId=REVISION) == [job_id]
    assert listed(client, DataSetId=DATA_SET, RevisionId=other) == [sibling]
    assert listed(client, DataSetId=other) == []
    assert listed(client, DataSetId=other, RevisionId=REVISION) == []


def test_pages_continue_where_the_last_one_ended(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    other_details = with_members(S3_EXPORT, DataSetId=dx.job_id("other"))
    mine: list[str] = []
    for _ in range(5):
        mine.insert(0, create(client)["Id"])
        create(client, **other_details)
    page = client.list_jobs(DataSetId=DATA_SET, MaxResults=3)
    create(client)  # later jobs do not shift the pages
    rest = client.list_jobs(DataSetId=DATA_SET, MaxResults=3, NextToken=page["NextToken"])
    assert [job["Id"] for job in page["Jobs"]] == mine[:3]
    assert [job["Id"] for job in rest["Jobs"]] == mine[3:]
    assert "NextToken" not in rest


def test_exactly_full_page_has_no_next_token(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    create(client), create(client)
    assert "NextToken" not in client.list_jobs(MaxResults=2)
    assert "NextToken" in client.list_jobs(MaxResults=1)


def test_default_page_size_is_the_maximum(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    response = dx.make_job()
    for number in range(201):
        dxjobs.add_job(response | {"Id": f"{number:032}"}, check=False)
    page = client.list_jobs()
    assert len(page["Jobs"]) == 200
    assert len(client.list_jobs(NextToken=page["NextToken"])["Jobs"]) == 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"MaxResults": 201}, "MaxResults: .*201.*200"),
        ({"NextToken": "mine"}, "NextToken: 'mine'"),
        ({"NextToken": ""}, "NextToken: ''"),
    ],
)
def test_invalid_list_parameters_raise_validation_exception(
    dxjobs: dx.FakeDataExchange, client: Any, params: dict[str, Any], message: str
) -> None:
    job_id = create(client)["Id"]
    with raises_service_error(client, "ValidationException", 400, message):
        client.list_jobs(**params)
    assert listed(client, MaxResults=200) == [job_id]


def test_token_of_another_fake_raises_validation_exception(client: Any) -> None:
    with dx.FakeDataExchange() as other:
        other.add_job(), other.add_job()
        token = client.list_jobs(MaxResults=1)["NextToken"]
    with (
        dx.FakeDataExchange(),
        raises_service_error(client, "ValidationException", 400, "NextToken: "),
    ):
        client.list_jobs(NextToken=token)


def test_token_from_before_a_reset_raises_validation_exception(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_job()
    dxjobs.add_job()
    token = client.list_jobs(MaxResults=1)["NextToken"]
    dxjobs.reset()
    with raises_service_error(client, "ValidationException", 400, "NextToken: "):
        client.list_jobs(NextToken=token)


@pytest.mark.parametrize("config", [{}, {"PageSize": 100}])
def test_paginator_returns_250_jobs(dxjobs: dx.FakeDataExchange, client: Any, config: dict[str, int]) -> None:
    ids = [dxjobs.add_job(SIGNED_EXPORT).id for _ in range(250)]
    pages = list(client.get_paginator("list_jobs").paginate(PaginationConfig=config))
    assert [job["Id"] for page in pages for job in page["Jobs"]] == ids[::-1]
    # The default page size is not documented; 200 is the maximum.
    sizes = [len(page["Jobs"]) for page in pages]
    assert max(sizes) <= config.get("PageSize", 200)
    assert sum(sizes) == 250
