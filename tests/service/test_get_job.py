"""GetJob through real clients, beside a plain HTTP server that sends bytes written by hand."""

from __future__ import annotations

import datetime
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from refused_network import Network

import pytest_dxjobs as dx

UTC = datetime.timezone.utc
JOB_ID = "0123456789abcdef0123456789abcdef"
ARN = f"arn:aws:dataexchange:us-east-1:123456789012:jobs/{JOB_ID}"

# What the service sends for this job, written down from its page.
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
MISSING = f'{{"Message": "not there", "ResourceId": "{"f" * 32}", "ResourceType": "JOB"}}'
CANNED = {
    f"/v1/jobs/{JOB_ID}": (200, "", BODY),
    f"/v1/jobs/{'f' * 32}": (404, "ResourceNotFoundException", MISSING),
    "/v1/jobs/short": (400, "ValidationException", '{"Message": "no id"}'),
    "/v1/jobs/": (400, "ValidationException", '{"Message": "no id"}'),
}


class CannedService(http.server.BaseHTTPRequestHandler):
    """Sends what is written above and nothing else."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, error, body = CANNED[self.path]
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
        """Keep the test's output clean."""


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
def canned(network: Network) -> Iterator[Any]:
    """A client of the plain server."""
    network.loopback = True
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), CannedService) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        client = client_for(f"http://127.0.0.1:{server.server_port}")
        yield client
        client.close()
        server.shutdown()
        thread.join()


def outcome(client: Any, job_id: str) -> tuple[Any, ...]:
    """What a caller sees, without what differs from call to call: the request id and the date."""
    try:
        response = client.get_job(JobId=job_id)
        raised = None
    except ClientError as error:
        response, raised = dict(error.response), type(error).__name__
        told = response.pop("Error")
        response |= {"Code": told["Code"], "operation": error.operation_name}
        assert response.pop("Message") == told["Message"]  # worded by each as it likes
    metadata = response.pop("ResponseMetadata")
    headers = metadata.pop("HTTPHeaders")
    assert metadata.pop("RequestId") == headers["x-amzn-requestid"]
    named = set(headers) - {"server"}
    return (
        raised,
        response,
        metadata,
        named,
        headers["content-type"],
        headers.get("x-amzn-errortype"),
    )


@pytest.mark.parametrize("job_id", [JOB_ID, "f" * 32, "short", ""])
def test_an_answer_is_what_a_server_makes_of_it(canned: Any, job_id: str) -> None:
    expected = outcome(canned, job_id)
    with dx.FakeDataExchange() as fake:
        fake.add_job(JOB)
        # As it came from the service, and as the client of the server sees the fake.
        assert outcome(client_for(), job_id) == expected
        assert outcome(canned, job_id) == expected


def test_a_captured_response_is_taken_and_told_again(canned: Any) -> None:
    captured = canned.get_job(JobId=JOB_ID)
    with dx.FakeDataExchange() as fake:
        assert fake.add_job(captured).id == JOB_ID
        again = client_for().get_job(JobId=JOB_ID)
    del again["ResponseMetadata"], captured["ResponseMetadata"]
    assert again == captured == JOB


@pytest.mark.parametrize("type_", dx.JOB_TYPES)
@pytest.mark.parametrize("state", dx.JOB_STATES)
def test_every_job_comes_back_member_for_member(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any, type_: str, state: str
) -> None:
    made = dx.make_job(type_, state)
    response = dxjobs_client.get_job(JobId=dxjobs.add_job(made).id)
    assert response.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert response == made
    assert response["CreatedAt"].utcoffset() is not None


def test_the_body_is_that_of_rest_json(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    bodies = []
    dxjobs_client.meta.events.register(
        "after-call.dataexchange.GetJob",
        lambda http_response, **_: bodies.append(http_response.content),
    )
    dxjobs.add_job(JOB)
    dxjobs_client.get_job(JobId=JOB_ID)
    assert json.loads(bodies[0]) == json.loads(BODY)


@pytest.mark.parametrize("fraction", [0, 1000, 999000, 1, 999999])
def test_a_time_keeps_its_fraction(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any, fraction: int
) -> None:
    moment = datetime.datetime(2024, 1, 1, 1, 1, 1, fraction, tzinfo=UTC)
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", CreatedAt=moment)
    assert dxjobs_client.get_job(JobId=job.id)["CreatedAt"] == moment


def test_a_time_in_another_zone_is_the_same_instant(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any
) -> None:
    moment = datetime.datetime(
        2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    )
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", CreatedAt=moment)
    assert dxjobs_client.get_job(JobId=job.id)["CreatedAt"] == moment


def test_answers_are_copies(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs_client.get_job(JobId=job.id)["Details"].clear()
    assert dxjobs_client.get_job(JobId=job.id)["Details"]


def test_a_job_that_is_not_there_is_not_found(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any
) -> None:
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
def test_a_malformed_id_is_not_valid(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any, job_id: str
) -> None:
    with pytest.raises(dxjobs_client.exceptions.ValidationException) as caught:
        dxjobs_client.get_job(JobId=job_id)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert repr(job_id) in caught.value.response["Message"]


def test_request_ids_tell_calls_apart(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job = dxjobs.add_job()
    ids = {dxjobs_client.get_job(JobId=job.id)["ResponseMetadata"]["RequestId"] for _ in range(3)}
    assert len(ids) == 3


def test_botocore_judges_the_parameters(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    with pytest.raises(ParamValidationError, match="Missing required parameter"):
        dxjobs_client.get_job()
    with pytest.raises(ParamValidationError, match="Unknown parameter"):
        dxjobs_client.get_job(JobId="x", jobId="x")


def test_a_garbled_answer_is_taken_with_check_false(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any
) -> None:
    job = dxjobs.add_job({"Id": "short", "State": "EXPLODED", "Details": None}, check=False)
    response = dxjobs_client.get_job(JobId="short")
    del response["ResponseMetadata"]
    assert response == {"Id": "short", "State": "EXPLODED"}  # null is no member to botocore
    assert (job.id, job.state, job.type, job.arn) == ("short", "EXPLODED", "", "")


def test_a_job_without_an_id_is_polled_by_the_one_it_gets(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any
) -> None:
    job = dxjobs.add_job({"State": "ERROR"}, check=False)
    response = dxjobs_client.get_job(JobId=job.id)
    del response["ResponseMetadata"]
    assert response == {"State": "ERROR"}


@pytest.mark.parametrize(
    "moment",
    [
        datetime.datetime(2024, 1, 1),  # noqa: DTZ001
        datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
    ],
)
def test_a_strange_time_is_sent_as_it_is(
    dxjobs: dx.FakeDataExchange, dxjobs_client: Any, moment: datetime.datetime
) -> None:
    job = dxjobs.add_job({"UpdatedAt": moment}, check=False)
    parsed = dxjobs_client.get_job(JobId=job.id)["UpdatedAt"]
    assert parsed.replace(tzinfo=moment.tzinfo) == moment


def test_bytes_are_sent_as_base64(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job = dxjobs.add_job({"Id": b"\0\1"}, check=False)
    assert dxjobs_client.get_job(JobId=job.id)["Id"] == "AAE="


def test_fake_sees_the_polls(dxjobs: dx.FakeDataExchange, dxjobs_client: Any) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    assert (job.polls, job.state) == (0, "COMPLETED")
    for _ in range(3):
        dxjobs_client.get_job(JobId=job.id)
    assert (job.polls, other.polls) == (3, 0)


def test_many_threads_poll_at_once(dxjobs_client: Any) -> None:
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
