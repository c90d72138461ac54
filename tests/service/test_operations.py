"""CreateJob, StartJob, CancelJob and ListJobs, as the service's pages tell them, through real clients."""

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
HOME = {"DataSetId": DATA_SET, "RevisionId": REVISION}
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


def request(name: str, **own: Any) -> dict[str, dict[str, Any]]:
    return {name: HOME | own}


# A request for each type.
DETAILS: dict[str, dict[str, dict[str, Any]]] = {
    S3_IMPORT: request(
        "ImportAssetsFromS3", AssetSources=[{"Bucket": "prices", "Key": "a b/é.csv"}]
    ),
    SIGNED_IMPORT: request("ImportAssetFromSignedUrl", AssetName="prices.csv", Md5Hash=MD5),
    S3_EXPORT: request(
        "ExportAssetsToS3",
        AssetDestinations=[{"AssetId": ASSET, "Bucket": "prices", "Key": "out.csv"}],
        Encryption={"Type": "aws:kms", "KmsKeyArn": KEY_ARN},
    ),
    SIGNED_EXPORT: request("ExportAssetToSignedUrl", AssetId=ASSET),
    REVISIONS_EXPORT: {
        "ExportRevisionsToS3": {"DataSetId": DATA_SET, "RevisionDestinations": [IN_BUCKET]}
    },
    "IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES": request(
        "ImportAssetsFromRedshiftDataShares", AssetSources=[{"DataShareArn": SHARE}]
    ),
    API_IMPORT: request("ImportAssetFromApiGatewayApi", ProtocolType="REST", **API),
    S3_ACCESS: request(
        "CreateS3DataAccessFromS3Bucket",
        AssetSource={"Bucket": "prices", "KmsKeysToGrant": [{"KmsKeyArn": KEY_ARN}]},
    ),
    "IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY": request(
        "ImportAssetsFromLakeFormationTagPolicy",
        CatalogId="123456789012",
        Database=POLICY,
        RoleArn=ROLE,
    ),
}
# What the answer has besides the request: where to upload, and until when.
UPLOAD = {
    SIGNED_IMPORT: ("SignedUrl", "SignedUrlExpiresAt"),
    API_IMPORT: ("ApiSpecificationUploadUrl", "ApiSpecificationUploadUrlExpiresAt"),
}


def create(client: Any, type_: str = S3_EXPORT, **params: Any) -> Any:
    return client.create_job(**{"Type": type_, "Details": DETAILS.get(type_, {}), **params})


def with_own(type_: str, **members: Any) -> dict[str, Any]:
    ((name, own),) = DETAILS[type_].items()
    return {"Details": {name: own | members}}


def without_metadata(response: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in response.items() if name != "ResponseMetadata"}


@contextlib.contextmanager
def refused(
    client: Any, error: str, status: int, told: str, job_id: str | None = None
) -> Iterator[None]:
    """The modelled exception with its status and members, and with this in its message."""
    with pytest.raises(getattr(client.exceptions, error)) as caught:
        yield
    response: dict[str, Any] = caught.value.response
    assert response["Error"] == {"Code": error, "Message": response["Message"]}
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert re.search(told, response["Message"])
    named = {"ResourceId": job_id, "ResourceType": "JOB"} if job_id else {}
    assert set(response) == {"Error", "Message", "ResponseMetadata", *named}
    assert response.items() >= named.items()


def listed(client: Any, **params: Any) -> list[str]:
    return [job["Id"] for job in client.list_jobs(**params)["Jobs"]]


