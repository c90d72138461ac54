"""Faults as values: their repr, their validation, and what each one sends."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import pickle
from typing import Any

import pytest

import pytest_dxjobs as dx
from pytest_dxjobs import faults

MAKERS = [getattr(faults, name) for name in faults.__all__ if name != "Fault"]
ID = "d" * 32


@pytest.mark.parametrize("make", MAKERS)
def test_every_fault_takes_message_request_id_and_headers(make: Any) -> None:
    fault: dx.Fault = make(message="m", request_id="r", headers={"Retry-After": "3"})
    assert fault == make(message="m", request_id="r", headers={"Retry-After": "3"}) != make()
    assert len({fault, make(), make()}) == 2
    assert isinstance(fault, dx.Fault)
    with pytest.raises(dataclasses.FrozenInstanceError):
        fault.message = "other"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(fault)) == copy.deepcopy(fault) == fault


@pytest.mark.parametrize("make", MAKERS)
def test_repr_is_the_call_that_makes_the_fault(make: Any) -> None:
    for fault in (make(), make(message="m", request_id="r", headers={"Retry-After": "3"})):
        assert eval(repr(fault), {"faults": faults}) == fault
    assert repr(faults.throttling()) == "faults.throttling()"
    assert repr(faults.validation("S3AccessDenied")) == "faults.validation(cause='S3AccessDenied')"


def test_faults_are_an_attribute_of_the_package() -> None:
    assert dx.faults is faults
    assert "faults" in dir(dx)


def test_message_request_id_and_headers_are_sent(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    fault = faults.not_found(message="Gone", request_id="r-1", headers={"X-Amzn-Trace": "t", "content-type": "x/y"})
    dxjobs.inject(fault)
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Gone") as caught:
        client.get_job(JobId=ID)
    metadata = caught.value.response["ResponseMetadata"]
    assert metadata["RequestId"] == "r-1"
    assert metadata["HTTPHeaders"]["x-amzn-trace"] == "t"
    assert metadata["HTTPHeaders"]["content-type"] == "x/y"
    assert caught.value.response["ResourceId"] == ID
    assert caught.value.response["ResourceType"] == "JOB"


def test_message_of_a_connection_error_is_that_of_its_cause(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(faults.connection_refused(message="no route to host"), calls=1)
    with pytest.raises(Exception, match="Could not connect") as caught:
        client.get_job(JobId=ID)
    assert str(caught.value.kwargs["error"]) == "no route to host"  # type: ignore[attr-defined]


def test_title_of_an_html_page_is_escaped(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    bodies: list[bytes] = []
    event = "response-received.dataexchange.GetJob"

    def record_body(response_dict: Any, **_: Any) -> None:
        bodies.append(response_dict["body"])

    client.meta.events.register(event, record_body)
    dxjobs.inject(faults.bad_gateway(message="<&>", request_id="r-1"), calls=1)
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.get_job(JobId=ID)
    client.meta.events.unregister(event, record_body)
    assert b"<h1>&lt;&amp;&gt;</h1>" in bodies[0]
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    # Read from the headers: botocore sets no RequestId for an HTML page.
    assert headers["x-amzn-requestid"] == "r-1"


DATA_SET, REVISION = "a" * 32, "b" * 32
DETAILS = {"ExportAssetToSignedUrl": {"DataSetId": DATA_SET, "RevisionId": REVISION, "AssetId": ID}}


@pytest.mark.parametrize(
    ("operation", "params", "resource"),
    [
        ("start_job", {"JobId": ID}, ("JOB", ID)),
        ("cancel_job", {"JobId": ID}, ("JOB", ID)),
        ("list_jobs", {"DataSetId": DATA_SET, "RevisionId": REVISION}, ("DATA_SET", DATA_SET)),
        ("list_jobs", {}, (None, None)),
        (
            "create_job",
            {"Type": "EXPORT_ASSET_TO_SIGNED_URL", "Details": DETAILS},
            ("DATA_SET", DATA_SET),
        ),
        ("create_revision", {"DataSetId": DATA_SET}, ("DATA_SET", DATA_SET)),
    ],
)
@pytest.mark.parametrize("make", [faults.not_found, faults.conflict])
def test_error_names_the_resource_of_the_request(
    dxjobs: dx.FakeDataExchange, client: Any, operation: str, params: Any, resource: Any, make: Any
) -> None:
    dxjobs.inject(make(), operation=operation)
    with pytest.raises(client.exceptions.ClientError) as caught:
        getattr(client, operation)(**params)
    response = caught.value.response
    assert (response.get("ResourceType"), response.get("ResourceId")) == resource
    assert (resource[1] or "The resource") in str(caught.value)


INVALID: list[tuple[Any, dict[str, Any], str]] = [
    (faults.throttling, {"message": 5}, "faults.throttling: message: a string .* not 5"),
    (faults.throttling, {"request_id": "a\nb"}, "faults.throttling: request_id: printable"),
    (faults.throttling, {"request_id": ""}, "request_id: printable"),
    (faults.read_timeout, {"request_id": 5}, "faults.read_timeout: request_id: .*not 5"),
    (faults.not_found, {"headers": ["a"]}, "faults.not_found: headers: a dict"),
    (faults.not_found, {"headers": {"a": 5}}, r"headers\['a'\]: printable .*not 5"),
    (faults.not_found, {"headers": {"a\r\nb": "c"}}, "headers: the name .*: printable"),
    (faults.not_found, {"headers": {"a": "é"}}, r"headers\['a'\]: printable ASCII"),
    (faults.validation, {"cause": "S3AcessDenied"}, "did you mean 'S3AccessDenied'"),
    (faults.garbled, {"body": "text"}, "faults.garbled: body: bytes .*not 'text'"),
    (faults.garbled, {"status": 600}, "faults.garbled: status: .*599.*not 600"),
    (faults.garbled, {"status": 100}, "faults.garbled: status: .*200.*not 100"),
    (faults.garbled, {"status": True}, "faults.garbled: status: .*not True"),
]


@pytest.mark.parametrize(("make", "arguments", "message"), INVALID)
def test_invalid_arguments_raise_usage_error(make: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(dx.UsageError, match=message):
        make(**arguments)


def test_order_of_headers_does_not_matter() -> None:
    one, other = ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})
    assert faults.throttling(headers=one) == faults.throttling(headers=other)


def test_unknown_kind_raises_usage_error() -> None:
    with pytest.raises(dx.UsageError, match=r"Fault: kind: 'throtling' is not valid.* did you"):
        dx.Fault("throtling")


def test_garbled_fault_without_fields_is_an_empty_success(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(dx.Fault("garbled"))
    response = client.get_job(JobId=DATA_SET)
    assert set(response) == {"ResponseMetadata"}
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.garbled(b'{"code": "ConflictException"}', status=400), "ConflictException"),
        (
            faults.garbled(b'{"__type": "com.x#ThrottlingException"}', status=429),
            "ThrottlingException",
        ),
        (faults.throttling(headers={"x-amzn-errortype": "Odd"}), "Odd"),
        (faults.not_found(headers={"x-amzn-ErrorType": "Odd:http://example/"}), "Odd"),
    ],
)
def test_logged_error_code_is_the_one_that_botocore_reads(
    dxjobs: dx.FakeDataExchange, client: Any, fault: dx.Fault, code: str
) -> None:
    dxjobs.inject(fault, calls=1)
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.get_job(JobId=DATA_SET)
    assert caught.value.response["Error"]["Code"] == code
    assert dxjobs.calls[0].attempts[-1].error_code == code


@pytest.mark.parametrize(("status", "code"), [(299, None), (300, "300"), (599, "599")])
def test_status_from_300_is_an_error_as_for_botocore(
    dxjobs: dx.FakeDataExchange, client: Any, status: int, code: str | None
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=2))
    dxjobs.inject(faults.garbled(b'{"State": "WAITING"}', status=status))
    with pytest.raises(client.exceptions.ClientError) if code else contextlib.nullcontext():
        client.get_job(JobId=job.id)
    (call,) = dxjobs.calls
    assert call.attempts[0].error_code == code
    assert isinstance(call.error, client.exceptions.ClientError) == (call.response is None) == bool(code)
    dxjobs.assert_polled(job, 0 if code else 1)
    assert job.polls == (0 if code else 1)


@pytest.mark.parametrize("state", [5, ["x"], {"a": 1}, True, float("nan")])
def test_state_that_is_not_a_string_is_shown(dxjobs: dx.FakeDataExchange, client: Any, state: object) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(faults.garbled(json.dumps({"State": state, "Id": ["x"]}).encode()))
    client.get_job(JobId=job.id)
    assert f"200 {state!r}" in dxjobs.timeline()
    with pytest.raises(AssertionError, match="was polled 1 time"):
        dxjobs.assert_polled(job, times=5)
    dxjobs.inject(faults.garbled(b'{"Id": ["x"], "State": "WAITING"}'), operation="create_job")
    details = {"DataSetId": DATA_SET, "RevisionId": DATA_SET, "AssetId": DATA_SET}
    client.create_job(Type="EXPORT_ASSET_TO_SIGNED_URL", Details={"ExportAssetToSignedUrl": details})
    assert "create_job  200 WAITING" in dxjobs.timeline()


def test_body_that_botocore_cannot_decode_is_garbled(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(faults.garbled('{"State": "COMPLETED"}'.encode("utf-16")))
    with pytest.raises(UnicodeDecodeError):
        client.get_job(JobId=job.id)
    assert job.polls == 0
    assert "200 garbled" in dxjobs.timeline()


def test_replace_accepts_headers_as_a_dict() -> None:
    headers: Any = {"b": "2", "a": "1"}
    made = dataclasses.replace(faults.throttling(), headers=headers)
    assert made == faults.throttling(headers={"a": "1", "b": "2"})
