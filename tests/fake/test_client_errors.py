"""``add_client_error``: errors, their retries, and programs that run with Stubber and with the fake alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from clients import MODEL, client_for

import pytest_dxjobs as dx

ERRORS = {shape.name: shape for shape in MODEL.error_shapes}
FIELDS: dict[str, Any] = {
    "ExceptionCause": "S3AccessDenied",
    "LimitName": "Concurrent in progress jobs to export assets to Amazon S3",
    "LimitValue": 10.0,
    "ResourceId": "d" * 32,
    "ResourceType": "JOB",
}
ID, OTHER = "d" * 32, "e" * 32


def error_of(client: Any, job_id: str = ID) -> ClientError:
    with pytest.raises(ClientError) as caught:
        client.get_job(JobId=job_id)
    assert caught.value.operation_name == "GetJob"
    return caught.value


# What the client raises


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_of_the_model_raises_its_own_exception(dxjobs: dx.FakeDataExchange, code: str) -> None:
    client, members = client_for(), ERRORS[code].members
    fields = {name: FIELDS[name] for name in members if name != "Message"}
    dxjobs.add_client_error("get_job", code, "refused", modeled_fields=fields)
    error = error_of(client)
    assert type(error) is client.exceptions.from_code(code)
    assert error.response["Error"] == {"Code": code, "Message": "refused"}
    assert {name: error.response.get(name) for name in fields} == fields
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == (ERRORS[code].metadata["error"]["httpStatusCode"])


def test_any_other_code_raises_a_client_error(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_client_error("get_job", "ExpiredTokenException", "too late")
    error = error_of(client)
    assert type(error) is ClientError
    assert error.response["Error"] == {"Code": "ExpiredTokenException", "Message": "too late"}
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_status_and_metadata_are_sent(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_client_error("get_job", "ConflictException", http_status_code=418)
    metadata = {"HTTPStatusCode": 451, "RequestId": "mine", "HTTPHeaders": {"x-trace": "t"}}
    dxjobs.add_client_error("get_job", "ConflictException", response_meta=metadata)
    assert error_of(client).response["ResponseMetadata"]["HTTPStatusCode"] == 418
    received = error_of(client).response["ResponseMetadata"]
    assert (received["HTTPStatusCode"], received["RequestId"]) == (451, "mine")
    assert received["HTTPHeaders"]["x-trace"] == "t"


def test_an_error_is_only_for_calls_with_its_parameters(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_client_error("get_job", "AccessDeniedException", expected_params={"JobId": OTHER}, times=dx.ALWAYS)
    assert error_of(client).response["Error"]["Code"] == "ResourceNotFoundException"
    for _ in range(3):
        assert error_of(client, OTHER).response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.parametrize("status", [301, 599])
def test_the_code_arrives_at_any_status(status: int, dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_client_error("get_job", "Odd", http_status_code=status, times=dx.ALWAYS)
    with pytest.raises(ClientError) as caught:
        client.get_job(JobId="0" * 32)
    assert caught.value.response["Error"]["Code"] == "Odd"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"service_error_meta": {"Type": "Sender"}}, "service_error_meta"),
        ({"service_error_meta": "Sender"}, "service_error_meta"),
        ({"http_status_code": 200}, "http_status_code"),
        ({"http_status_code": 300}, "a whole number from 301 to 599 is needed, not 300"),
        ({"http_status_code": 600}, "http_status_code"),
        ({"http_status_code": "400"}, "http_status_code"),
        ({"http_status_code": True}, "http_status_code"),
        ({"response_meta": {"HTTPStatusCode": 300}}, "HTTPStatusCode: a whole number from 301 "),
        (
            {"response_meta": {"Status": 400}},
            "'Status' is not valid; did you mean .* Choose from HTTPStatusCode",
        ),
        ({"response_meta": 400}, "response_meta: a dict is needed, not 400"),
        ({"response_meta": {"RequestID": "x"}}, "did you mean 'RequestId'"),
        ({"response_meta": {"HTTPHeaders": "x"}}, "HTTPHeaders: a dict is needed, not 'x'"),
        ({"service_error_code": "a:b"}, "letters, digits, dots"),
        ({"modeled_fields": {"Cause": "x", "ExceptionCause": "x"}}, r"(?s)Cause: .*ExceptionCause"),
        ({"modeled_fields": {"ExceptionCause": 5}}, "ExceptionCause: a string is needed"),
        ({"modeled_fields": ["ExceptionCause"]}, "modeled_fields"),
        (
            {"service_error_code": "Odd", "modeled_fields": {"Cause": "x"}},
            "the service model has no error 'Odd'. Choose from AccessDeniedException, ",
        ),
        ({"service_message": 5}, "essage"),
        ({"service_error_code": 5}, "5"),
        ({"service_error_code": "Two\r\nlines"}, "Two"),
    ],
)
def test_an_error_that_cannot_be_sent_is_refused(
    dxjobs: dx.FakeDataExchange, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(dx.UsageError, match=message):
        dxjobs.add_client_error("get_job", **{"service_error_code": "ValidationException", **arguments})
    dxjobs.assert_no_pending_responses()


def test_an_empty_error_meta_is_accepted(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_client_error("get_job", "ConflictException", service_error_meta={})
    assert error_of(client).response["Error"]["Code"] == "ConflictException"


# One error for one call


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 429), ("Busy", 500)])
@pytest.mark.parametrize(("mode", "tries"), [("legacy", 5), ("standard", 3)])
def test_an_error_is_for_one_call_with_all_its_retries(
    dxjobs: dx.FakeDataExchange, mode: str, tries: int, code: str, status: int
) -> None:
    client, job = client_for(mode=mode), dxjobs.add_job()
    dxjobs.add_client_error("get_job", code, "first", http_status_code=status)
    dxjobs.add_client_error("get_job", code, "second", http_status_code=status)
    dxjobs.add_response("get_job", {"State": "WAITING"})
    for message in ("first", "second"):
        error = error_of(client, job.id)
        assert error.response["Error"] == {"Code": code, "Message": message}
        assert error.response["ResponseMetadata"]["RetryAttempts"] == tries - 1
    dxjobs.add_client_error("get_job", code, http_status_code=status)  # not for an earlier call
    assert client.get_job(JobId=job.id)["State"] == "WAITING"
    error_of(client, job.id)
    assert client.get_job(JobId=job.id)["State"] == "COMPLETED"
    assert [len(call.attempts) for call in dxjobs.calls] == [tries, tries, 1, tries, 1]


@pytest.mark.parametrize("code", ["ValidationException", "ConflictException", "Odd"])
def test_an_error_that_botocore_does_not_retry_is_sent_once(
    dxjobs: dx.FakeDataExchange, client: Any, code: str
) -> None:
    dxjobs.add_client_error("get_job", code)
    assert error_of(client).response["ResponseMetadata"]["RetryAttempts"] == 0
    assert len(dxjobs.calls[0].attempts) == 1


def test_times_counts_calls_and_not_requests(dxjobs: dx.FakeDataExchange) -> None:
    client, job = client_for(mode="legacy"), dxjobs.add_job()
    dxjobs.add_client_error("get_job", "ThrottlingException", times=2)
    error_of(client, job.id)
    with pytest.raises(AssertionError, match="1 of 2"):
        dxjobs.assert_no_pending_responses()
    error_of(client, job.id)
    dxjobs.assert_no_pending_responses()
    assert client.get_job(JobId=job.id)["State"] == "COMPLETED"


# Each of these programs must have the same result with Stubber and with the fake


def pages(stub: Any, client: Any) -> object:
    first, second = (dict(dx.make_job("EXPORT_ASSETS_TO_S3", state)) for state in ("WAITING", "ERROR"))
    stub.add_response("list_jobs", {"Jobs": [first], "NextToken": "2"}, {"DataSetId": ID})
    stub.add_response("list_jobs", {"Jobs": [second]}, {"DataSetId": ID, "NextToken": "2"})
    with stub:
        found = client.get_paginator("list_jobs").paginate(DataSetId=ID).search("Jobs[].State")
        return list(found)


def flow(stub: Any, client: Any) -> object:
    params = {"DataSetId": ID, "RevisionId": OTHER, "Finalized": True}
    stub.add_response("create_revision", {"Id": OTHER}, {"DataSetId": ID, "Comment": ANY})
    stub.add_response("update_revision", {"Finalized": True}, params)
    stub.add_response("start_job", {}, {"JobId": ID})
    stub.add_response("get_job", service_response={"State": "WAITING"})
    stub.add_response("cancel_job", {"ResponseMetadata": {"HTTPStatusCode": 204}}, {"JobId": ANY})
    stub.activate()
    responses = [
        client.create_revision(DataSetId=ID, Comment="nightly"),
        client.update_revision(**params),
        client.start_job(JobId=ID),
        client.get_job(JobId=ID),
        client.cancel_job(JobId=ID),
    ]
    stub.assert_no_pending_responses()
    stub.deactivate()
    return [{name: part for name, part in each.items() if name != "ResponseMetadata"} for each in responses]


def notification(stub: Any, client: Any) -> object:
    params = {"DataSetId": ID, "Type": "DATA_UPDATE", "Comment": "new prices"}
    stub.add_response("send_data_set_notification", {}, params)  # botocore adds a ClientToken
    with stub:
        return set(client.send_data_set_notification(**params)) - {"ResponseMetadata"}


def failing(stub: Any, client: Any) -> object:
    fields = {"Message": "gone", "ResourceId": ID, "ResourceType": "JOB"}
    stub.add_client_error("get_job", "ResourceNotFoundException", "gone", 404, modeled_fields=fields)
    stub.add_client_error("get_job", "ThrottlingException", "slow", http_status_code=429)
    stub.add_client_error("get_job", service_error_code="Unknown", expected_params={"JobId": ID})
    stub.add_client_error("get_job")
    errors = []
    with stub:
        for _ in range(4):
            error = error_of(client)
            resource = [error.response.get(name) for name in ("ResourceId", "ResourceType")]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            errors.append((type(error).__name__, error.response["Error"], resource, status))
    return errors


def pending(stub: Any, client: Any) -> object:
    stub.add_response("list_jobs", {"Jobs": []})
    stub.add_response("list_jobs", {"Jobs": []})
    stub.activate()
    with pytest.raises(AssertionError):
        stub.assert_no_pending_responses()
    jobs = [client.list_jobs()["Jobs"], client.list_jobs()["Jobs"]]
    stub.deactivate()
    stub.assert_no_pending_responses()
    return jobs


def mismatch(stub: Any, client: Any) -> object:
    stub.add_response("list_data_sets", {"DataSets": []}, {"MaxResults": 5})
    stub.activate()
    with pytest.raises(AssertionError):
        client.list_data_sets(MaxResults=6)
    stub.deactivate()
    return None


def wrong_arguments(stub: Any, client: Any) -> object:
    with pytest.raises(ValueError, match="get_jobs"):
        stub.add_response("get_jobs", {})
    with pytest.raises(Exception, match="Statte"):
        stub.add_response("get_job", {"Statte": "ERROR"})
    stub.assert_no_pending_responses()
    return None


@pytest.mark.parametrize(
    "program",
    [pages, flow, notification, failing, pending, mismatch, wrong_arguments],
    ids=lambda each: each.__name__,
)
def test_a_program_for_stubber_runs_with_the_fake(program: Callable[[Any, Any], object]) -> None:
    client = client_for()
    stubbed = program(Stubber(client), client)
    assert program(dx.FakeDataExchange(), client) == stubbed


def test_metadata_that_botocore_adds_is_ignored(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    captured = {"RetryAttempts": 4, "MaxAttemptsReached": True, "HostId": "", "RequestId": "mine"}
    dxjobs.add_client_error("get_job", "ValidationException", response_meta=captured)
    metadata = error_of(client, ID).response["ResponseMetadata"]
    assert (metadata["RequestId"], metadata["RetryAttempts"]) == ("mine", 0)