@pytest.mark.parametrize("type_", dx.JOB_TYPES)
def test_a_job_is_created_waiting_with_the_details_of_the_request(
    dxjobs: dx.FakeDataExchange, client: Any, type_: str
) -> None:
    response = create(client, type_)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 201
    job = without_metadata(response)
    assert set(job) == {"Arn", "CreatedAt", "Details", "Id", "State", "Type", "UpdatedAt"}
    assert (job["State"], job["Type"]) == ("WAITING", type_)
    assert job["Arn"] == f"arn:aws:dataexchange:us-east-1:123456789012:jobs/{job['Id']}"
    assert job["CreatedAt"] == job["UpdatedAt"]
    ((name, asked),) = DETAILS[type_].items()
    assert set(job["Details"]) == {name}
    assert job["Details"][name].items() >= asked.items()
    assert set(job["Details"][name]) == {*asked, *UPLOAD.get(type_, ())}
    polled = without_metadata(client.get_job(JobId=job["Id"]))
    assert polled == job
    assert dx.find_problems(polled) == []
    (entered,) = dxjobs.jobs
    assert (entered.id, entered.state, entered.started) == (job["Id"], "WAITING", False)


@pytest.mark.parametrize("type_", UPLOAD)
def test_an_import_says_where_to_upload(
    dxjobs: dx.FakeDataExchange, client: Any, type_: str
) -> None:
    job = create(client, type_)
    (own,) = job["Details"].values()
    url, expires_at = (own[name] for name in UPLOAD[type_])
    assert url.startswith("https://")
    assert expires_at - job["CreatedAt"] == datetime.timedelta(hours=1)


def test_the_url_of_an_export_comes_when_it_completes_and_is_valid_for_a_minute(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.next_job(dx.completes(after=60))
    job_id = create(client, SIGNED_EXPORT)["Id"]
    client.start_job(JobId=job_id)
    job = client.get_job(JobId=job_id)
    assert (job["State"], job["Details"]) == ("IN_PROGRESS", DETAILS[SIGNED_EXPORT])
    clock.tick(100)
    job = without_metadata(client.get_job(JobId=job_id))
    own = job["Details"]["ExportAssetToSignedUrl"]
    assert set(own) == {"AssetId", "DataSetId", "RevisionId", "SignedUrl", "SignedUrlExpiresAt"}
    assert own["SignedUrl"].startswith("https://")
    assert own["SignedUrlExpiresAt"] - job["UpdatedAt"] == datetime.timedelta(minutes=1)
    assert job["UpdatedAt"] - job["CreatedAt"] == datetime.timedelta(minutes=1)
    assert dx.find_problems(job) == []
    assert client.list_jobs()["Jobs"] == [job]


@pytest.mark.dxjobs(region="us-east-1", account_id="111122223333")
def test_a_job_is_in_the_region_of_the_client_that_created_it(dxjobs: dx.FakeDataExchange) -> None:
    client = botocore.session.Session().create_client("dataexchange", region_name="eu-central-1")
    job = create(client)
    assert job["Arn"] == f"arn:aws:dataexchange:eu-central-1:111122223333:jobs/{job['Id']}"
    assert dxjobs.jobs[0].arn == job["Arn"]


# Known to botocore since 1.42.80.
CONFIGURABLE = "AssetConfiguration" in MODEL.operation_model("CreateJob").input_shape.members
CONFIGURATIONS: list[Any] = [{"Tags": [{"Key": "team", "Value": "x"}]}, {"Tags": []}, {}]


@pytest.mark.parametrize("configuration", [None, *CONFIGURATIONS * CONFIGURABLE])
def test_the_configuration_of_assets_is_told_again(
    dxjobs: dx.FakeDataExchange, client: Any, configuration: Any
) -> None:
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
    ("type_", "own"),
    [
        (S3_IMPORT, {"AssetSources": [SOURCE] * 100}),
        (S3_EXPORT, {"AssetDestinations": [TARGET] * 100}),
        (REVISIONS_EXPORT, {"RevisionDestinations": [IN_BUCKET]}),
        (S3_ACCESS, {"AssetSource": ENCRYPTED}),
    ],
)
def test_as_many_as_the_service_permits_are_taken(
    dxjobs: dx.FakeDataExchange, client: Any, type_: str, own: dict[str, Any]
) -> None:
    params = with_own(type_, **own)
    assert create(client, type_, **params)["Details"] == params["Details"]


