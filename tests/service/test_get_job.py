"""GetJob through real clients, compared with an HTTP server that sends fixed bytes."""

from __future__ import annotations

import datetime
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from blocked_network import BlockedNetwork
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

import pytest_dxjobs as dx

UTC = datetime.timezone.utc
JOB_ID = "0123456789abcdef0123456789abcdef"
ARN = f"arn:aws:dataexchange:us-east-1:123456789012:jobs/{JOB_ID}"

# The response of the service for this job, written from its API reference.
BODY = f"""{{
  "Arn": "{ARN}",
  "CreatedAt": "2024-02-29T23:59:59.000Z",
  "Details": {{"ImportAssetsFromS3": {{
    "AssetSources": [{{"Bucket": "prices", "Key": "a/b c\\u00e9.csv"}}],
    "DataSetId": "{"d" * 32}", "RevisionId": "{"e" * 32}"}}}},
  "Errors": [{{
    "Code": "SERVICE_QUOTA_EXCEEDED_EXCEPTION", "LimitName": "Asset size in GB", "LimitValue": 10,
    "Message": "Too large", "ResourceId": "{"e" * 32}", "ResourceType": "REVISION",
    "Details": {{"ImportAssetsFromS3JobErrorDetails": [{{"Bucket": "prices", "Key": "a/b c\\u00e9.csv"}}]}}}}],
  "Id": "{JOB_ID}", "State": "ERROR", "Type": "IMPORT_ASSETS_FROM_S3",
  "UpdatedAt": "2024-03-01T00:01:02.345Z"}}"""
SOURCE = {"Bucket": "prices", "Key": "a/b cé.csv"}
JOB: dict[str, Any] = {
    "Arn": ARN,
    "CreatedAt": datetime.datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    "Details": {
        "ImportAssetsFromS3": {
            "AssetSources": [SOURCE],
            "DataSetId": "d" * 32,
            "RevisionId": "e" * 32,
        }
    },
    "Errors": [
        {
            "Code": "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
            "LimitName": "Asset size in GB",
            "LimitValue": 10.0,
            "Message": "Too large",
            "ResourceId": "e" * 32,
            "ResourceType": "REVISION",
            "Details": {"ImportAssetsFromS3JobErrorDetails": [SOURCE]},
        }
    ],
    "Id": JOB_ID,
    "State": "ERROR",
    "Type": "IMPORT_ASSETS_FROM_S3",
    "UpdatedAt": datetime.datetime(2024, 3, 1, 0, 1, 2, 345000, tzinfo=UTC),
}
NOT_FOUND = f'{{"Message": "not there", "ResourceId": "{"f" * 32}", "ResourceType": "JOB"}}'
RESPONSES = {
    f"/v1/jobs/{JOB_ID}": (200, "", BODY),
    f"/v1/jobs/{'f' * 32}": (404, "ResourceNotFoundException", NOT_FOUND),
    "/v1/jobs/short": (400, "ValidationException", '{"Message": "no id"}'),
    "/v1/jobs/": (400, "ValidationException", '{"Message": "no id"}'),
}


