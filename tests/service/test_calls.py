"""The log of calls: parameters, responses, times, attempts; and the timeline."""

from __future__ import annotations

import datetime
import re
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from clients import START, client_for

import pytest_dxjobs as dx
from pytest_dxjobs import faults
from pytest_dxjobs._service.timeline import shorten

ID, OTHER_ID = "d" * 32, "e" * 32
EXPORT = {"AssetDestinations": [{"AssetId": ID, "Bucket": "prices"}], "DataSetId": ID}
CREATE: dict[str, Any] = {
    "Type": "EXPORT_ASSETS_TO_S3",
    "Details": {"ExportAssetsToS3": {**EXPORT, "RevisionId": OTHER_ID}},
}


def error_of(client: Any, method: str, **params: Any) -> Exception:
    with pytest.raises((ClientError, dx.UnexpectedCall)) as caught:
        getattr(client, method)(**params)
    return caught.value


# Calls


def test_every_sent_call_is_logged(dxjobs: dx.FakeDataExchange, client: Any, clock: Any) -> None:
    other = dxjobs.add_job()
    job_id = client.create_job(**CREATE)["Id"]
    clock.tick(5)
    client.start_job(JobId=job_id)
    client.get_job(JobId=other.id)
    clock.tick(2.5)
    client.get_job(JobId=job_id)
    client.list_jobs(MaxResults=7)
    with pytest.raises(ParamValidationError):
        client.get_job()  # rejected by botocore, not sent
    logged = [(call.operation, call.params, call.started_at) for call in dxjobs.calls]
    five, last = START + datetime.timedelta(seconds=5), START + datetime.timedelta(seconds=7.5)
    assert logged == [
        ("create_job", CREATE, START),
        ("start_job", {"JobId": job_id}, five),
        ("get_job", {"JobId": other.id}, five),
        ("get_job", {"JobId": job_id}, last),
        ("list_jobs", {"MaxResults": 7}, last),
    ]
    assert all(isinstance(call, dx.Call) for call in dxjobs.calls)
    assert [started_at.utcoffset() for *_, started_at in logged] == [datetime.timedelta()] * 5