TWO = {"Details": DETAILS[S3_EXPORT] | DETAILS[S3_IMPORT]}
TAGS = {"Tags": [{"Key": str(number), "Value": ""} for number in range(51)]}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("EXPORT", {"Details": DETAILS[S3_EXPORT]}, "Type: 'EXPORT' .*EXPORT_ASSETS_TO_S3"),
    (S3_EXPORT, {"Details": DETAILS[S3_IMPORT]}, "Details.ImportAssetsFromS3: .*ExportAssetsToS3"),
    (S3_EXPORT, TWO, "Details: exactly one .*ExportAssetsToS3, ImportAssetsFromS3"),
    (S3_EXPORT, {"Details": {}}, "Details: exactly one .*ExportAssetsToS3 .*none"),
    (
        S3_IMPORT,
        with_own(S3_IMPORT, AssetSources=[SOURCE] * 101),
        "Details.ImportAssetsFromS3.AssetSources: .*101.*100",
    ),
    (
        S3_EXPORT,
        with_own(S3_EXPORT, AssetDestinations=[TARGET] * 101),
        "Details.ExportAssetsToS3.AssetDestinations: .*101.*100",
    ),
    (
        REVISIONS_EXPORT,
        with_own(REVISIONS_EXPORT, RevisionDestinations=[IN_BUCKET] * 2),
        "Details.ExportRevisionsToS3.RevisionDestinations: .*2.*1",
    ),
    (
        S3_ACCESS,
        with_own(S3_ACCESS, AssetSource=TOO_ENCRYPTED),
        "Details.CreateS3DataAccessFromS3Bucket.AssetSource.KmsKeysToGrant: .*11.*10",
    ),
    (
        S3_EXPORT,
        with_own(S3_EXPORT, DataSetId="nightly"),
        "Details.ExportAssetsToS3.DataSetId: 'nightly'",
    ),
    (
        S3_EXPORT,
        with_own(S3_EXPORT, DataSetId="nightly", RevisionId="nightly"),
        "^Details[^;]*DataSetId: 'nightly' [^;]*; Details[^;]*RevisionId: 'nightly' [^;]*$",
    ),
    (
        S3_EXPORT,
        with_own(S3_EXPORT, AssetDestinations=[{"AssetId": "é" * 32, "Bucket": "prices"}]),
        r"Details.ExportAssetsToS3.AssetDestinations\[0\].AssetId: 'éé",
    ),
    (
        SIGNED_IMPORT,
        with_own(SIGNED_IMPORT, RevisionId=REVISION + "\n"),
        "Details.ImportAssetFromSignedUrl.RevisionId: ",
    ),
    (
        SIGNED_IMPORT,
        with_own(SIGNED_IMPORT, Md5Hash="!" * 24),
        "Details.ImportAssetFromSignedUrl.Md5Hash: '!!",
    ),
    (
        S3_EXPORT,
        with_own(S3_EXPORT, Encryption={"Type": "rot13"}),
        "Details.ExportAssetsToS3.Encryption.Type: 'rot13' .*AES256",
    ),
    (
        S3_EXPORT,
        with_own(S3_EXPORT, Encryption={"Type": "aws:kms"}),
        "Details.ExportAssetsToS3.Encryption.KmsKeyArn: ",
    ),
    *[(S3_IMPORT, {"AssetConfiguration": TAGS}, "AssetConfiguration.Tags: .*51.*50")]
    * CONFIGURABLE,
]


@pytest.mark.parametrize(("type_", "params", "told"), REFUSED)
def test_a_request_that_is_not_valid_is_refused_and_creates_nothing(
    dxjobs: dx.FakeDataExchange, client: Any, type_: str, params: dict[str, Any], told: str
) -> None:
    dxjobs.next_job(dx.fails())
    with refused(client, "ValidationException", 400, told):
        create(client, type_, **params)
    assert dxjobs.jobs == listed(client) == []
    # What was said about the next job is still to come.
    job_id = create(client)["Id"]
    client.start_job(JobId=job_id)
    assert client.get_job(JobId=job_id)["State"] == "ERROR"


