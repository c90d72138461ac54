"""Which requests a fault is for, how often it happens, and what is left of it at the end."""

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
BUSY, GONE, FAILED = faults.throttling(), faults.not_found(), faults.validation()


def told(client: Any, job: Any = ID) -> str:
    """The state that is told, or the code of the error."""
    job_id = job if isinstance(job, str) else job.id
    try:
        return str(client.get_job(JobId=job_id)["State"])
    except ClientError as error:
        return error.response["Error"]["Code"].removesuffix("Exception")


def attempts(fake: dx.FakeDataExchange) -> list[list[int | None]]:
    return [[attempt.status for attempt in call.attempts] for call in fake.calls]


# How often


def test_without_a_number_it_is_the_next_request(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(BUSY)
    assert [told(client, job) for _ in range(2)] == ["COMPLETED"] * 2
    assert attempts(dxjobs) == [[429, 200], [200]]


def test_requests_are_http_requests(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(BUSY, requests=4)
    assert [told(client, job) for _ in range(3)] == ["Throttling", "COMPLETED", "COMPLETED"]
    assert attempts(dxjobs) == [[429] * 3, [429, 200], [200]]


@pytest.mark.parametrize(("mode", "sends"), [("legacy", 5), ("standard", 3), ("adaptive", 3)])
def test_calls_fail_however_often_they_are_sent(
    dxjobs: dx.FakeDataExchange, mode: str, sends: int
) -> None:
    client, job = client_for(mode=mode), dxjobs.add_job()
    dxjobs.inject(BUSY, calls=2)
    assert [told(client, job) for _ in range(3)] == ["Throttling", "Throttling", "COMPLETED"]
    assert attempts(dxjobs) == [[429] * sends, [429] * sends, [200]]


def test_always_is_without_end(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(GONE, requests=dx.ALWAYS)
    assert [told(client, job) for _ in range(5)] == ["ResourceNotFound"] * 5
    dxjobs.reset()
    dxjobs.inject(GONE, calls=dx.ALWAYS)
    assert [told(client) for _ in range(5)] == ["ResourceNotFound"] * 5


def test_throttle_is_short_for_the_commonest(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    dxjobs.throttle()
    dxjobs.throttle(requests=2, job=job)
    assert [told(client, each) for each in (other, job, other)] == ["COMPLETED"] * 3
    assert attempts(dxjobs) == [[429, 200], [429, 429, 200], [200]]


# For which requests


def test_a_job_several_jobs_or_any(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    first, second, third = (dxjobs.add_job() for _ in range(3))
    dxjobs.inject(GONE, job=second)
    dxjobs.inject(FAILED, job=[first.id, third], requests=2)
    assert [told(client, job) for job in (first, second, third)] == [
        "Validation",
        "ResourceNotFound",
        "Validation",
    ]
    assert [told(client, job) for job in (first, second, third)] == ["COMPLETED"] * 3


def test_a_job_that_is_not_there_yet(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(FAILED, job=ID)
    assert [told(client), told(client)] == ["Validation", "ResourceNotFound"]


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
def test_any_operation_can_fail(dxjobs: dx.FakeDataExchange, client: Any, operation: str) -> None:
    dxjobs.inject(FAILED, operation=operation)
    for other in OPERATIONS.keys() - {operation}:
        if other != "create_revision":
            assert told_by(client, other) != "Validation"
    assert told_by(client, operation) == "Validation"


def told_by(client: Any, operation: str) -> str:
    try:
        getattr(client, operation)(**OPERATIONS[operation])
    except ClientError as error:
        return error.response["Error"]["Code"].removesuffix("Exception")
    return ""


def test_several_operations_share_a_number(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(FAILED, operation=("list_jobs", "create_job"), requests=2)
    assert [told_by(client, name) for name in ("create_job", "list_jobs", "list_jobs")] == [
        "Validation",
        "Validation",
        "",
    ]


def test_after_lets_requests_pass(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(GONE, after=3, requests=dx.ALWAYS)
    assert [told(client, job) for _ in range(5)] == ["COMPLETED"] * 3 + ["ResourceNotFound"] * 2


def test_after_counts_requests_that_met_another_fault(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(FAILED, after=2)
    dxjobs.throttle(2)
    assert [told(client, job), told(client, job)] == ["Validation", "COMPLETED"]
    assert attempts(dxjobs) == [[429, 429, 400], [200]]


def test_after_counts_calls_where_calls_fail(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.throttle(2)
    dxjobs.inject(GONE, calls=1, after=1)
    assert [told(client, job) for _ in range(3)] == ["COMPLETED", "ResourceNotFound", "COMPLETED"]


def test_after_counts_only_what_it_is_for(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    dxjobs.inject(GONE, job=job, after=1)
    assert [told(client, each) for each in (other, job, other, job)] == [
        *["COMPLETED"] * 3,
        "ResourceNotFound",
    ]


def test_several_faults_queue(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    for fault in (GONE, FAILED, faults.conflict()):
        dxjobs.inject(fault)
    assert [told(client, job) for _ in range(4)] == [
        "ResourceNotFound",
        "Validation",
        "Conflict",
        "COMPLETED",
    ]


def test_a_call_that_began_well_is_not_a_whole_call(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    job = dxjobs.add_job()
    dxjobs.throttle(1)
    dxjobs.inject(faults.internal_error(), calls=1)
    assert [told(client, job), told(client, job)] == ["COMPLETED", "InternalServer"]
    assert attempts(dxjobs) == [[429, 200], [500] * 3]


# By chance


def pattern(seed: int | None, rate: float = 0.4, **options: Any) -> list[str]:
    with dx.FakeDataExchange() as fake:
        client, job = client_for(), fake.add_job()
        fake.inject(GONE, rate=rate, seed=seed, **options)
        return [told(client, job) for _ in range(20)]


def test_a_rate_is_reproducible() -> None:
    assert pattern(None) == pattern(0)
    assert pattern(1) == pattern(1)
    assert len({tuple(pattern(seed)) for seed in range(5)}) == 5


def test_a_rate_is_about_that_of_the_faults() -> None:
    found = [each for seed in range(20) for each in pattern(seed)]
    assert 120 < found.count("ResourceNotFound") < 200  # of 400, at 0.4
    assert pattern(1, 0) == ["COMPLETED"] * 20
    assert pattern(1, 1) == ["ResourceNotFound"] * 20


def test_a_rate_may_be_bounded_and_of_calls() -> None:
    assert pattern(1, 0.9, requests=2).count("ResourceNotFound") == 2
    assert pattern(1, 1, calls=3) == ["ResourceNotFound"] * 3 + ["COMPLETED"] * 17
    assert pattern(1, 1, after=18) == ["COMPLETED"] * 18 + ["ResourceNotFound"] * 2


def test_each_job_has_its_own_chances_in_whatever_order_threads_ask() -> None:
    def by_job(order: int) -> list[list[str]]:
        with dx.FakeDataExchange() as fake:
            client, jobs = client_for(), [fake.add_job() for _ in range(4)]
            fake.inject(FAILED, rate=0.5, seed=3)
            asked = [*jobs, ID]
            found: list[list[str]] = [[] for _ in asked]

            def ask(place: int) -> None:
                found[place] += [told(client, asked[place]) for _ in range(20)]

            threads = [threading.Thread(target=ask, args=(place,)) for place in range(5)]
            for thread in threads[::order]:
                thread.start()
            for thread in threads:
                thread.join()
            return found

    first = by_job(1)
    assert first == by_job(-1)
    failed = {tuple(state == "Validation" for state in each) for each in first}
    assert len(failed) == 5  # what is about no job has its own as well


# What else is there


def test_a_fault_uses_up_nothing_else(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=2))
    dxjobs.add_response("get_job", {"State": "WAITING"})
    dxjobs.throttle(2)
    dxjobs.inject(GONE, after=3)
    assert [told(client, job) for _ in range(4)] == [
        "WAITING",
        "ResourceNotFound",
        "COMPLETED",
        "COMPLETED",
    ]
    assert job.polls == 3
    dxjobs.assert_polled(job, 3)


def test_a_retry_is_answered_at_its_own_time(dxjobs: dx.FakeDataExchange, clock: Any) -> None:
    client, job = client_for(), dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=10))

    def tick(**_: object) -> None:
        clock.tick(10)

    client.meta.events.register("needs-retry.dataexchange", tick)
    dxjobs.throttle()
    assert told(client, job) == "COMPLETED"
    first, second = dxjobs.calls[0].attempts
    assert (second.at - first.at).total_seconds() == 10


def test_a_create_job_that_fails_leaves_the_history_to_the_next(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.next_job(dx.fails())
    dxjobs.inject(faults.internal_error(), operation="create_job", calls=1)
    assert told_by(client, "create_job") == "InternalServer"
    assert dxjobs.jobs == []
    job_id = client.create_job(**CREATE)["Id"]
    client.start_job(JobId=job_id)
    assert told(client, job_id) == "ERROR"


def test_a_garbled_answer_is_no_poll_of_the_job(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=2))
    for body in (b'{"State": "COMPL', b"[]"):
        dxjobs.inject(faults.garbled(body))
    assert set(client.get_job(JobId=job.id)) == {"ResponseMetadata"}
    with pytest.raises(AttributeError):
        client.get_job(JobId=job.id)
    assert [told(client, job), told(client, job)] == ["IN_PROGRESS", "COMPLETED"]
    dxjobs.assert_polled(job, 2)
    first, second, *_ = dxjobs.calls
    assert first.response is not None
    assert set(first.response) == {"ResponseMetadata"}
    assert first.error is None
    assert isinstance(second.error, AttributeError)
    assert second.response is None
    assert "200 garbled" in dxjobs.timeline()


def test_the_log_tells_the_attempts(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    dxjobs.inject(faults.read_timeout())
    dxjobs.inject(faults.bad_gateway())
    assert told(client, job) == "COMPLETED"
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


# A loop that swallows every error is ended all the same


@pytest.mark.parametrize("fault", [BUSY, GONE, faults.connection_closed(), faults.garbled()])
@pytest.mark.dxjobs(max_polls=10)
def test_a_loop_that_swallows_a_fault_is_ended(
    dxjobs: dx.FakeDataExchange, fault: dx.Fault
) -> None:
    client, job = client_for(), dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=5))
    dxjobs.inject(fault, calls=dx.ALWAYS)
    for _ in range(10):
        with contextlib.suppress(Exception):
            client.get_job(JobId=job.id)
    with pytest.raises(dx.RunawayPolling):
        client.get_job(JobId=job.id)


def test_a_call_counts_once_however_often_it_is_sent() -> None:
    with dx.FakeDataExchange(max_polls=4, max_polls_after_end=1) as fake:
        client, job = client_for(), fake.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=5))
        for state in ["IN_PROGRESS"] * 4 + ["COMPLETED"]:
            fake.throttle(2)
            assert told(client, job) == state
        fake.throttle(2)
        assert told(client, job) == "COMPLETED"


@pytest.mark.dxjobs(max_polls_after_end=3)
def test_a_fault_after_the_end_does_not_make_it_forgotten(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    job = dxjobs.add_job()
    assert told(client, job) == "COMPLETED"
    for _ in range(3):
        dxjobs.inject(GONE)
        assert told(client, job) == "ResourceNotFound"
    with pytest.raises(dx.RunawayPolling, match="COMPLETED"):
        told(client, job)


# What was not used


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, "inject(faults.validation())"),
        ({"requests": 3}, "inject(faults.validation(), requests=3): 1 of 3"),
        ({"calls": 2}, "inject(faults.validation(), calls=2): 1 of 2"),
        ({"requests": dx.ALWAYS, "after": 9}, "requests=dx.ALWAYS, after=9)"),
        ({"rate": 0.5}, "inject(faults.validation(), rate=0.5)"),
        ({"rate": 0.5, "after": 9}, "inject(faults.validation(), after=9, rate=0.5)"),
        ({"job": [OTHER, ID]}, f"inject(faults.validation(), job=['{ID}', '{OTHER}'])"),
        ({"operation": "start_job"}, "inject(faults.validation(), operation='start_job')"),
    ],
)
def test_what_has_not_happened_is_told(options: dict[str, Any], left: str) -> None:
    fake = dx.FakeDataExchange()
    fake.inject(FAILED, **options)
    outcomes = ["Validation"] * ("1 of" in left)
    with pytest.raises(AssertionError) as caught, fake:
        assert [told(client_for()) for _ in outcomes] == outcomes
    headline, line, *_ = str(caught.value).splitlines()
    assert headline == "faults that no request has met:"
    assert line.endswith(left)


def test_a_throttle_that_has_not_happened_is_told_by_its_own_name() -> None:
    with pytest.raises(AssertionError) as caught, dx.FakeDataExchange() as fake:
        fake.throttle(3, job=ID)
    assert str(caught.value).splitlines()[1] == f"  throttle(job=['{ID}'], requests=3)"


@pytest.mark.parametrize(
    "options", [{}, {"requests": dx.ALWAYS}, {"calls": 1}, {"rate": 0.0}, {"rate": 1.0}]
)
def test_what_has_happened_is_not_told(options: dict[str, Any]) -> None:
    with dx.FakeDataExchange() as fake:
        fake.inject(FAILED, **options)
        told(client_for())


def test_strict_false_permits_what_has_not_happened() -> None:
    with dx.FakeDataExchange(strict=False) as fake:
        fake.inject(FAILED)


# What cannot be


class Unnamed:
    __module__ = "pytest_dxjobs.faults"

    def __repr__(self) -> str:
        return "unnamed"


def wrong_jobs() -> list[Any]:
    with dx.FakeDataExchange() as other:
        strangers = other.add_job(), other.add_job(Id=ID)
    return [*strangers, 5, [], [5], b"id", {"a": 1}, "nightly", [ID, "nightly"]]


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (faults.throttling, {}, r"not throttling itself; call faults.throttling\(\)"),
    (dx.Fault, {}, r"not Fault itself; call faults.throttling\(\)"),
    (ClientError, {}, r"a fault is needed, such as faults.throttling\(\), not "),
    ("throttling", {}, "not 'throttling'"),
    (None, {}, "not None"),
    (len, {}, "a fault is needed, such as .*, not <built-in function len>"),
    (dx.completes, {}, "a fault is needed, such as .*, not the function completes"),
    (Unnamed(), {}, "not unnamed"),
    (BUSY, {"operation": "get_jobs"}, "operation: .*no operation 'get_jobs'.*mean 'get_job'"),
    (BUSY, {"operation": []}, r"operation: the name of an operation is needed, .* not \[\]"),
    (BUSY, {"operation": 5}, "operation: the name of an operation is needed, .* not 5"),
    (BUSY, {"operation": ["get_job", None]}, "operation: .*no operation None"),
    (BUSY, {"operation": "list_jobs", "job": ID}, "list_jobs names no job"),
    (BUSY, {"operation": ("get_job", "create_job"), "job": ID}, "create_job names no job"),
    (BUSY, {"requests": -1}, "inject: requests: a whole number .* or dx.ALWAYS, not -1"),
    (BUSY, {"requests": 0}, "requests: .*not 0"),
    (BUSY, {"calls": 1.5}, "inject: calls: .*not 1.5"),
    (BUSY, {"calls": True}, "inject: calls: .*not True"),
    (BUSY, {"requests": 1, "calls": 1}, "either requests or calls"),
    (BUSY, {"after": -1}, "inject: after: .*not -1"),
    (BUSY, {"after": None}, "inject: after: .*not None"),
    (BUSY, {"rate": 1.1}, "inject: rate: a number from 0 to 1 is needed, not 1.1"),
    (BUSY, {"rate": -0.1}, "inject: rate: a number from 0 to 1 is needed, not -0.1"),
    (BUSY, {"rate": float("nan")}, "inject: rate: .*not nan"),
    (BUSY, {"rate": "0.2"}, "inject: rate: .*not '0.2'"),
    (BUSY, {"rate": True}, "inject: rate: .*not True"),
    (BUSY, {"rate": 0.2, "seed": "a"}, "inject: seed: a whole number is needed, not 'a'"),
    (BUSY, {"rate": 0.2, "seed": False}, "inject: seed: .*not False"),
]


@pytest.mark.parametrize(("fault", "options", "message"), WRONG)
def test_what_cannot_be_is_refused_and_lays_nothing_down(
    dxjobs: dx.FakeDataExchange, client: Any, fault: Any, options: Any, message: str
) -> None:
    with pytest.raises(dx.UsageError, match=message):
        dxjobs.inject(fault, **options)
    assert told(client, dxjobs.add_job()) == "COMPLETED"


@pytest.mark.parametrize("place", range(9))
def test_a_job_of_nowhere_is_refused(dxjobs: dx.FakeDataExchange, place: int) -> None:
    dxjobs.add_job(Id=ID)
    with pytest.raises(dx.UsageError, match="inject: job: "):
        dxjobs.inject(BUSY, job=wrong_jobs()[place])
    with pytest.raises(dx.UsageError, match="throttle: job: "):
        dxjobs.throttle(job=wrong_jobs()[place])


def test_a_job_that_a_test_gave_an_id_which_is_none_is_known(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    job = dxjobs.add_job({**dx.make_job(), "Id": "nightly"}, check=False)
    dxjobs.throttle(job="nightly")
    assert told(client, job) == "COMPLETED"
    dxjobs.assert_retried(1)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_seed_may_be_longer_than_python_writes_out(sign: int) -> None:
    seed = sign * 10**5000
    with dx.FakeDataExchange(strict=False) as fake:
        fake.inject(BUSY, rate=1, seed=seed)
        assert told(client_for(), fake.add_job()) == "Throttling"
        fake.inject(BUSY, rate=1, seed=seed, after=1)
        assert "seed=<an integer of 16610 bits>" in fake._backend.pending_faults()[0]


def test_a_seed_without_a_rate_decides_nothing(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    with pytest.raises(dx.UsageError, match="inject: seed: without a rate"):
        dxjobs.inject(BUSY, seed=1)