def test_job_calls_are_the_calls_about_the_job(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    other = dxjobs.add_job()
    job_id = client.create_job(**CREATE)["Id"]
    client.get_job(JobId=other.id)
    client.start_job(JobId=job_id)
    client.get_job(JobId=job_id)
    client.list_jobs()
    error_of(client, "cancel_job", JobId=job_id)
    (job,) = (each for each in dxjobs.jobs if each.id == job_id)
    assert [call.operation for call in job.calls] == [
        "create_job",
        "start_job",
        "get_job",
        "cancel_job",
    ]
    assert [call.params for call in other.calls] == [{"JobId": other.id}]


def test_response_equals_what_the_client_returned(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("IMPORT_ASSETS_FROM_S3", dx.stays("ERROR"))
    returned = client.get_job(JobId=job.id)
    (call,) = job.calls
    assert call.response == returned
    assert call.error is None


def test_error_equals_what_the_client_raised(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    raised: Any = error_of(client, "get_job", JobId=ID)
    (call,) = dxjobs.calls
    assert isinstance(call.error, ClientError)
    assert call.response is None
    assert (str(call.error), call.error.response) == (str(raised), raised.response)


def test_error_of_a_retried_call_equals_what_the_client_raised(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_client_error("get_job", "ThrottlingException", "slow down")
    raised: Any = error_of(client, "get_job", JobId=ID)
    (call,) = dxjobs.calls
    assert isinstance(call.error, ClientError)
    assert call.error.response["Error"] == {"Code": "ThrottlingException", "Message": "slow down"}
    assert (str(call.error), call.error.response) == (str(raised), raised.response)


def test_unexpected_call_is_logged(dxjobs: dx.FakeDataExchange, client: Any, clock: Any) -> None:
    raised = error_of(client, "list_data_sets", MaxResults=5)
    (call,) = dxjobs.calls
    assert (call.operation, call.params) == ("list_data_sets", {"MaxResults": 5})
    assert isinstance(call.error, dx.UnexpectedCall)
    assert call.error is raised
    assert call.response is None
    assert call.attempts == (dx.Attempt(START, None, "UnexpectedCall", backoff=0.0),)


def test_poll_over_the_limit_is_logged(client: Any) -> None:
    with dx.FakeDataExchange(max_polls_after_end=1) as fake:
        job = fake.add_job()
        for _ in range(2):
            client.get_job(JobId=job.id)
        with pytest.raises(dx.RunawayPolling):
            client.get_job(JobId=job.id)
    assert [type(call.error) for call in job.calls] == [type(None)] * 2 + [dx.RunawayPolling]


def test_calls_hold_copies(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    client.create_job(**CREATE)
    error_of(client, "get_job", JobId=OTHER_ID)
    calls: Any = dxjobs.calls
    calls[0].params["Details"].clear()
    calls[0].response["Details"].clear()
    calls[1].error.response.clear()
    calls.clear()
    fresh: Any = dxjobs.calls
    assert fresh[0].params == CREATE
    assert fresh[0].response["Details"] == CREATE["Details"]
    assert fresh[1].error.response["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(AttributeError):
        fresh[0].operation = "get_job"
    with pytest.raises(AttributeError):
        fresh[0].attempts[0].status = 500
    dxjobs.reset()
    assert dxjobs.calls == []


# Attempts


def test_successful_call_has_one_attempt(dxjobs: dx.FakeDataExchange, client: Any, clock: Any) -> None:
    client.create_job(**CREATE)
    assert dxjobs.calls[0].attempts == (dx.Attempt(at=START, status=201),)


@pytest.mark.parametrize(("mode", "sends"), [("legacy", 5), ("standard", 3)])
@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 429), ("InternalServerException", 500)])
def test_attempts_record_retries_and_backoff_without_real_sleeps(
    dxjobs: dx.FakeDataExchange,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mode: str,
    sends: int,
    code: str,
    status: int,
) -> None:
    slept: list[float] = []
    client, job = client_for(mode=mode), dxjobs.add_job()
    dxjobs.add_client_error("get_job", code)
    monkeypatch.setattr(time, "sleep", slept.append)
    with caplog.at_level("DEBUG", logger="botocore.endpoint"):
        error_of(client, "get_job", JobId=job.id)
    client.get_job(JobId=job.id)
    assert slept == []
    failed, succeeded = job.calls
    # The seconds that botocore logs before a retry.
    records: list[Any] = caplog.records
    backoff = [record.args[0] for record in records if "sleeping for" in record.msg]
    assert len(backoff) == sends - 1
    assert [each.backoff for each in failed.attempts] == [*backoff, 0.0]
    assert all(seconds > 0 for seconds in backoff)
    assert [(each.status, each.error_code) for each in failed.attempts] == [(status, code)] * sends
    times = [each.at for each in failed.attempts]
    assert times == sorted(times)
    assert failed.started_at == times[0] <= succeeded.started_at
    assert [each.status for each in succeeded.attempts] == [200]


# The timeline


def test_timeline_shows_time_operation_and_outcome(dxjobs: dx.FakeDataExchange, client: Any, clock: Any) -> None:
    assert dxjobs.timeline().count("\n") == 0
    dxjobs.next_job(dx.completes(after=60))
    job_id = client.create_job(**CREATE)["Id"]
    clock.tick(1.5)
    client.start_job(JobId=job_id)
    for _ in range(3):
        clock.tick(20)
        client.get_job(JobId=job_id)
    dxjobs.add_client_error("get_job", "ThrottlingException")
    error_of(client, "get_job", JobId=job_id)
    error_of(client, "list_data_sets")
    headline, *lines = dxjobs.timeline().splitlines()
    assert "2024-01-01 00:00:00" in headline
    expected = [
        (0, "create_job", "WAITING", ""),
        (1.5, "start_job", "202", ""),
        (21.5, "get_job", "IN_PROGRESS", "2 times"),
        (61.5, "get_job", "COMPLETED", ""),
        (61.5, "get_job", "429 ThrottlingException", ""),
        (61.5, "list_data_sets", "UnexpectedCall", ""),
    ]
    assert len(lines) == len(expected)
    for line, (seconds, operation, outcome, times) in zip(lines, expected, strict=True):
        assert re.search(rf"\+{seconds:.3f} s +{operation} +.*{outcome}.*{times}", line)
    assert re.search(r"last at \+41\.500 s", lines[2])


def test_call_repr_shows_operation_and_outcome(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    client.get_job(JobId=dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT")).id)
    error_of(client, "get_job", JobId=ID)
    error_of(client, "list_data_sets")
    assert [repr(call) for call in dxjobs.calls] == [
        "<Call get_job 200 TIMED_OUT>",
        "<Call get_job 404 ResourceNotFoundException>",
        "<Call list_data_sets UnexpectedCall>",
    ]


def test_shorten_omits_lines_in_the_middle() -> None:
    assert shorten("1\n2\n3\n4\n5", 5) == ["1", "2", "3", "4", "5"]
    assert shorten("1\n2\n3\n4\n5\n6", 5) == ["1", "2", "3", "  ...", "5", "6"]


def test_timeline_of_several_jobs_shows_their_ids(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    jobs = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=2)) for _ in range(2)]
    for job in (*jobs, *jobs):
        client.get_job(JobId=job.id)
    client.list_jobs()
    timeline = dxjobs.timeline()
    for job in jobs:
        assert timeline.count(job.id[-8:]) == 2


def test_call_repr_before_the_response(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    seen: list[str] = []

    def respond(_: object) -> None:
        seen.append(repr(dxjobs.calls[0]))
        dxjobs.assert_retried(0)

    dxjobs.add_response("list_data_sets", respond)
    client.list_data_sets()
    assert seen == ["<Call list_data_sets no response yet>"]


def test_call_equals_only_itself(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    client.get_job(JobId=job.id)
    client.get_job(JobId=job.id)
    first, second = dxjobs.calls
    assert [first, second] == job.calls
    assert first != second
    assert first != "get_job"
    assert len({first, second, *job.calls}) == 2


def test_queued_response_with_a_job_counts_as_a_poll(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=3))
    dxjobs.add_response("get_job", {"State": "WAITING"})
    dxjobs.add_client_error("get_job", "AccessDeniedException")
    assert client.get_job(JobId=job.id)["State"] == "WAITING"
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.get_job(JobId=job.id)
    states = [client.get_job(JobId=job.id)["State"] for _ in range(2)]
    assert states == ["IN_PROGRESS", "COMPLETED"]
    assert job.polls == 3
    dxjobs.assert_polled(job, times=3)


@pytest.mark.parametrize(
    ("history", "explanation"),
    [
        (None, "The job was created and never started: nothing called start_job for it"),
        (
            dx.completes(after=300),
            r"The history of the job is dx\.completes\(after=300\), and only 0",
        ),
        ("captured", r"The history of the job is dx\.stays\('WAITING'\)\.\n"),
        (dx.completes(polls=30), r"The history of the job is dx\.completes\(polls=30\)\.\n"),
    ],
)
@pytest.mark.dxjobs(max_polls=3)
def test_runaway_polling_explains_why_the_job_stays(
    dxjobs: dx.FakeDataExchange, client: Any, history: Any, explanation: str
) -> None:
    details = {"AssetId": ID, "DataSetId": ID, "RevisionId": ID}
    if history is None:
        created = client.create_job(Type="EXPORT_ASSET_TO_SIGNED_URL", Details={"ExportAssetToSignedUrl": details})
        job_id = created["Id"]
    elif history == "captured":
        job_id = dxjobs.add_job(dx.make_job("EXPORT_ASSETS_TO_S3", "WAITING")).id
    else:
        job_id = dxjobs.add_job("EXPORT_ASSETS_TO_S3", history).id
    for _ in range(3):
        client.get_job(JobId=job_id)
    with pytest.raises(dx.RunawayPolling, match=explanation):
        client.get_job(JobId=job_id)


def test_a_success_does_not_show_the_error_of_an_earlier_attempt(client: Any) -> None:
    with dx.FakeDataExchange() as fake:
        fake.inject(faults.throttling(), operation="list_jobs")
        client.list_jobs()
        assert repr(fake.calls[0]) == "<Call list_jobs 200>"
