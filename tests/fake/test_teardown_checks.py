"""The check at the end of ``with dx.FakeDataExchange()``."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

import pytest_dxjobs as dx

ID, OTHER = "d" * 32, "e" * 32
CREATE: dict[str, Any] = {
    "Type": "EXPORT_REVISIONS_TO_S3",
    "Details": {
        "ExportRevisionsToS3": {
            "DataSetId": ID,
            "RevisionDestinations": [{"Bucket": "prices", "RevisionId": OTHER}],
        }
    },
}


def swallow(call: Any) -> None:
    with contextlib.suppress(Exception):
        call()


def leave_unused_and_swallow(fake: dx.FakeDataExchange, client: Any) -> None:
    fake.add_response("get_data_set", times=2)
    client.get_data_set(DataSetId=ID)
    fake.add_client_error("start_job", "ConflictException", expected_params={"JobId": OTHER})
    fake.next_job(dx.fails("MALWARE_DETECTED"), type="IMPORT_ASSETS_FROM_S3")
    swallow(client.list_data_sets)
    swallow(client.list_event_actions)


def test_a_call_from_before_a_reset_is_not_reported(client: Any) -> None:
    with dx.FakeDataExchange() as fake:

        def compute(_: object) -> None:
            fake.reset()
            raise AssertionError("before the reset")

        fake.add_response("get_job", compute)
        with pytest.raises(AssertionError, match="before the reset"):
            client.get_job(JobId=ID)
        assert fake.calls == []


def test_runaways_are_reported_once_and_without_a_hint_at_strict(client: Any) -> None:
    with pytest.raises(dx.RunawayPolling) as caught, dx.FakeDataExchange(max_polls=1) as fake:
        poll_two_jobs(fake, client)
    message = str(caught.value)
    assert message.count("was called 2 times") == 1
    assert "strict" not in message


def poll_two_jobs(fake: dx.FakeDataExchange, client: Any) -> None:
    for job in (fake.add_job(), fake.add_job()):
        for _ in range(2):
            swallow(lambda: client.get_job(JobId=job.id))  # noqa: B023


def test_all_failures_are_reported_in_one_message(client: Any) -> None:
    with pytest.raises(AssertionError) as caught, dx.FakeDataExchange() as fake:
        leave_unused_and_swallow(fake, client)
    message = str(caught.value)
    for part in (
        "add_response('get_data_set')",
        "1 of 2",
        "add_client_error('start_job', 'ConflictException')",
        OTHER,
        "MALWARE_DETECTED",
        "IMPORT_ASSETS_FROM_S3",
        "list_data_sets of dataexchange was called",
        "list_event_actions of dataexchange was called",
    ):
        assert part in message


@pytest.mark.parametrize(
    "leave",
    [
        lambda fake, _: fake.add_response("get_data_set"),
        lambda fake, _: fake.add_response("get_data_set", times=dx.ALWAYS),
        lambda fake, _: fake.add_client_error("get_data_set"),
        lambda fake, _: fake.next_job(dx.completes()),
        lambda _, client: swallow(client.list_data_sets),
    ],
)
def test_one_unused_thing_is_enough_to_fail(client: Any, leave: Any) -> None:
    with pytest.raises(AssertionError, match=r"data_set|completes"), dx.FakeDataExchange() as fake:
        leave(fake, client)


def test_nothing_is_reported_if_everything_is_used(client: Any) -> None:
    with dx.FakeDataExchange() as fake:
        fake.add_response("get_data_set", times=dx.ALWAYS)
        fake.add_client_error("start_job", "ConflictException")
        fake.next_job(dx.completes())
        client.get_data_set(DataSetId=ID)
        with pytest.raises(ClientError):
            client.start_job(JobId=ID)
        client.create_job(**CREATE)


def test_an_exception_of_the_block_is_not_replaced(client: Any) -> None:
    with pytest.raises(ZeroDivisionError), dx.FakeDataExchange() as fake:  # noqa: PT012
        leave_unused_and_swallow(fake, client)
        raise ZeroDivisionError


def test_strict_false_reports_nothing(client: Any) -> None:
    with dx.FakeDataExchange(strict=False) as fake:
        leave_unused_and_swallow(fake, client)


def test_deactivate_reports_nothing(client: Any) -> None:
    fake = dx.FakeDataExchange()
    fake.activate()
    leave_unused_and_swallow(fake, client)
    fake.deactivate()
    with pytest.raises(AssertionError, match="start_job"):
        fake.assert_no_pending_responses()


def test_a_failure_is_reported_once_by_a_fake_that_is_used_again(client: Any) -> None:
    fake = dx.FakeDataExchange()
    with (
        pytest.raises(
            dx.UnexpectedCall,
            match=r"strict=False permits .* or FakeDataExchange\(strict=False\)\.$",
        ),
        fake,
    ):
        swallow(client.list_data_sets)
    with fake:
        pass


def test_a_history_with_errors_that_do_not_fit_the_created_job_is_reported(client: Any) -> None:
    limit = dx.make_error("MALWARE_DETECTED", LimitName="Asset size in GB", LimitValue=1.0)
    fake = dx.FakeDataExchange()
    fake.default_history = dx.fails(errors=[limit], polls=3)
    with (
        pytest.raises(dx.UsageError, match=r"(?s)dx\.fails\(polls=3, errors=.*LimitName: present; only"),
        fake,
    ):
        swallow(lambda: client.create_job(**CREATE))
    assert fake.jobs == []