def test_starting_and_cancelling_answer_with_nothing(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any
) -> None:
    client = dxjobs_client
    bodies: list[bytes] = []
    for operation in ("StartJob", "CancelJob"):
        client.meta.events.register(
            f"after-call.dataexchange.{operation}",
            lambda http_response, **_: bodies.append(http_response.content),
        )
    answers = [
        client.start_job(JobId=create(client)["Id"]),
        client.cancel_job(JobId=create(client)["Id"]),
    ]
    assert [set(answer) for answer in answers] == [{"ResponseMetadata"}] * 2
    assert [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers] == [202, 204]
    assert bodies == [b"", b""]


def test_a_created_job_waits_until_it_is_started(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.default_history = dx.completes(polls=2)
    job_id = create(client)["Id"]
    (job,) = dxjobs.jobs
    for _ in range(3):
        clock.tick(86_400)
        assert client.get_job(JobId=job_id)["State"] == job.state == "WAITING"
    before = job.started
    client.start_job(JobId=job_id)
    assert (before, job.started) == (False, True)
    told = [client.get_job(JobId=job_id)["State"] for _ in range(2)]
    assert told == ["IN_PROGRESS", "COMPLETED"]


def test_a_cancelled_job_stays_so(clock: Any, dxjobs: dx.FakeDataExchange, client: Any) -> None:
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
def test_a_second_step_is_a_conflict(
    dxjobs: dx.FakeDataExchange, client: Any, before: str, operation: str
) -> None:
    job_id = create(client)["Id"]
    getattr(client, before)(JobId=job_id)
    with refused(client, "ConflictException", 409, job_id, job_id):
        getattr(client, operation)(JobId=job_id)


@pytest.mark.parametrize("state", dx.JOB_STATES)
def test_a_job_that_was_put_in_has_been_started(
    dxjobs: dx.FakeDataExchange, client: Any, state: str
) -> None:
    job = dxjobs.add_job(S3_EXPORT, dx.stays(state))
    with refused(client, "ConflictException", 409, "start", job.id):
        client.start_job(JobId=job.id)
    assert (job.state, job.started) == (state, True)


@pytest.mark.parametrize("state", sorted({*dx.JOB_STATES} - {"WAITING"}))
def test_only_a_waiting_job_is_cancelled(
    dxjobs: dx.FakeDataExchange, client: Any, state: str
) -> None:
    job = dxjobs.add_job(S3_EXPORT, dx.stays(state))
    with refused(client, "ConflictException", 409, state, job.id):
        client.cancel_job(JobId=job.id)
    assert (job.state, job.cancelled) == (state, False)
    waiting = dxjobs.add_job(S3_EXPORT, dx.stays("WAITING"))
    client.cancel_job(JobId=waiting.id)
    assert (waiting.state, waiting.cancelled) == ("CANCELLED", True)


@pytest.mark.parametrize("operation", ["get_job", "start_job", "cancel_job"])
def test_a_job_is_asked_for_by_the_id_of_one_that_is_there(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any, operation: str
) -> None:
    call, missing, old = getattr(client, operation), dx.job_id("missing"), create(client)["Id"]
    with refused(client, "ResourceNotFoundException", 404, missing, missing):
        call(JobId=missing)
    with refused(client, "ValidationException", 400, "'nightly'"):
        call(JobId="nightly")
    clock.tick(90 * 86_400 - 1)
    assert client.get_job(JobId=old)["State"] == "WAITING"
    assert listed(client) == [old]
    clock.tick(1)  # and then the service deletes it
    with refused(client, "ResourceNotFoundException", 404, old, old):
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
def test_the_list_is_narrowed_by_data_set_and_by_revision(
    dxjobs: dx.FakeDataExchange, client: Any, type_: str
) -> None:
    other = dx.job_id("other")
    job_id = create(client, type_)["Id"]
    sibling = create(client, S3_IMPORT, **with_own(S3_IMPORT, RevisionId=other))["Id"]
    assert listed(client, DataSetId=DATA_SET) == [sibling, job_id]
    assert listed(client, RevisionId=REVISION) == [job_id]
    assert listed(client, DataSetId=DATA_SET, RevisionId=other) == [sibling]
    assert listed(client, DataSetId=other) == []
    assert listed(client, DataSetId=other, RevisionId=REVISION) == []


def test_pages_follow_each_other(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    stranger = with_own(S3_EXPORT, DataSetId=dx.job_id("other"))
    mine: list[str] = []
    for _ in range(5):
        mine.insert(0, create(client)["Id"])
        create(client, **stranger)
    page = client.list_jobs(DataSetId=DATA_SET, MaxResults=3)
    create(client)  # what comes meanwhile moves nothing
    rest = client.list_jobs(DataSetId=DATA_SET, MaxResults=3, NextToken=page["NextToken"])
    assert [job["Id"] for job in page["Jobs"]] == mine[:3]
    assert [job["Id"] for job in rest["Jobs"]] == mine[3:]
    assert "NextToken" not in rest


def test_a_page_that_is_just_full_is_the_last(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    create(client), create(client)
    assert "NextToken" not in client.list_jobs(MaxResults=2)
    assert "NextToken" in client.list_jobs(MaxResults=1)


def test_a_page_without_a_size_holds_the_most_that_one_may(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    response = dx.make_job()
    for number in range(201):
        dxjobs.add_job(response | {"Id": f"{number:032}"}, check=False)
    page = client.list_jobs()
    assert len(page["Jobs"]) == 200
    assert len(client.list_jobs(NextToken=page["NextToken"])["Jobs"]) == 1


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"MaxResults": 201}, "MaxResults: .*201.*200"),
        ({"NextToken": "mine"}, "NextToken: 'mine'"),
        ({"NextToken": ""}, "NextToken: ''"),
    ],
)
def test_a_list_that_cannot_be_asked_for_is_refused(
    dxjobs: dx.FakeDataExchange, client: Any, params: dict[str, Any], told: str
) -> None:
    job_id = create(client)["Id"]
    with refused(client, "ValidationException", 400, told):
        client.list_jobs(**params)
    assert listed(client, MaxResults=200) == [job_id]


