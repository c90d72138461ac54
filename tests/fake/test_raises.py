"""``raises_*``, ``assert_job_error`` and ``assert_retried``."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

import pytest_dxjobs as dx
from pytest_dxjobs import faults

ID = "d" * 32
Wrap = Callable[[Callable[[], object]], object]
CHECKS: dict[str, tuple[Callable[[], Any], dx.Fault]] = {
    "ThrottlingException": (dx.raises_throttling, faults.throttling()),
    "ResourceNotFoundException": (dx.raises_not_found, faults.not_found()),
    "ValidationException": (dx.raises_validation, faults.validation()),
    "InternalServerException": (dx.raises_internal_error, faults.internal_error()),
    "AccessDeniedException": (dx.raises_access_denied, faults.access_denied()),
}


class Failed(Exception):
    """An exception of the code under test."""


def not_wrapped(call: Callable[[], object]) -> object:
    return call()


def with_cause(call: Callable[[], object]) -> object:
    try:
        return call()
    except ClientError as error:
        raise Failed("export failed") from error


def with_context(call: Callable[[], object]) -> object:
    try:
        return call()
    except ClientError:
        raise Failed("export failed")  # noqa: B904


def from_none(call: Callable[[], object]) -> object:
    try:
        return call()
    except ClientError:
        raise Failed("export failed") from None


def wrapped_twice(call: Callable[[], object]) -> object:
    try:
        return with_cause(call)
    except Failed as error:
        raise RuntimeError from error


def as_system_exit(call: Callable[[], object]) -> object:
    try:
        return call()
    except ClientError as error:
        sys.exit(str(error))


class Group(Exception):
    """An exception group, as in the backport for Python 3.10."""

    def __init__(self, message: str, exceptions: list[Exception]) -> None:
        super().__init__(message)
        self.exceptions = tuple(exceptions)


def in_a_group(call: Callable[[], object], group: Any = Group) -> object:
    try:
        return with_cause(call)
    except Failed as error:
        failed = error
    raise group("several", [ValueError("other"), group("inner", [failed])])


def in_a_built_in_group(call: Callable[[], object]) -> object:
    return in_a_group(call, getattr(builtins, "ExceptionGroup", Group))


WRAPPED = [
    not_wrapped,
    with_cause,
    with_context,
    from_none,
    wrapped_twice,
    as_system_exit,
    in_a_group,
    in_a_built_in_group,
]


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("code", CHECKS)
def test_the_error_is_found_however_it_is_wrapped(
    dxjobs: dx.FakeDataExchange, client: Any, code: str, wrap: Wrap
) -> None:
    check, fault = CHECKS[code]
    dxjobs.inject(fault, calls=1)
    with check() as caught:
        wrap(lambda: client.get_job(JobId=ID))
    assert caught.value.response["Error"]["Code"] == code
    assert isinstance(caught.value, getattr(client.exceptions, code))
    assert caught.raised is caught.value or wrap is not not_wrapped


def test_raised_is_the_exception_that_left_the_block(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(faults.validation())
    with dx.raises_validation() as caught:
        with_cause(lambda: client.get_job(JobId=ID))
    assert type(caught.raised) is Failed
    assert caught.raised.__cause__ is caught.value


def test_value_is_the_error_that_matches(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(faults.validation())
    dxjobs.inject(faults.access_denied())
    with dx.raises_validation() as caught:
        try:
            client.get_job(JobId=ID)
        except ClientError:
            client.get_job(JobId=ID)
    assert isinstance(caught.raised, client.exceptions.AccessDeniedException)


def test_value_is_the_first_error_that_matches(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(faults.access_denied(), requests=2)
    errors: list[Exception] = []
    for _ in range(2):
        with dx.raises_access_denied() as caught:
            client.get_job(JobId=ID)
        errors.append(caught.value)
    with dx.raises_access_denied() as caught:
        raise Group("several", errors)
    assert caught.value is errors[0]


def test_circular_causes_end(dxjobs: dx.FakeDataExchange) -> None:
    first, second = Failed("first"), Failed("second")
    first.__cause__, second.__cause__ = second, first
    with (
        pytest.raises(AssertionError, match="no error of the service in it"),
        dx.raises_validation(),
    ):
        raise first


# The resource, the cause


def test_raises_not_found_checks_the_job(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    with dx.raises_not_found(ID):
        client.get_job(JobId=ID)
    dxjobs.inject(faults.not_found(), requests=2)
    with dx.raises_not_found(job):
        client.get_job(JobId=job.id)
    with (
        pytest.raises(AssertionError, match=f"ResourceId is '{job.id}', not '{ID}'"),
        dx.raises_not_found(ID),
    ):
        client.get_job(JobId=job.id)


def test_raises_validation_checks_the_cause(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(faults.validation("S3AccessDenied"))
    with dx.raises_validation("S3AccessDenied"):
        client.get_job(JobId=ID)
    dxjobs.inject(faults.validation())
    with (
        pytest.raises(AssertionError, match="ExceptionCause is None, not 'S3AccessDenied'"),
        dx.raises_validation("S3AccessDenied"),
    ):
        client.get_job(JobId=ID)


# Failures


def test_a_block_that_raises_nothing_fails_with_its_calls(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    client.get_job(JobId=job.id)
    with pytest.raises(AssertionError) as caught, dx.raises_throttling():
        client.list_jobs()
    headline, *calls = str(caught.value).splitlines()
    assert headline == "raises_throttling: nothing was raised, expected ThrottlingException."
    assert "calls of the block" in calls[0]
    assert "list_jobs" in calls[1]
    assert len(calls) == 2


def test_an_exception_without_a_service_error_fails(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    with pytest.raises(AssertionError) as caught, dx.raises_not_found(ID):
        raise KeyError("Errors")
    headline, details, _ = str(caught.value).splitlines()
    assert headline == (
        f"raises_not_found: KeyError was raised, expected ResourceNotFoundException, ResourceId {ID}, ResourceType JOB."
    )
    assert details == "KeyError: \"'Errors'\". There is no error of the service in it."
    assert isinstance(caught.value.__cause__, KeyError)


def test_another_service_error_fails(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    with pytest.raises(AssertionError) as caught, dx.raises_throttling():
        with_cause(lambda: client.get_job(JobId=ID))
    message = str(caught.value)
    assert "Failed was raised, expected ThrottlingException." in message
    assert "Failed: 'export failed'. The errors of the service in it do not match:" in message
    assert "  ResourceNotFoundException: the code is not ThrottlingException" in message
    assert "404 ResourceNotFoundException" in message


def test_system_exit_is_not_a_service_error(dxjobs: dx.FakeDataExchange) -> None:
    with pytest.raises(AssertionError, match="SystemExit was raised"), dx.raises_throttling():
        sys.exit("done")


def test_an_error_with_another_status_or_member_fails(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_client_error("get_job", "ValidationException", http_status_code=422)
    with pytest.raises(AssertionError, match="the status is 422, not 400"), dx.raises_validation():
        client.get_job(JobId=ID)
    response: Any = {
        "Error": {"Code": "ValidationException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        "ExceptionCause": "Weather",
    }
    with (
        pytest.raises(AssertionError, match="ExceptionCause: 'Weather' is not valid"),
        dx.raises_validation(),
    ):
        raise ClientError(response, "GetJob")
    with pytest.raises(AssertionError, match="the status is None, not 400"), dx.raises_validation():
        raise ClientError({"Error": {"Code": "ValidationException"}}, "GetJob")
    with (
        pytest.raises(AssertionError, match="the code is not ValidationException"),
        dx.raises_validation(),
    ):
        raise ClientError({}, "GetJob")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, pytest.skip.Exception, pytest.fail.Exception])
def test_interruptions_and_outcomes_of_pytest_pass_through(kind: type[BaseException]) -> None:
    with pytest.raises(kind), dx.raises_throttling():
        raise kind("now")


@pytest.mark.dxjobs(strict=False)
@pytest.mark.parametrize("kind", [pytest.fail.Exception, pytest.skip.Exception, KeyboardInterrupt, AssertionError])
def test_outcomes_raised_about_a_service_error_pass_through(
    dxjobs: dx.FakeDataExchange, client: Any, kind: type[BaseException]
) -> None:
    dxjobs.throttle(dx.ALWAYS)

    def poll() -> None:
        try:
            client.get_job(JobId=dx.job_id("x"))
        except ClientError:
            raise kind("wrong error")  # noqa: B904

    with pytest.raises(kind, match="wrong error"), dx.raises_throttling():
        poll()


def test_calls_are_not_shown_after_a_reset_or_for_another_fake(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    def in_another() -> None:
        with dx.FakeDataExchange() as fake:
            client.get_job(JobId=fake.add_job().id)

    def after_a_reset() -> None:
        dxjobs.reset()
        client.get_job(JobId=dxjobs.add_job().id)

    with pytest.raises(AssertionError) as caught, dx.raises_throttling():
        after_a_reset()
    assert str(caught.value).endswith("nothing was raised, expected ThrottlingException.")
    with pytest.raises(AssertionError, match="no call"), dx.raises_throttling():
        in_another()


def test_errors_of_the_fake_pass_through(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    with pytest.raises(dx.UnexpectedCall), dx.raises_throttling():
        client.list_data_sets()
    with pytest.raises(dx.UsageError), dx.raises_throttling():
        dxjobs.add_job("EXPORT")


def test_without_a_fake_no_calls_are_shown() -> None:
    with (
        pytest.raises(AssertionError, match="calls of the block: no call"),
        dx.raises_access_denied(),
    ):
        pass


def test_value_and_raised_are_available_after_the_block() -> None:
    with dx.FakeDataExchange() as fake, dx.raises_validation() as caught:
        for name in ("value", "raised"):
            with pytest.raises(dx.UsageError, match=f"raises_validation: {name} is available only"):
                getattr(caught, name)
        assert fake.jobs == []
        raise_validation()


def raise_validation() -> None:
    response: Any = {
        "Error": {"Code": "ValidationException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    raise ClientError(response, "GetJob")


@pytest.mark.parametrize("job", [5, b"id", ["id"]])
def test_raises_not_found_refuses_an_invalid_job(job: Any) -> None:
    with pytest.raises(dx.UsageError, match="raises_not_found: job: a job or its id is needed, not "):
        dx.raises_not_found(job)


def test_raises_validation_refuses_an_unknown_cause() -> None:
    with pytest.raises(dx.UsageError, match=r"raises_validation: cause: .*mean 'S3AccessDenied'"):
        dx.raises_validation("S3AcessDenied")


# assert_job_error

ERRORS = [
    dx.make_error("MALWARE_DETECTED", ResourceId="a" * 32, ResourceType="ASSET"),
    dx.make_error("SERVICE_QUOTA_EXCEEDED_EXCEPTION", LimitName="Assets per revision", LimitValue=10.0),
]
FAILED = dx.make_job("EXPORT_ASSETS_TO_S3", "ERROR") | {"Errors": ERRORS}


@pytest.mark.parametrize(
    ("code", "options"),
    [
        (None, {}),
        ("MALWARE_DETECTED", {}),
        ("MALWARE_DETECTED", {"resource_id": "a" * 32}),
        (None, {"limit_name": "Assets per revision"}),
        ("SERVICE_QUOTA_EXCEEDED_EXCEPTION", {"limit_name": "Assets per revision"}),
    ],
)
def test_assert_job_error_passes(code: Any, options: dict[str, Any]) -> None:
    dx.assert_job_error(FAILED, code, **options)


@pytest.mark.parametrize(
    ("response", "code", "options", "message"),
    [
        (FAILED, "VALIDATION_EXCEPTION", {}, "with Code 'VALIDATION_EXCEPTION'. They are:\n"),
        (FAILED, None, {"resource_id": "b" * 32}, "with ResourceId 'bbb.*MALWARE_DETECTED"),
        (
            FAILED,
            "MALWARE_DETECTED",
            {"limit_name": "Assets per revision"},
            "with Code 'MALWARE_DETECTED' and LimitName 'Assets per revision'",
        ),
        (dx.make_job(), "MALWARE_DETECTED", {}, "^the job's State is 'COMPLETED', expected an er"),
        (
            {"State": "ERROR"},
            None,
            {},
            "^the job's Errors are absent, expected an error$",
        ),
        ({"State": "ERROR", "Errors": []}, None, {}, r"the job's Errors are \[\]"),
        ({"State": "ERROR", "Errors": ["odd"]}, "MALWARE_DETECTED", {}, "They are:\n  'odd'"),
        ({}, None, {}, "the job's State is None"),
    ],
)
def test_assert_job_error_fails(response: Any, code: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        dx.assert_job_error(response, code, **options)


@pytest.mark.parametrize(
    ("response", "code", "options", "message"),
    [
        ("job", None, {}, "the response of get_job is needed, not 'job'"),
        (FAILED, "MALWARE", {}, "assert_job_error: code: 'MALWARE' is not valid"),
        (
            FAILED,
            "ThrottlingException",
            {},
            "'ThrottlingException' is not valid; .* Choose from ACC",
        ),
        (FAILED, None, {"resource_id": 5}, "resource_id: a string is needed, not 5"),
        (FAILED, None, {"limit_name": "Assets"}, "limit_name: 'Assets' is not valid"),
    ],
)
def test_assert_job_error_refuses_wrong_arguments(
    response: Any, code: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(dx.UsageError, match=message):
        dx.assert_job_error(response, code, **options)


# assert_retried


def test_assert_retried_counts_retries(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job, other = dxjobs.add_job(), dxjobs.add_job()
    dxjobs.assert_retried(0)
    dxjobs.throttle(2, job=job)
    dxjobs.throttle(1, job=other)
    for each in (job, other, other):
        client.get_job(JobId=each.id)
    dxjobs.assert_retried()
    dxjobs.assert_retried(3)
    dxjobs.assert_retried(times=2, job=job)
    dxjobs.assert_retried(job=other.id, at_least=1, at_most=1)
    with pytest.raises(AssertionError, match=r"(?s)retried 3 times, expected exactly 2.*ThrottlingE"):
        dxjobs.assert_retried(2)
    with pytest.raises(AssertionError) as caught:
        dxjobs.assert_retried(job=other, at_least=2)
    message = str(caught.value)
    assert message.startswith("botocore retried 1 time, expected at least 2.\ncalls about job")
    assert other.id in message
    assert job.id[-8:] not in message


@pytest.mark.parametrize("code", CHECKS)
def test_exit_without_enter_is_refused(code: str) -> None:
    check = CHECKS[code][0]
    with pytest.raises(dx.UsageError, match=f"{check.__name__}: the block was not entered"):
        check().__exit__(None, None, None)


def test_the_error_in_the_last_response_of_a_waiter_is_mentioned(
    dxjobs: dx.FakeDataExchange,
) -> None:
    last: Any = {"Error": {"Code": "ResourceNotFoundException"}}
    for error, details in (
        (WaiterError("JobDone", "not found", last), "The only error .* is its last_response"),
        (WaiterError("JobDone", "Max attempts exceeded", {}), "There is no error of the service"),
    ):
        with (
            pytest.raises(AssertionError, match=details),
            dx.raises_not_found(ID),
        ):
            raise error


def test_assert_retried_fails_without_retries(dxjobs: dx.FakeDataExchange) -> None:
    with pytest.raises(AssertionError, match=r"retried 0 times, expected at least 1.\ncalls: no calls"):
        dxjobs.assert_retried()
    with pytest.raises(dx.UsageError, match="assert_retried: times: "):
        dxjobs.assert_retried(-1)
    with pytest.raises(dx.UsageError, match="assert_retried: give either times"):
        dxjobs.assert_retried(1, at_most=2)
    with pytest.raises(dx.UsageError, match="is not in this fake"):
        dxjobs.assert_retried(job=ID)


def test_errors_are_shown_with_their_resource() -> None:
    job = dx.make_job("EXPORT_ASSETS_TO_S3", "ERROR")
    job["Errors"] = [dx.make_error("VALIDATION_EXCEPTION", ResourceId="b" * 32, ResourceType="ASSET")]
    with pytest.raises(AssertionError, match=f"Code 'VALIDATION_EXCEPTION', .*ResourceId '{'b' * 32}'"):
        dx.assert_job_error(job, resource_id="a" * 32)
