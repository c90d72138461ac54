"""botocore's retries: each fake has a fresh retry state, and backoff takes no real time."""

from __future__ import annotations

import itertools
import threading
import time
import types
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.config import Config
from botocore.exceptions import CapacityNotAvailableError, ClientError
from botocore.retries.adaptive import ClientRateLimiter
from botocore.retries.bucket import Clock, TokenBucket
from botocore.retries.standard import RetryHandler
from clients import client_for

import pytest_dxjobs as dx
from pytest_dxjobs import faults
from pytest_dxjobs._botocore import retry_state

MODES = ["legacy", "standard", "adaptive"]


@pytest.fixture(autouse=True)
def _no_real_wait(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that really sleeps or waits on a condition with a timeout."""
    waited: list[float] = []
    real_wait = threading.Condition.wait

    def wait(self: threading.Condition, timeout: float | None = None) -> bool:
        # Waits without a timeout are for another thread to start.
        waited.extend([] if timeout is None else [timeout])
        return real_wait(self, timeout)

    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(threading.Condition, "wait", wait)
    yield
    assert waited == []


def retry_counts(client: Any, job: dx.Job, calls: int) -> list[int]:
    """Make some calls, and return how often each was retried."""
    counts = []
    for _ in range(calls):
        try:
            response = client.get_job(JobId=job.id)
        except ClientError as error:
            response = error.response
        counts.append(response["ResponseMetadata"]["RetryAttempts"])
    return counts


@pytest.mark.parametrize("mode", MODES)
def test_two_throttled_attempts_are_retried(dxjobs: dx.FakeDataExchange, mode: str) -> None:
    job = dxjobs.add_job()
    dxjobs.throttle(2)
    response = client_for(mode=mode).get_job(JobId=job.id)
    assert response["State"] == "COMPLETED"
    assert response["ResponseMetadata"]["RetryAttempts"] == 2
    dxjobs.assert_retried(2)
    first, second, last = dxjobs.calls[0].attempts
    assert first.backoff > 0
    assert second.backoff > 0
    assert last.backoff == 0
    assert "429 ThrottlingException (2 times), then 200 COMPLETED" in dxjobs.timeline()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("setting", "sends"), [("max_attempts", 3), ("total_max_attempts", 2)])
def test_max_attempts_are_taken_from_the_client(
    dxjobs: dx.FakeDataExchange, mode: str, setting: str, sends: int
) -> None:
    retries: Any = {"mode": mode, setting: 2}
    client: Any = botocore.session.Session().create_client(
        "dataexchange", region_name="us-east-1", config=Config(retries=retries)
    )
    dxjobs.inject(faults.internal_error(), calls=1)
    with dx.raises_internal_error() as caught:
        client.get_job(JobId="d" * 32)
    metadata: Any = caught.value.response["ResponseMetadata"]
    assert metadata["RetryAttempts"] == sends - 1
    assert metadata["MaxAttemptsReached"] is True
    assert "MaxAttemptsReached" in str(dxjobs.calls[0].error.response)  # type: ignore[union-attr]


def calls_until_quota_is_used_up(client: Any, fault: dx.Fault, most: int = 80) -> int:
    """Return how many calls it takes until botocore no longer retries."""
    with dx.FakeDataExchange(max_polls=None) as fake:
        fake.inject(fault, calls=dx.ALWAYS)
        calls = range(most)
        return next(call for call in calls if retry_counts(client, fake.add_job(), 1) == [0])


@pytest.mark.parametrize("mode", ["standard", "adaptive"])
def test_retries_use_up_the_quota_as_in_production(mode: str) -> None:
    client = client_for(mode=mode)
    calls = calls_until_quota_is_used_up(client, faults.internal_error())
    assert 16 <= calls <= 51  # the quota is 500; a retry takes 14, or 5 in older versions of botocore
    with dx.FakeDataExchange(max_polls_after_end=None) as fake:
        job = fake.add_job()
        fake.inject(faults.internal_error(), calls=calls)
        assert 0 not in retry_counts(client, job, calls)
        fake.inject(faults.internal_error())
        with dx.raises_internal_error() as caught:
            client.get_job(JobId=job.id)
        assert "RetryQuotaReached" in caught.value.response["ResponseMetadata"]


@pytest.mark.parametrize("mode", ["standard", "adaptive"])
def test_each_fake_and_each_reset_starts_with_a_fresh_quota(mode: str) -> None:
    client = client_for(mode=mode)
    for _ in range(3):
        assert calls_until_quota_is_used_up(client, faults.internal_error()) > 15
    with dx.FakeDataExchange() as fake:
        for _ in range(3):
            fake.inject(faults.internal_error(), calls=dx.ALWAYS)
            jobs = [fake.add_job() for _ in range(60)]
            retries = [retry_counts(client, job, 1)[0] for job in jobs]
            assert retries[0] == 2
            assert retries[-1] == 0
            fake.reset()


def test_an_outer_fake_keeps_its_used_quota() -> None:
    client = client_for()
    with dx.FakeDataExchange(max_polls=None) as outer:
        outer.inject(faults.internal_error(), calls=dx.ALWAYS)
        while retry_counts(client, outer.add_job(), 1) != [0]:
            pass
        with dx.FakeDataExchange() as inner:
            inner.throttle(1)
            assert retry_counts(client, inner.add_job(), 1) == [1]
        assert retry_counts(client, outer.add_job(), 1) == [0]


def state_of(client: Any) -> dict[str, Any]:
    """Return the handlers of a client and all their attributes."""
    events = client.meta.events._emitter._handlers
    state: dict[str, Any] = {}
    for event in ("before-send", "needs-retry", "after-call", "choose-signer"):
        handlers = events.prefix_search(f"{event}.dataexchange.GetJob")
        state[event] = sorted(str(handler) for handler in handlers)
        for handler in handlers:
            owner = getattr(handler, "__self__", None)
            for name, value in vars(owner).items() if hasattr(owner, "__dict__") else ():
                state[f"{event} {type(owner).__name__} {name}"] = (
                    dict(vars(value)) if hasattr(value, "__dict__") else value
                )
    return state


@pytest.mark.parametrize("mode", MODES)
def test_the_client_gets_its_own_state_back(mode: str) -> None:
    client = client_for(mode=mode)
    before = state_of(client)
    with dx.FakeDataExchange() as fake:
        fake.inject(faults.throttling(), calls=5)
        retry_counts(client, fake.add_job(), 10)
        if mode != "legacy":
            assert state_of(client) != before
    assert state_of(client) == before


@pytest.mark.parametrize(
    ("attempt", "code", "logged"),
    [(1, "ResourceNotFoundException", 1), (3, "ThrottlingException", 0)],
)
def test_a_reset_during_a_call_is_harmless(
    dxjobs: dx.FakeDataExchange, client: Any, attempt: int, code: str, logged: int
) -> None:
    attempts = itertools.count(1)
    event = "response-received.dataexchange.GetJob"

    def reset(**_: Any) -> None:
        if next(attempts) == attempt:
            dxjobs.reset()

    client.meta.events.register(event, reset)
    dxjobs.inject(faults.throttling(), calls=1)
    with pytest.raises(ClientError, match=code) as caught:
        client.get_job(JobId="0" * 32)
    client.meta.events.unregister(event, reset)
    assert ("MaxAttemptsReached" in caught.value.response["ResponseMetadata"]) is (attempt == 3)
    assert len(dxjobs.calls) == logged


def test_adaptive_mode_backs_off_without_waiting(dxjobs: dx.FakeDataExchange, clock: Any) -> None:
    client, job = client_for(mode="adaptive"), dxjobs.add_job()
    dxjobs.throttle(2)
    assert retry_counts(client, job, 10) == [2, *[0] * 9]
    first, second, _ = dxjobs.calls[0].attempts
    # The limiter starts at half a request a second.
    assert [first.backoff, second.backoff] == pytest.approx([2, 2], abs=0.01)


def test_the_limiter_of_a_fake_equals_that_of_a_new_client(clock: Any) -> None:
    events = client_for(mode="adaptive").meta.events._emitter._handlers
    handlers = events.prefix_search("needs-retry.dataexchange")
    owners: list[Any] = [getattr(handler, "__self__", None) for handler in handlers]
    theirs: Any = next(each for each in owners if isinstance(each, ClientRateLimiter))
    ours: Any = retry_state.RetryState(lambda _: None).limiter
    for throttled in [*[False] * 10, True, *[False] * 6]:
        clock.tick(0.25)
        rates = []
        for limiter in (theirs, ours):
            detector = types.SimpleNamespace(is_throttling_error=lambda throttled: throttled)
            limiter._throttling_detector = detector
            limiter.on_receiving_response(throttled=throttled)
            bucket = limiter._token_bucket
            rates.append([bucket.max_rate, bucket.available_capacity])
        assert rates[0] == pytest.approx(rates[1])


@pytest.mark.parametrize("share", [0, 0.25, 1, 1.5])
def test_the_limiters_clock_advances_by_the_wait_or_by_the_time_passed(clock: Any, share: float) -> None:
    state = retry_state.RetryState(lambda seconds: clock.tick(seconds * share))
    limiter_clock: Any = state.limiter._clock  # type: ignore[attr-defined]
    clock.tick(-0.5)  # setting the time back subtracts nothing
    assert limiter_clock.current_time() == 0
    state.wait(2)
    assert limiter_clock.current_time() == max(2, 2 * share)


def test_adaptive_mode_does_not_hang_under_a_frozen_clock(dxjobs: dx.FakeDataExchange, clock: Any) -> None:
    client, job = client_for(mode="adaptive"), dxjobs.add_job()
    dxjobs.throttle(2)
    assert retry_counts(client, job, 5) == [2, 0, 0, 0, 0]
    clock.move_to("2020-01-01")  # also if the clock is set back
    dxjobs.throttle(2)
    assert retry_counts(client, job, 5) == [2, 0, 0, 0, 0]


@pytest.mark.parametrize(("available", "wait"), [(0.25, 1.5), (0.75, 0.5), (1 - 1e-9, 0.001)])
def test_acquire_waits_for_the_missing_tokens(available: float, wait: float) -> None:
    waits: list[float] = []

    class Bucket:
        available_capacity, max_rate = available, 0.5

        def acquire(self, amount: int, *, block: bool) -> bool:
            if block or not waits:
                raise CapacityNotAvailableError(retry_delay=60)
            return True

    bucket: Any = Bucket()
    assert retry_state._acquire_waiting(bucket, 1, Bucket.acquire, waits.append)
    assert waits == [wait]


def test_limiters_of_other_services_wait_in_virtual_time() -> None:
    bucket = TokenBucket(2, Clock())
    with dx.VirtualClock() as clock:
        with pytest.raises(CapacityNotAvailableError):
            bucket.acquire(block=False)
        assert clock.sleeps == []
        assert bucket.acquire()
        assert sum(each.seconds for each in clock.sleeps) == pytest.approx(0.5, abs=0.01)
        assert bucket.acquire(2)
        assert sum(each.seconds for each in clock.sleeps) == pytest.approx(1.5, abs=0.01)


def test_adaptive_mode_works_in_threads(dxjobs: dx.FakeDataExchange) -> None:
    client = client_for(mode="adaptive")
    dxjobs.inject(faults.throttling(), rate=0.3, seed=1)
    counts: list[list[int]] = []

    def poll() -> None:
        counts.append(retry_counts(client, dxjobs.add_job(), 20))

    threads = [threading.Thread(target=poll) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(each) for each in counts] == [20] * 8


@pytest.mark.parametrize("mode", MODES)
def test_a_client_made_under_a_fake_works_like_a_new_one_afterwards(mode: str) -> None:
    with dx.FakeDataExchange() as fake:
        client = client_for(mode=mode)
        fake.throttle(2)
        assert retry_counts(client, fake.add_job(), 1) == [2]
    fresh = client_for(mode=mode)
    assert [each.split(" at ")[0] for each in state_of(client)["before-send"]] == [
        each.split(" at ")[0] for each in state_of(fresh)["before-send"]
    ]


def test_the_quota_of_one_fake_does_not_affect_another(client: Any) -> None:
    with dx.FakeDataExchange(max_polls=None) as outer:
        job = outer.add_job()
        outer.throttle(dx.ALWAYS)
        assert retry_counts(client, job, 1) == [2]
        with dx.FakeDataExchange(max_polls=None) as inner:
            inner.throttle(dx.ALWAYS)
            assert 0 in retry_counts(client, inner.add_job(), 60)
        assert retry_counts(client, job, 1) == [2]


def test_adaptive_threads_do_not_hang_when_their_fake_is_reset(clock: Any) -> None:
    client = client_for(mode="adaptive")
    with dx.FakeDataExchange(max_polls=None, strict=False) as fake:
        fake.throttle(dx.ALWAYS)
        threads = [
            threading.Thread(target=retry_counts, args=[client, fake.add_job(), 30], daemon=True) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for _ in range(30):
            fake.reset()
            fake.throttle(dx.ALWAYS)
            threads[0].join(0.01)
        for thread in threads:
            thread.join(60)  # a daemon thread that hangs ends with the process
        assert [thread.is_alive() for thread in threads] == [False] * 3


def test_backoff_of_another_service_within_a_call_is_slept(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    other: Any = botocore.session.Session().create_client(
        "sts", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    statuses = iter([500, 200])

    def respond(request: Any, **_: object) -> Any:
        response: Any = AWSResponse(request.url, next(statuses), HeadersDict(), None)  # type: ignore[arg-type]
        response._content = b"<Response><GetCallerIdentityResult/><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></Response>"
        return response

    other.meta.events.register_first("before-send.sts", respond)
    with pytest.MonkeyPatch.context() as patch:
        waits: list[float] = []
        patch.setattr(time, "sleep", waits.append)
        dxjobs.add_response("get_job", lambda _: (other.get_caller_identity(), {"State": "COMPLETED"})[1])
        assert client.get_job(JobId=dx.job_id("x"))["State"] == "COMPLETED"
        assert len(waits) == 1
    assert dxjobs.calls[0].attempts[-1].backoff == 0


def test_the_client_gets_its_own_backoff_draws_back() -> None:
    client = client_for(mode="standard")
    (handler,) = retry_state._handlers_of(client, RetryHandler)
    backoff = handler._retry_policy._retry_backoff
    own = backoff._random
    with dx.FakeDataExchange() as fake:
        client.get_job(JobId=fake.add_job().id)
        assert backoff._random != own
    assert backoff._random is own
