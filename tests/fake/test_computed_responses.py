"""Responses that a function computes from the parameters of a call, and ``ResponseMetadata``."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from clients import START, client_for

import pytest_dxjobs as dx

ID, OTHER = "d" * 32, "e" * 32
MINUTE = datetime.timedelta(minutes=1)


def call_client(client: Any, method: str, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the response without its metadata, and the metadata."""
    returned = getattr(client, method)(**params)
    return returned, returned.pop("ResponseMetadata")


def test_a_function_computes_the_response_from_the_parameters(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    received: list[dict[str, Any]] = []

    def compute(params: dict[str, Any]) -> dict[str, Any]:
        received.append(dict(params))
        response = {"Id": params.pop("RevisionId"), "Finalized": params["Finalized"]}
        params.clear()  # a copy
        return response

    dxjobs.add_response("update_revision", compute, times=dx.ALWAYS)
    for finalized in (True, False):
        params = {"DataSetId": ID, "RevisionId": OTHER, "Finalized": finalized}
        returned, _ = call_client(client, "update_revision", params)
        assert returned == {"Id": OTHER, "Finalized": finalized}
        assert received.pop() == dxjobs.calls[-1].params == params
        assert received == []


def test_a_computed_response_is_checked(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    wrong: list[Any] = [{"Id": "short", "Statte": "ERROR"}, [], 5]
    dxjobs.add_response("get_job", lambda _: wrong.pop(0), times=3)
    for message in (r"(?s)Statte: .*Id: ", "must return a dict or None", "or None, not 5"):
        with pytest.raises(dx.UsageError, match=message):
            client.get_job(JobId=ID)


def test_a_computed_response_is_a_copy(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    kept: dict[str, Any] = {"Tags": {"a": "b"}}
    dxjobs.add_response("list_tags_for_resource", lambda _: kept)
    returned, _ = call_client(client, "list_tags_for_resource", {"ResourceArn": "arn"})
    kept["Tags"].clear()
    assert returned == {"Tags": {"a": "b"}}
    assert returned.items() <= (dxjobs.calls[0].response or {}).items()


def test_an_exception_in_the_function_is_a_usage_error(client: Any) -> None:
    def broken(params: dict[str, Any]) -> dict[str, Any]:
        return {"Id": params["Misspelt"]}

    def sync() -> None:
        with contextlib.suppress(Exception):  # as if the service had failed
            client.get_job(JobId=ID)

    fake = dx.FakeDataExchange()
    fake.add_response("get_job", broken)
    message = r"add_response\('get_job'\): the function raised KeyError: 'Misspelt'. It was called with"
    with pytest.raises(dx.UsageError, match=message), fake:
        sync()
    fake.add_response("get_job", broken)
    with fake, pytest.raises(dx.UsageError, match=message) as caught:
        client.get_job(JobId=ID)
    assert isinstance(caught.value.__cause__, KeyError)


async def later(_: object) -> Any:
    """A coroutine function."""


def test_a_coroutine_function_is_refused(dxjobs: dx.FakeDataExchange) -> None:
    message = "service_response: .* is needed, not the coroutine function later"
    with pytest.raises(dx.UsageError, match=message):
        dxjobs.add_response("get_job", later)  # type: ignore[arg-type]


def raising(failure: Exception) -> Callable[[object], None]:
    def compute(_: object) -> None:
        raise failure

    return compute


def test_errors_that_the_function_raises_on_purpose_reach_the_code(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("get_data_set", raising(ConnectTimeoutError(endpoint_url="x")))
    with pytest.raises(ConnectTimeoutError):
        client.get_data_set(DataSetId=ID)
    dxjobs.add_response("get_data_set", raising(AssertionError("mine")))
    with pytest.raises(AssertionError, match="mine"):
        client.get_data_set(DataSetId=ID)


def test_a_function_may_wait_for_other_calls(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job, polled = dxjobs.add_job(), threading.Event()

    def when_polled(_: object) -> None:
        assert polled.wait(10)

    dxjobs.add_response("list_data_sets", when_polled)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.list_data_sets)
        client.get_job(JobId=job.id)
        polled.set()
        assert waiting.result()["DataSets"]


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_a_call_within_a_function_does_not_affect_the_outer_call(
    dxjobs: dx.FakeDataExchange, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, job, other = client_for(mode=mode), dxjobs.add_job(), dxjobs.add_job()
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("real sleep"))

    def compute(_: object) -> Any:
        client.get_job(JobId=other.id)
        if len(failures) < 2:
            failures.append(ConnectTimeoutError(endpoint_url="https://example"))
            raise failures[-1]

    failures: list[Exception] = []
    dxjobs.add_response("get_job", compute, {"JobId": job.id})
    assert client.get_job(JobId=job.id)["State"] == "COMPLETED"
    call, *within = dxjobs.calls
    assert [each.status for each in call.attempts] == [None, None, 200]
    assert all(each.backoff > 0 for each in call.attempts[:-1])
    assert call.response is not None
    assert call.response["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(within) == other.polls == 3
    assert job.polls == 1  # a call with retries is one poll


def test_a_slow_function_counts_as_a_poll_when_it_returns(dxjobs: dx.FakeDataExchange, client: Any, clock: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=3))

    def compute(_: object) -> dict[str, Any]:
        clock.tick(60)
        assert client.get_job(JobId=job.id)["State"] == "IN_PROGRESS"
        clock.tick(60)
        return {"State": "IN_PROGRESS"}

    dxjobs.add_response("get_job", compute)
    client.get_job(JobId=job.id)
    response = client.get_job(JobId=job.id)
    assert (response["State"], response["UpdatedAt"]) == ("COMPLETED", START + 2 * MINUTE)


def test_an_error_without_a_code_is_not_a_poll(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=2))
    dxjobs.add_client_error("get_job")
    with pytest.raises(ClientError):
        client.get_job(JobId=job.id)
    assert job.polls == 0
    assert client.get_job(JobId=job.id)["State"] == "IN_PROGRESS"


def test_a_queued_create_job_response_links_the_call_to_its_job(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job(Id=ID)
    dxjobs.add_response("create_job", {"Id": ID, "State": "WAITING"})
    details: Any = {"ExportAssetToSignedUrl": {"DataSetId": ID, "RevisionId": ID, "AssetId": ID}}
    client.create_job(Type="EXPORT_ASSET_TO_SIGNED_URL", Details=details)
    assert [call.operation for call in job.calls] == ["create_job"]
    assert "WAITING" in dxjobs.timeline()


def test_a_function_that_returns_none_gets_a_generated_response(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("create_revision", lambda _: None)
    assert client.create_revision(DataSetId=ID, Comment="mine")["Comment"] == "mine"


@pytest.mark.parametrize(("computed", "status"), [(False, 299), (True, 299), (True, 200)])
def test_response_metadata_is_sent(dxjobs: dx.FakeDataExchange, client: Any, computed: bool, status: int) -> None:
    metadata = {"HTTPStatusCode": status, "RequestId": "mine", "HTTPHeaders": {"x-trace": "t"}}
    response = {"ResponseMetadata": metadata, "Name": "prices"}
    dxjobs.add_response("get_data_set", (lambda _: response) if computed else response)
    returned, received = call_client(client, "get_data_set", {"DataSetId": ID})
    assert returned == {"Name": "prices"}
    assert (received["HTTPStatusCode"], received["RequestId"]) == (status, "mine")
    assert received["HTTPHeaders"]["x-trace"] == "t"
    assert response["ResponseMetadata"] is metadata


@pytest.mark.parametrize("status", [199, 300])
def test_a_computed_status_that_is_not_a_success_is_refused(
    dxjobs: dx.FakeDataExchange, client: Any, status: int
) -> None:
    response = {"ResponseMetadata": {"HTTPStatusCode": status}}
    dxjobs.add_response("get_data_set", lambda _: response)
    with pytest.raises(dx.UsageError, match="HTTPStatusCode: a whole number from 200 to 299 is needed"):
        client.get_data_set(DataSetId=ID)


def test_a_function_that_fails_the_test_ends_its_call(client: Any) -> None:
    with dx.FakeDataExchange() as fake:
        fake.add_response("list_jobs", lambda _: pytest.fail("must not be called"))
        with pytest.raises(pytest.fail.Exception, match="must not be called"):
            client.list_jobs()
        (call,) = fake.calls
        assert isinstance(call.error, pytest.fail.Exception)
        assert [attempt.error_code for attempt in call.attempts] == ["Failed"]


def test_an_error_of_the_function_is_raised_although_a_limit_is_exceeded(client: Any) -> None:
    with dx.FakeDataExchange(max_polls_after_end=1, strict=False) as fake:
        job = fake.add_job()
        for _ in range(2):
            client.get_job(JobId=job.id)
        fake.add_response("get_job", lambda params: params["oops"])
        with pytest.raises(dx.UsageError, match="the function raised KeyError: 'oops'"):
            client.get_job(JobId=job.id)
