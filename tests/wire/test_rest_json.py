"""REST-JSON: routing, encoding of values, and requests that a validating client never sends."""

from __future__ import annotations

import datetime
import json
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from clients import MODEL, START

import pytest_dxjobs as dx
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._wire.http import Request
from pytest_dxjobs._wire.parse import route
from pytest_dxjobs._wire.serialize import encode

JOB: Any = MODEL.operation_model("GetJob").output_shape


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/v1/jobs/abc", ("GetJob", {"JobId": "abc"})),
        ("PATCH", "/v1/jobs/abc", ("StartJob", {"JobId": "abc"})),
        ("DELETE", "/v1/jobs/a%2Fb%20c", ("CancelJob", {"JobId": "a/b c"})),
        ("GET", "/v1/jobs", ("ListJobs", {})),
        ("GET", "/tags/arn%3Aaws", ("ListTagsForResource", {"ResourceArn": "arn:aws"})),
        (
            "GET",
            "/v1/data-sets/d/revisions/r/assets",
            ("ListRevisionAssets", {"DataSetId": "d", "RevisionId": "r"}),
        ),
        ("PUT", "/v1/jobs/abc", None),
        ("GET", "/v2/jobs/abc", None),
        ("GET", "/v1/jobs/a/b", None),
        ("GET", "", None),
    ],
)
def test_method_and_path_select_the_operation(method: str, path: str, found: tuple[str, dict[str, str]] | None) -> None:
    assert route(model(), method, path) == found


def test_unknown_operation_raises_unexpected_call_and_is_logged() -> None:
    fake = dx.FakeDataExchange(strict=False)
    request = Request("PUT", "/v1/jobs/abc", "", {}, None, "us-east-1")
    for _ in range(2):  # without an invocation id, each request is a call of its own
        with pytest.raises(dx.UnexpectedCall, match=r"PUT /v1/jobs/abc .*there is no such operation"):
            fake._backend.handle(request)
    call, _ = fake.calls
    assert (call.operation, call.params, call.response) == ("PUT /v1/jobs/abc", {}, None)
    assert isinstance(call.error, dx.UnexpectedCall)


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (START, "2024-01-01T00:00:00.000Z"),
        (START.replace(microsecond=123_000), "2024-01-01T00:00:00.123Z"),
        (START.replace(microsecond=123_456), "2024-01-01T00:00:00.123456Z"),
        (START.replace(tzinfo=None), "2024-01-01T00:00:00.000"),
        (
            START.astimezone(datetime.timezone(datetime.timedelta(hours=2))),
            "2024-01-01T00:00:00.000Z",
        ),
    ],
)
def test_timestamp_is_written_in_milliseconds_utc_but_keeps_microseconds_and_naivety(
    at: datetime.datetime, written: str
) -> None:
    assert json.loads(encode(JOB, {"CreatedAt": at})) == {"CreatedAt": written}


def test_values_that_do_not_fit_their_shape_are_written_unchanged() -> None:
    job = {"Arn": {"a": 1}, "CreatedAt": 7, "Errors": "none", "Id": ["a"], "Details": 0.5}
    assert json.loads(encode(JOB, job)) == job
    assert json.loads(encode(JOB, {"State": START})) == {"State": "2024-01-01T00:00:00.000Z"}


ENCRYPTION = {"Type": ["AES256"]}
EXPORT = {
    "AssetDestinations": [{"AssetId": "a" * 32, "Bucket": ["prices"]}],
    "DataSetId": "d" * 32,
    "RevisionId": "e" * 32,
}
DETAILS = {"ExportAssetsToS3": EXPORT | {"Encryption": ENCRYPTION}}


@pytest.mark.parametrize(
    ("request_", "problems"),
    [
        (
            {"Type": "EXPORT_ASSETS_TO_S3", "Details": DETAILS},
            ["AssetDestinations[0].Bucket: a string is n", "Encryption.Type: a string is n"],
        ),
        ({"Type": ["EXPORT_ASSETS_TO_S3"], "Details": DETAILS}, [" Type: a string is n"]),
        ({"Details": DETAILS}, [" Type: missing"]),
        ({"Type": "EXPORT_ASSETS_TO_S3"}, [" Details: missing"]),
    ],
)
def test_invalid_create_job_from_a_client_without_validation_is_refused(
    dxjobs: dx.FakeDataExchange, request_: dict[str, Any], problems: list[str]
) -> None:
    client: Any = botocore.session.Session().create_client(
        "dataexchange", region_name="us-east-1", config=Config(parameter_validation=False)
    )
    with pytest.raises(ClientError) as caught:
        client.create_job(**request_)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    for problem in problems:
        assert problem in str(caught.value)
    assert dxjobs.jobs == []


def test_parameter_that_is_not_a_number_is_refused(dxjobs: dx.FakeDataExchange) -> None:
    client: Any = botocore.session.Session().create_client(
        "dataexchange", region_name="us-east-1", config=Config(parameter_validation=False)
    )
    with pytest.raises(ClientError, match=r"ValidationException.*MaxResults: an integer is"):
        client.list_jobs(MaxResults="many")
    assert dxjobs.calls[0].params == {"MaxResults": "many"}


def test_reset_within_a_call_clears_the_log(dxjobs_client: Any, dxjobs: dx.FakeDataExchange) -> None:
    dxjobs.add_response("list_data_sets", lambda _: dxjobs.reset())
    assert dxjobs_client.list_data_sets()["DataSets"]
    assert dxjobs.calls == []
