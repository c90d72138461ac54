"""Answers that a function computes from the parameters of the call, and what a response says of its metadata."""

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


def ask(client: Any, method: str, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the client returns, and its metadata apart."""
    returned = getattr(client, method)(**params)
    return returned, returned.pop("ResponseMetadata")


def test_an_answer_is_computed_from_the_parameters(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    asked: list[dict[str, Any]] = []

    def compute(params: dict[str, Any]) -> dict[str, Any]:
        asked.append(dict(params))
        answer = {"Id": params.pop("RevisionId"), "Finalized": params["Finalized"]}
        params.clear()  # its own copy
        return answer

    dxjobs.add_response("update_revision", compute, times=dx.ALWAYS)
    for finalized in (True, False):
        params = {"DataSetId": ID, "RevisionId": OTHER, "Finalized": finalized}
        returned, _ = ask(client, "update_revision", params)
        assert returned == {"Id": OTHER, "Finalized": finalized}
        assert asked.pop() == dxjobs.calls[-1].params == params
        assert asked == []


def test_a_computed_answer_is_checked(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    wrong: list[Any] = [{"Id": "short", "Statte": "ERROR"}, [], 5]
    dxjobs.add_response("get_job", lambda _: wrong.pop(0), times=3)
    for told in (r"(?s)Statte: .*Id: ", "dict", "dict"):
        with pytest.raises(dx.UsageError, match=told):
            client.get_job(JobId=ID)


def test_a_computed_answer_is_a_copy(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    kept: dict[str, Any] = {"Tags": {"a": "b"}}
    dxjobs.add_response("list_tags_for_resource", lambda _: kept)
    returned, _ = ask(client, "list_tags_for_resource", {"ResourceArn": "arn"})
    kept["Tags"].clear()
    assert returned == {"Tags": {"a": "b"}}
    assert returned.items() <= (dxjobs.calls[0].response or {}).items()


def test_a_mistake_in_the_function_is_told_as_the_tests(client: Any) -> None:
    def broken(params: dict[str, Any]) -> dict[str, Any]:
        return {"Id": params["Misspelt"]}

    def sync() -> None:
        with contextlib.suppress(Exception):  # takes it for a failure of the service
            client.get_job(JobId=ID)

    fake = dx.FakeDataExchange()
    fake.add_response("get_job", broken)
    told = r"add_response\('get_job'\): the function raised KeyError: 'Misspelt'; it was given"
    with pytest.raises(dx.UsageError, match=told), fake:
        sync()
    fake.add_response("get_job", broken)
    with fake, pytest.raises(dx.UsageError, match=told) as caught:
        client.get_job(JobId=ID)
    assert isinstance(caught.value.__cause__, KeyError)


async def later(_: object) -> Any:
    """Answer at some time."""


def test_a_function_answers_at_once(dxjobs: dx.FakeDataExchange) -> None:
    told = "the response is .*, not the coroutine function later"
    with pytest.raises(dx.UsageError, match=told):
        dxjobs.add_response("get_job", later)  # type: ignore[arg-type]


def raising(failure: Exception) -> Callable[[object], None]:
    def compute(_: object) -> None:
        raise failure

    return compute


def test_what_the_function_raises_on_purpose_reaches_the_code(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
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
def test_a_call_within_a_function_leaves_the_one_around_it_alone(
    dxjobs: dx.FakeDataExchange, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, job, asked = client_for(mode=mode), dxjobs.add_job(), dxjobs.add_job()
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits for real"))

    def compute(_: object) -> Any:
        client.get_job(JobId=asked.id)
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
    assert len(within) == asked.polls == 3
    assert job.polls == 1  # also where it is answered only after a retry


def test_what_took_its_time_is_told_after_what_was_polled_meanwhile(
    dxjobs: dx.FakeDataExchange, client: Any, clock: Any
) -> None:
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


def test_an_error_without_a_code_is_no_poll(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=2))
    dxjobs.add_client_error("get_job")
    with pytest.raises(ClientError):
        client.get_job(JobId=job.id)
    assert job.polls == 0
    assert client.get_job(JobId=job.id)["State"] == "IN_PROGRESS"


def test_what_is_told_of_a_created_job_is_about_that_job(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    job = dxjobs.add_job(Id=ID)
    dxjobs.add_response("create_job", {"Id": ID, "State": "WAITING"})
    details: Any = {"ExportAssetToSignedUrl": {"DataSetId": ID, "RevisionId": ID, "AssetId": ID}}
    client.create_job(Type="EXPORT_ASSET_TO_SIGNED_URL", Details=details)
    assert [call.operation for call in job.calls] == ["create_job"]
    assert "WAITING" in dxjobs.timeline()


def test_a_function_may_leave_the_answer_to_the_model(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.add_response("create_revision", lambda _: None)
    assert client.create_revision(DataSetId=ID, Comment="mine")["Comment"] == "mine"


@pytest.mark.parametrize(("computed", "status"), [(False, 299), (True, 299), (True, 200)])
def test_response_metadata_is_honoured(
    dxjobs: dx.FakeDataExchange, client: Any, computed: bool, status: int
) -> None:
    metadata = {"HTTPStatusCode": status, "RequestId": "mine", "HTTPHeaders": {"x-trace": "t"}}
    answer = {"ResponseMetadata": metadata, "Name": "prices"}
    dxjobs.add_response("get_data_set", (lambda _: answer) if computed else answer)
    returned, received = ask(client, "get_data_set", {"DataSetId": ID})
    assert returned == {"Name": "prices"}
    assert (received["HTTPStatusCode"], received["RequestId"]) == (status, "mine")
    assert received["HTTPHeaders"]["x-trace"] == "t"
    assert answer["ResponseMetadata"] is metadata


@pytest.mark.parametrize("status", [199, 300])
def test_a_computed_status_that_is_no_success_is_told(
    dxjobs: dx.FakeDataExchange, client: Any, status: int
) -> None:
    answer = {"ResponseMetadata": {"HTTPStatusCode": status}}
    dxjobs.add_response("get_data_set", lambda _: answer)
    with pytest.raises(
        dx.UsageError, match="HTTPStatusCode: a whole number from 200 is needed, at most 299"
    ):
        client.get_data_set(DataSetId=ID)
