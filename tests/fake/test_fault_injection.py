"""``inject`` and ``throttle``: which requests a fault is for, how often it happens, whether it is unused."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from clients import client_for

import pytest_dxjobs as dx
from pytest_dxjobs import faults

ID, OTHER = "d" * 32, "e" * 32
THROTTLING, NOT_FOUND, VALIDATION = faults.throttling(), faults.not_found(), faults.validation()


def outcome(client: Any, job: Any = ID) -> str:
    """Return the state from ``get_job``, or the code of its error."""
    job_id = job if isinstance(job, str) else job.id
    try:
        return str(client.get_job(JobId=job_id)["State"])
    except ClientError as error:
        return error.response["Error"]["Code"].removesuffix("Exception")


def statuses(fake: dx.FakeDataExchange) -> list[list[int | None]]:
    return [[attempt.status for attempt in call.attempts] for call in fake.calls]


# How often


def test_the_default_is_the_next_request(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(THROTTLING)
    assert [outcome(client, job) for _ in range(2)] == ["COMPLETED"] * 2
    assert statuses(dxjobs) == [[429, 200], [200]]


def test_requests_counts_http_requests(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(THROTTLING, requests=4)
    assert [outcome(client, job) for _ in range(3)] == ["Throttling", "COMPLETED", "COMPLETED"]
    assert statuses(dxjobs) == [[429] * 3, [429, 200], [200]]


@pytest.mark.parametrize(("mode", "tries"), [("legacy", 5), ("standard", 3), ("adaptive", 3)])
def test_calls_fail_with_all_their_retries(dxjobs: dx.FakeDataExchange, mode: str, tries: int) -> None:
    client, job = client_for(mode=mode), dxjobs.add_job()
    dxjobs.inject(THROTTLING, calls=2)
    assert [outcome(client, job) for _ in range(3)] == ["Throttling", "Throttling", "COMPLETED"]
    assert statuses(dxjobs) == [[429] * tries, [429] * tries, [200]]


def test_always_is_no_limit(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(NOT_FOUND, requests=dx.ALWAYS)
    assert [outcome(client, job) for _ in range(5)] == ["ResourceNotFound"] * 5
    dxjobs.reset()
    dxjobs.inject(NOT_FOUND, calls=dx.ALWAYS)
    assert [outcome(client) for _ in range(5)] == ["ResourceNotFound"] * 5


def test_throttle_injects_throttling(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    dxjobs.throttle()
    dxjobs.throttle(requests=2, job=job)
    assert [outcome(client, each) for each in (other, job, other)] == ["COMPLETED"] * 3
    assert statuses(dxjobs) == [[429, 200], [429, 429, 200], [200]]


# For which requests


def test_job_is_one_job_several_or_any(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    first, second, third = (dxjobs.add_job() for _ in range(3))
    dxjobs.inject(NOT_FOUND, job=second)
    dxjobs.inject(VALIDATION, job=[first.id, third], requests=2)
    assert [outcome(client, job) for job in (first, second, third)] == [
        "Validation",
        "ResourceNotFound",
        "Validation",
    ]
    assert [outcome(client, job) for job in (first, second, third)] == ["COMPLETED"] * 3


def test_a_job_may_be_added_later(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(VALIDATION, job=ID)
    assert [outcome(client), outcome(client)] == ["Validation", "ResourceNotFound"]


CREATE = {
    "Type": "EXPORT_ASSET_TO_SIGNED_URL",
    "Details": {
        "ExportAssetToSignedUrl": {"DataSetId": ID, "RevisionId": ID, "AssetId": ID},
    },
}
OPERATIONS: dict[str, dict[str, Any]] = {
    "create_job": CREATE,
    "start_job": {"JobId": ID},
    "cancel_job": {"JobId": ID},
    "get_job": {"JobId": ID},
    "list_jobs": {},
    "create_revision": {"DataSetId": ID},
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_operation_may_fail(dxjobs: dx.FakeDataExchange, client: Any, operation: str) -> None:
    dxjobs.inject(VALIDATION, operation=operation)
    for other in OPERATIONS.keys() - {operation}:
        if other != "create_revision":
            assert error_code(client, other) != "Validation"
    assert error_code(client, operation) == "Validation"


def error_code(client: Any, operation: str) -> str:
    try:
        getattr(client, operation)(**OPERATIONS[operation])
    except ClientError as error:
        return error.response["Error"]["Code"].removesuffix("Exception")
    return ""


def test_several_operations_share_one_count(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(VALIDATION, operation=("list_jobs", "create_job"), requests=2)
    assert [error_code(client, name) for name in ("create_job", "list_jobs", "list_jobs")] == [
        "Validation",
        "Validation",
        "",
    ]


def test_after_skips_requests(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(NOT_FOUND, after=3, requests=dx.ALWAYS)
    assert [outcome(client, job) for _ in range(5)] == ["COMPLETED"] * 3 + ["ResourceNotFound"] * 2


def test_after_counts_requests_that_met_another_fault(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(VALIDATION, after=2)
    dxjobs.throttle(2)
    assert [outcome(client, job), outcome(client, job)] == ["Validation", "COMPLETED"]
    assert statuses(dxjobs) == [[429, 429, 400], [200]]


def test_after_counts_calls_where_calls_fail(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.throttle(2)
    dxjobs.inject(NOT_FOUND, calls=1, after=1)
    assert [outcome(client, job) for _ in range(3)] == [
        "COMPLETED",
        "ResourceNotFound",
        "COMPLETED",
    ]


def test_after_counts_only_matching_requests(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    dxjobs.inject(NOT_FOUND, job=job, after=1)
    assert [outcome(client, each) for each in (other, job, other, job)] == [
        *["COMPLETED"] * 3,
        "ResourceNotFound",
    ]


def test_faults_are_used_in_order(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    for fault in (NOT_FOUND, VALIDATION, faults.conflict()):
        dxjobs.inject(fault)
    assert [outcome(client, job) for _ in range(4)] == [
        "ResourceNotFound",
        "Validation",
        "Conflict",
        "COMPLETED",
    ]


def test_a_fault_for_calls_does_not_start_with_a_retry(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.throttle(1)
    dxjobs.inject(faults.internal_error(), calls=1)
    assert [outcome(client, job), outcome(client, job)] == ["COMPLETED", "InternalServer"]
    assert statuses(dxjobs) == [[429, 200], [500] * 3]


# rate and seed


def pattern(seed: int | None, rate: float = 0.4, **options: Any) -> list[str]:
    with dx.FakeDataExchange() as fake:
        client, job = client_for(), fake.add_job()
        fake.inject(NOT_FOUND, rate=rate, seed=seed, **options)
        return [outcome(client, job) for _ in range(20)]


def test_a_rate_is_reproducible() -> None:
    assert pattern(None) == pattern(0)
    assert pattern(1) == pattern(1)
    assert len({tuple(pattern(seed)) for seed in range(5)}) == 5


def test_the_rate_of_faults_is_about_the_given_one() -> None:
    found = [each for seed in range(20) for each in pattern(seed)]
    assert 120 < found.count("ResourceNotFound") < 200  # of 400, at 0.4
    assert pattern(1, 0) == ["COMPLETED"] * 20
    assert pattern(1, 1) == ["ResourceNotFound"] * 20


def test_a_rate_may_be_limited_and_count_calls() -> None:
    assert pattern(1, 0.9, requests=2).count("ResourceNotFound") == 2
    assert pattern(1, 1, calls=3) == ["ResourceNotFound"] * 3 + ["COMPLETED"] * 17
    assert pattern(1, 1, after=18) == ["COMPLETED"] * 18 + ["ResourceNotFound"] * 2


def test_each_job_has_its_own_random_sequence_in_any_order_of_threads() -> None:
    def by_job(order: int) -> list[list[str]]:
        with dx.FakeDataExchange() as fake:
            client, jobs = client_for(), [fake.add_job() for _ in range(4)]
            fake.inject(VALIDATION, rate=0.5, seed=3)
            polled = [*jobs, ID]
            found: list[list[str]] = [[] for _ in polled]

            def poll(place: int) -> None:
                found[place] += [outcome(client, polled[place]) for _ in range(20)]

            threads = [threading.Thread(target=poll, args=(place,)) for place in range(5)]
            for thread in threads[::order]:
                thread.start()
            for thread in threads:
                thread.join()
            return found

    first = by_job(1)
    assert first == by_job(-1)
    failed = {tuple(state == "Validation" for state in each) for each in first}
    assert len(failed) == 5  # including the one for an unknown job


# Faults beside responses, histories and polls


def test_a_fault_consumes_no_response_and_no_poll(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=2))
    dxjobs.add_response("get_job", {"State": "WAITING"})
    dxjobs.throttle(2)
    dxjobs.inject(NOT_FOUND, after=3)
    assert [outcome(client, job) for _ in range(4)] == [
        "WAITING",
        "ResourceNotFound",
        "COMPLETED",
        "COMPLETED",
    ]
    assert job.polls == 3
    dxjobs.assert_polled(job, 3)


def test_a_retry_gets_the_state_at_its_own_time(dxjobs: dx.FakeDataExchange, clock: Any) -> None:
    client, job = client_for(), dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=10))

    def tick(**_: object) -> None:
        clock.tick(10)

    client.meta.events.register("needs-retry.dataexchange", tick)
    dxjobs.throttle()
    assert outcome(client, job) == "COMPLETED"
    first, second = dxjobs.calls[0].attempts
    assert (second.at - first.at).total_seconds() == 10


def test_a_failed_create_job_consumes_no_history(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.next_job(dx.fails())
    dxjobs.inject(faults.internal_error(), operation="create_job", calls=1)
    assert error_code(client, "create_job") == "InternalServer"
    assert dxjobs.jobs == []
    job_id = client.create_job(**CREATE)["Id"]
    client.start_job(JobId=job_id)
    assert outcome(client, job_id) == "ERROR"


def test_a_garbled_response_is_not_a_poll(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=2))
    for body in (b'{"State": "COMPL', b"[]"):
        dxjobs.inject(faults.garbled(body))
    assert set(client.get_job(JobId=job.id)) == {"ResponseMetadata"}
    with pytest.raises(AttributeError):
        client.get_job(JobId=job.id)
    assert [outcome(client, job), outcome(client, job)] == ["IN_PROGRESS", "COMPLETED"]
    dxjobs.assert_polled(job, 2)
    first, second, *_ = dxjobs.calls
    assert first.response is not None
    assert set(first.response) == {"ResponseMetadata"}
    assert first.error is None
    assert isinstance(second.error, AttributeError)
    assert second.response is None
    assert "200 garbled" in dxjobs.timeline()


def test_calls_and_timeline_show_the_attempts(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(faults.read_timeout())
    dxjobs.inject(faults.bad_gateway())
    assert outcome(client, job) == "COMPLETED"
    (call,) = dxjobs.calls
    assert [(each.status, each.error_code) for each in call.attempts] == [
        (None, "ReadTimeoutError"),
        (502, "502"),
        (200, None),
    ]
    assert "ReadTimeoutError, then 502, then 200 COMPLETED" in dxjobs.timeline()
    dxjobs.inject(faults.connect_timeout(), calls=1)
    with pytest.raises(Exception, match="Connect timeout") as caught:
        client.get_job(JobId=job.id)
    assert type(dxjobs.calls[-1].error) is type(caught.value)
    assert "ConnectTimeoutError (3 times)" in dxjobs.timeline()


# Polling limits


@pytest.mark.parametrize("fault", [THROTTLING, NOT_FOUND, faults.connection_closed(), faults.garbled()])
@pytest.mark.dxjobs(max_polls=10)
def test_polling_without_end_through_faults_is_stopped(dxjobs: dx.FakeDataExchange, fault: dx.Fault) -> None:
    client, job = client_for(), dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=5))
    dxjobs.inject(fault, calls=dx.ALWAYS)
    for _ in range(10):
        with contextlib.suppress(Exception):
            client.get_job(JobId=job.id)
    with pytest.raises(dx.RunawayPolling):
        client.get_job(JobId=job.id)


def test_a_call_with_retries_counts_as_one_poll() -> None:
    with dx.FakeDataExchange(max_polls=4, max_polls_after_end=1) as fake:
        client, job = client_for(), fake.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=5))
        for state in ["IN_PROGRESS"] * 4 + ["COMPLETED"]:
            fake.throttle(2)
            assert outcome(client, job) == state
        fake.throttle(2)
        assert outcome(client, job) == "COMPLETED"


@pytest.mark.dxjobs(max_polls_after_end=3)
def test_faults_after_the_end_count_as_polls_after_the_end(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    assert outcome(client, job) == "COMPLETED"
    for _ in range(3):
        dxjobs.inject(NOT_FOUND)
        assert outcome(client, job) == "ResourceNotFound"
    with pytest.raises(dx.RunawayPolling, match="COMPLETED"):
        outcome(client, job)


# Unused faults


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "inject(faults.validation())"),
        ({"requests": 3}, "inject(faults.validation(), requests=3) (used 1 of 3 times)"),
        ({"calls": 2}, "inject(faults.validation(), calls=2) (used 1 of 2 times)"),
        ({"requests": dx.ALWAYS, "after": 9}, "requests=dx.ALWAYS, after=9)"),
        ({"rate": 0.5}, "inject(faults.validation(), rate=0.5)"),
        ({"rate": 0.5, "after": 9}, "inject(faults.validation(), after=9, rate=0.5)"),
        ({"job": [OTHER, ID]}, f"inject(faults.validation(), job=['{ID}', '{OTHER}'])"),
        ({"operation": "start_job"}, "inject(faults.validation(), operation='start_job')"),
    ],
)
def test_an_unused_fault_is_shown_as_it_was_written(options: dict[str, Any], shown: str) -> None:
    fake = dx.FakeDataExchange()
    fake.inject(VALIDATION, **options)
    outcomes = ["Validation"] * ("1 of" in shown)
    with pytest.raises(AssertionError) as caught, fake:
        assert [outcome(client_for()) for _ in outcomes] == outcomes
    headline, line, *_ = str(caught.value).splitlines()
    assert headline == "unused faults:"
    assert line.endswith(shown)


def test_an_unused_throttle_is_shown_by_its_own_name() -> None:
    with pytest.raises(AssertionError) as caught, dx.FakeDataExchange() as fake:
        fake.throttle(3, job=ID)
    assert str(caught.value).splitlines()[1] == f"  throttle(job=['{ID}'], requests=3)"


@pytest.mark.parametrize("options", [{}, {"requests": dx.ALWAYS}, {"calls": 1}, {"rate": 0.0}, {"rate": 1.0}])
def test_a_used_fault_is_not_shown(options: dict[str, Any]) -> None:
    with dx.FakeDataExchange() as fake:
        fake.inject(VALIDATION, **options)
        outcome(client_for())


def test_strict_false_permits_unused_faults() -> None:
    with dx.FakeDataExchange(strict=False) as fake:
        fake.inject(VALIDATION)


# Wrong arguments


class NotAFault:
    __module__ = "pytest_dxjobs.faults"

    def __repr__(self) -> str:
        return "odd"


def wrong_jobs() -> list[Any]:
    with dx.FakeDataExchange() as other:
        foreign = other.add_job(), other.add_job(Id=ID)
    return [*foreign, 5, [], [5], b"id", {"a": 1}, "nightly", [ID, "nightly"]]


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (faults.throttling, {}, r"not throttling itself; call faults.throttling\(\)"),
    (dx.Fault, {}, r"not Fault itself; call faults.throttling\(\)"),
    (ClientError, {}, r"a fault is needed, such as faults.throttling\(\), not "),
    ("throttling", {}, "not 'throttling'"),
    (None, {}, "not None"),
    (len, {}, "a fault is needed, such as .*, not <built-in function len>"),
    (dx.completes, {}, "a fault is needed, such as .*, not the function completes"),
    (NotAFault(), {}, "not odd"),
    (THROTTLING, {"operation": "get_jobs"}, "operation: .*no operation 'get_jobs'.*mean 'get_job'"),
    (THROTTLING, {"operation": []}, r"operation: the name of an operation is needed, .* not \[\]"),
    (THROTTLING, {"operation": 5}, "operation: the name of an operation is needed, .* not 5"),
    (THROTTLING, {"operation": ["get_job", None]}, "operation: .*no operation None"),
    (THROTTLING, {"operation": "list_jobs", "job": ID}, "list_jobs has no parameter JobId"),
    (
        THROTTLING,
        {"operation": ("get_job", "create_job"), "job": ID},
        "create_job has no parameter JobId",
    ),
    (THROTTLING, {"requests": -1}, "inject: requests: a whole number .* or dx.ALWAYS, not -1"),
    (THROTTLING, {"requests": 0}, "requests: .*not 0"),
    (THROTTLING, {"calls": 1.5}, "inject: calls: .*not 1.5"),
    (THROTTLING, {"calls": True}, "inject: calls: .*not True"),
    (THROTTLING, {"requests": 1, "calls": 1}, "give either requests or calls"),
    (THROTTLING, {"after": -1}, "inject: after: .*not -1"),
    (THROTTLING, {"after": None}, "inject: after: .*not None"),
    (THROTTLING, {"rate": 1.1}, "inject: rate: a number from 0 to 1 is needed, not 1.1"),
    (THROTTLING, {"rate": -0.1}, "inject: rate: a number from 0 to 1 is needed, not -0.1"),
    (THROTTLING, {"rate": float("nan")}, "inject: rate: .*not nan"),
    (THROTTLING, {"rate": "0.2"}, "inject: rate: .*not '0.2'"),
    (THROTTLING, {"rate": True}, "inject: rate: .*not True"),
    (THROTTLING, {"rate": 0.2, "seed": "a"}, "inject: seed: a whole number is needed, not 'a'"),
    (THROTTLING, {"rate": 0.2, "seed": False}, "inject: seed: .*not False"),
]


@pytest.mark.parametrize(("fault", "options", "message"), WRONG)
def test_wrong_arguments_are_refused_and_queue_nothing(
    dxjobs: dx.FakeDataExchange, client: Any, fault: Any, options: Any, message: str
) -> None:
    with pytest.raises(dx.UsageError, match=message):
        dxjobs.inject(fault, **options)
    assert outcome(client, dxjobs.add_job()) == "COMPLETED"


@pytest.mark.parametrize("place", range(9))
def test_an_unknown_job_is_refused(dxjobs: dx.FakeDataExchange, place: int) -> None:
    dxjobs.add_job(Id=ID)
    with pytest.raises(dx.UsageError, match="inject: job: "):
        dxjobs.inject(THROTTLING, job=wrong_jobs()[place])
    with pytest.raises(dx.UsageError, match="throttle: job: "):
        dxjobs.throttle(job=wrong_jobs()[place])


def test_a_job_with_an_invalid_id_is_accepted(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job({**dx.make_job(), "Id": "nightly"}, check=False)
    dxjobs.throttle(job="nightly")
    assert outcome(client, job) == "COMPLETED"
    dxjobs.assert_retried(1)


def test_a_seed_without_a_rate_is_refused(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    with pytest.raises(dx.UsageError, match="inject: seed has no effect without rate"):
        dxjobs.inject(THROTTLING, seed=1)
