"""``add_job`` with a history: from a whole response, or with members for a later state."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from clients import START
from created_jobs import (
    COMPLETED,
    EXPORT,
    MALWARE,
    OWN_URL,
    RUNNING,
    UNCHANGED,
    WAITING,
    get_job,
)

import pytest_dxjobs as dx


@pytest.mark.parametrize("type_", dx.JOB_TYPES)
@pytest.mark.parametrize("state", dx.JOB_STATES)
def test_history_of_a_response_counts_from_add_job(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any, type_: str, state: str
) -> None:
    captured: dict[str, Any] = dict(dx.make_job(type_, state))
    clock.tick(86_400)
    job = dxjobs.add_job(captured, dx.history((WAITING, 60), (RUNNING, 60), "ERROR"))
    for seconds in (0, 60, 120):
        response = get_job(client, job)
        assert response["State"] == {0: WAITING, 60: RUNNING, 120: "ERROR"}[seconds]
        assert [response[name] for name in UNCHANGED] == [captured[name] for name in UNCHANGED]
        assert response["Details"].keys() == captured["Details"].keys()
        assert dx.find_problems(response) == []
        clock.tick(60)
    assert response["UpdatedAt"] - START == datetime.timedelta(days=1, minutes=2)


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_created_at_keeps_its_microseconds(dxjobs: dx.FakeDataExchange, client: Any, microsecond: int) -> None:
    created = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=microsecond)
    job = dxjobs.add_job(EXPORT, dx.completes(polls=2), CreatedAt=created)
    for state in (RUNNING, COMPLETED):
        response = get_job(client, job)
        assert (response["State"], response["CreatedAt"]) == (state, created)
        assert dx.find_problems(response) == []


@pytest.mark.parametrize("as_response", [True, False])
def test_members_for_a_later_state_are_deferred(dxjobs: dx.FakeDataExchange, client: Any, as_response: bool) -> None:
    completes, fails = dx.completes(polls=2), dx.fails(polls=2)
    if as_response:
        signed = dxjobs.add_job(dx.make_job(EXPORT, COMPLETED, Details=OWN_URL), completes)
        failed = dxjobs.add_job(dx.make_job(EXPORT, "ERROR", Errors=[MALWARE]), fails)
    else:
        signed = dxjobs.add_job(EXPORT, completes, Details=OWN_URL)
        failed = dxjobs.add_job(EXPORT, fails, Errors=[MALWARE])
    assert "SignedUrl" not in get_job(client, signed)["Details"]["ExportAssetToSignedUrl"]
    response = get_job(client, signed)
    assert response["Details"]["ExportAssetToSignedUrl"]["SignedUrl"] == "https://mine"
    assert dx.find_problems(response) == []
    assert "Errors" not in get_job(client, failed)
    assert get_job(client, failed)["Errors"] == [MALWARE]


def test_errors_of_the_history_replace_captured_errors(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    captured: Any = dx.make_job("IMPORT_ASSETS_FROM_S3", "ERROR")
    codes = {}
    for history in (dx.fails("MALWARE_DETECTED", polls=2), dx.fails(polls=2)):
        job = dxjobs.add_job({**captured, **ids_of(dx.job_id(repr(history)))}, history)
        assert client.get_job(JobId=job.id)["State"] == "IN_PROGRESS"
        codes[repr(history)] = client.get_job(JobId=job.id)["Errors"][0]["Code"]
    job = dxjobs.add_job(captured, dx.fails(errors=dx.ABSENT, polls=2))
    client.get_job(JobId=job.id)
    assert "Errors" not in client.get_job(JobId=job.id)
    assert codes == {
        "dx.fails('MALWARE_DETECTED', polls=2)": "MALWARE_DETECTED",
        "dx.fails(polls=2)": captured["Errors"][0]["Code"],
    }


def ids_of(job_id: str) -> dict[str, str]:
    return {"Id": job_id, "Arn": f"arn:aws:dataexchange:us-east-1:123456789012:jobs/{job_id}"}


def test_response_without_updated_at_raises_usage_error(
    dxjobs: dx.FakeDataExchange,
) -> None:
    captured: Any = dx.make_job("EXPORT_ASSETS_TO_S3", "IN_PROGRESS")
    del captured["UpdatedAt"]
    with pytest.raises(dx.UsageError, match="UpdatedAt: missing; every job has it"):
        dxjobs.add_job(captured, dx.completes(polls=2))


def test_response_without_created_at_may_have_a_history(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    response: Any = dx.make_job("EXPORT_ASSETS_TO_S3", "COMPLETED")
    del response["CreatedAt"]
    job = dxjobs.add_job(response, dx.completes(polls=2), check=False)
    states = [client.get_job(JobId=job.id)["State"] for _ in range(2)]
    assert states == ["IN_PROGRESS", "COMPLETED"]