def test_a_token_of_another_fake_is_foreign(client: Any) -> None:
    with dx.FakeDataExchange() as other:
        other.add_job(), other.add_job()
        token = client.list_jobs(MaxResults=1)["NextToken"]
    with dx.FakeDataExchange(), refused(client, "ValidationException", 400, "NextToken: "):
        client.list_jobs(NextToken=token)


def test_a_token_from_before_a_reset_is_refused(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_job()
    dxjobs.add_job()
    token = client.list_jobs(MaxResults=1)["NextToken"]
    dxjobs.reset()
    with refused(client, "ValidationException", 400, "NextToken: "):
        client.list_jobs(NextToken=token)


@pytest.mark.parametrize("size", [{}, {"PageSize": 100}])
def test_the_paginator_goes_through_250_jobs(
    dxjobs: dx.FakeDataExchange, client: Any, size: dict[str, int]
) -> None:
    ids = [dxjobs.add_job(SIGNED_EXPORT).id for _ in range(250)]
    pages = list(client.get_paginator("list_jobs").paginate(PaginationConfig=size))
    assert [job["Id"] for page in pages for job in page["Jobs"]] == ids[::-1]
    # What a page holds when nobody says is not documented; 200 is the most.
    sizes = [len(page["Jobs"]) for page in pages]
    assert max(sizes) <= size.get("PageSize", 200)
    assert sum(sizes) == 250