class FixedResponses(http.server.BaseHTTPRequestHandler):
    """Send the fixed responses."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, error, body = RESPONSES[self.path]
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        self.send_header("Connection", "keep-alive")
        self.send_header("x-amzn-RequestId", "b25f48e8-84fd-11e6-80d9-574e0c4664cb")
        if error:
            self.send_header("x-amzn-ErrorType", error)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        """Print nothing."""


def client_for(endpoint: str | None = None) -> Any:
    return botocore.session.Session().create_client(
        "dataexchange",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="example",
        aws_secret_access_key="example",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def server_client(network: BlockedNetwork) -> Iterator[Any]:
    """A client of the server with fixed responses."""
    network.loopback_allowed = True
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), FixedResponses) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        client = client_for(f"http://127.0.0.1:{server.server_port}")
        yield client
        client.close()
        server.shutdown()
        thread.join()


def observe(client: Any, job_id: str) -> tuple[Any, ...]:
    """Return what a caller observes, without request id, date and message."""
    try:
        response = client.get_job(JobId=job_id)
        raised = None
    except ClientError as error:
        response, raised = dict(error.response), type(error).__name__
        details = response.pop("Error")
        response |= {"Code": details["Code"], "operation": error.operation_name}
        assert response.pop("Message") == details["Message"]  # the texts may differ
    metadata = response.pop("ResponseMetadata")
    headers = metadata.pop("HTTPHeaders")
    assert metadata.pop("RequestId") == headers["x-amzn-requestid"]
    header_names = set(headers) - {"server"}
    return (
        raised,
        response,
        metadata,
        header_names,
        headers["content-type"],
        headers.get("x-amzn-errortype"),
    )


@pytest.mark.parametrize("job_id", [JOB_ID, "f" * 32, "short", ""])
def test_response_equals_that_of_a_server(server_client: Any, job_id: str) -> None:
    expected = observe(server_client, job_id)
    with dx.FakeDataExchange() as fake:
        fake.add_job(JOB)
        assert observe(client_for(), job_id) == expected
        assert observe(server_client, job_id) == expected  # the fake responds to this client, too


def test_captured_response_is_returned_unchanged(server_client: Any) -> None:
    captured = server_client.get_job(JobId=JOB_ID)
    with dx.FakeDataExchange() as fake:
        assert fake.add_job(captured).id == JOB_ID
        again = client_for().get_job(JobId=JOB_ID)
    del again["ResponseMetadata"], captured["ResponseMetadata"]
    assert again == captured == JOB


@pytest.mark.parametrize("type_", dx.JOB_TYPES)
@pytest.mark.parametrize("state", dx.JOB_STATES)
def test_every_member_of_a_job_is_returned(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any, type_: str, state: str
) -> None:
    made = dx.make_job(type_, state)
    response = dxjobs_client.get_job(JobId=dxjobs.add_job(made).id)
    assert response.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert response == made
    assert response["CreatedAt"].utcoffset() is not None


def test_body_is_rest_json(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    bodies = []
    dxjobs_client.meta.events.register(
        "after-call.dataexchange.GetJob",
        lambda http_response, **_: bodies.append(http_response.content),
    )
    dxjobs.add_job(JOB)
    dxjobs_client.get_job(JobId=JOB_ID)
    assert json.loads(bodies[0]) == json.loads(BODY)


@pytest.mark.parametrize("fraction", [0, 1000, 999000, 1, 999999])
def test_timestamp_keeps_its_fraction(dxjobs: dx.FakeDataExchange, dxjobs_client: Any, fraction: int) -> None:
    at = datetime.datetime(2024, 1, 1, 1, 1, 1, fraction, tzinfo=UTC)
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", CreatedAt=at)
    assert dxjobs_client.get_job(JobId=job.id)["CreatedAt"] == at


def test_timestamp_in_another_time_zone_is_the_same_instant(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    at = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", CreatedAt=at)
    assert dxjobs_client.get_job(JobId=job.id)["CreatedAt"] == at


def test_responses_are_copies(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs_client.get_job(JobId=job.id)["Details"].clear()
    assert dxjobs_client.get_job(JobId=job.id)["Details"]


def test_unknown_id_raises_not_found(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    missing = dx.job_id("missing")
    with pytest.raises(dxjobs_client.exceptions.ResourceNotFoundException) as caught:
        dxjobs_client.get_job(JobId=missing)
    response = caught.value.response
    assert response["Error"]["Code"] == "ResourceNotFoundException"
    assert missing in response["Error"]["Message"]
    assert response["Message"] == response["Error"]["Message"]
    assert (response["ResourceId"], response["ResourceType"]) == (missing, "JOB")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert response["ResponseMetadata"]["RetryAttempts"] == 0


@pytest.mark.parametrize(
    "job_id",
    ["", "x", "a" * 29, "a" * 41, "é" * 32, "a" * 31 + "-", "a" * 16 + "/" + "a" * 15, "%2F"],
)
def test_malformed_id_raises_validation_exception(dxjobs: dx.FakeDataExchange, dxjobs_client: Any, job_id: str) -> None:
    with pytest.raises(dxjobs_client.exceptions.ValidationException) as caught:
        dxjobs_client.get_job(JobId=job_id)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert repr(job_id) in caught.value.response["Message"]


def test_request_ids_are_unique(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job = dxjobs.add_job()
    ids = {dxjobs_client.get_job(JobId=job.id)["ResponseMetadata"]["RequestId"] for _ in range(3)}
    assert len(ids) == 3


def test_botocore_validates_parameters(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    with pytest.raises(ParamValidationError, match="Missing required parameter"):
        dxjobs_client.get_job()
    with pytest.raises(ParamValidationError, match="Unknown parameter"):
        dxjobs_client.get_job(JobId="x", jobId="x")


def test_invalid_response_is_accepted_with_check_false(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job = dxjobs.add_job({"Id": "short", "State": "EXPLODED", "Details": None}, check=False)
    response = dxjobs_client.get_job(JobId="short")
    del response["ResponseMetadata"]
    assert response == {"Id": "short", "State": "EXPLODED"}  # botocore drops null members
    assert (job.id, job.state, job.type, job.arn) == ("short", "EXPLODED", "", "")


def test_job_without_an_id_is_polled_by_its_assigned_id(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job = dxjobs.add_job({"State": "ERROR"}, check=False)
    response = dxjobs_client.get_job(JobId=job.id)
    del response["ResponseMetadata"]
    assert response == {"State": "ERROR"}


@pytest.mark.parametrize(
    "at",
    [
        datetime.datetime(2024, 1, 1),  # noqa: DTZ001
        datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
    ],
)
def test_unusual_timestamp_is_sent_unchanged(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any, at: datetime.datetime
) -> None:
    job = dxjobs.add_job({"UpdatedAt": at}, check=False)
    parsed = dxjobs_client.get_job(JobId=job.id)["UpdatedAt"]
    assert parsed.replace(tzinfo=at.tzinfo) == at


def test_bytes_are_sent_as_base64(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job = dxjobs.add_job({"Id": b"\0\1"}, check=False)
    assert dxjobs_client.get_job(JobId=job.id)["Id"] == "AAE="


def test_polls_are_counted_per_job(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    assert (job.polls, job.state) == (0, "COMPLETED")
    for _ in range(3):
        dxjobs_client.get_job(JobId=job.id)
    assert (job.polls, other.polls) == (3, 0)


def test_many_threads_poll_concurrently(dxjobs_client: Any) -> None:
    with dx.FakeDataExchange() as fake:
        jobs = [fake.add_job() for _ in range(8)]

        def poll(job: dx.Job) -> None:
            for _ in range(20):
                assert dxjobs_client.get_job(JobId=job.id)["Id"] == job.id

        threads = [threading.Thread(target=poll, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [job.polls for job in jobs] == [20] * 8
