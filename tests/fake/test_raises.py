"""Checks of what a block raised: found where the code has wrapped it, and told where it is not there."""

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
    """What a consumer raises by itself."""


def as_it_is(call: Callable[[], object]) -> object:
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


def without_a_word(call: Callable[[], object]) -> object:
    try:
        return call()
    except ClientError:
        raise Failed("export failed") from None


def twice(call: Callable[[], object]) -> object:
    try:
        return with_cause(call)
    except Failed as error:
        raise RuntimeError from error


def by_leaving(call: Callable[[], object]) -> object:
    try:
        return call()
    except ClientError as error:
        sys.exit(str(error))


class Group(Exception):
    """As the backport for Python 3.10 has it."""

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
    as_it_is,
    with_cause,
    with_context,
    without_a_word,
    twice,
    by_leaving,
    in_a_group,
    in_a_built_in_group,
]


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("code", CHECKS)
def test_the_error_is_found_wherever_it_is(
    dxjobs: dx.FakeDataExchange, client: Any, code: str, wrap: Wrap
) -> None:
    check, fault = CHECKS[code]
    dxjobs.inject(fault, calls=1)
    with check() as caught:
        wrap(lambda: client.get_job(JobId=ID))
    assert caught.value.response["Error"]["Code"] == code
    assert isinstance(caught.value, getattr(client.exceptions, code))
    assert caught.raised is caught.value or wrap is not as_it_is


def test_what_came_out_is_told(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(faults.validation())
    with dx.raises_validation() as caught:
        with_cause(lambda: client.get_job(JobId=ID))
    assert type(caught.raised) is Failed
    assert caught.raised.__cause__ is caught.value


def test_of_several_errors_the_one_that_fits(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(faults.validation())
    dxjobs.inject(faults.access_denied())
    with dx.raises_validation() as caught:
        try:
            client.get_job(JobId=ID)
        except ClientError:
            client.get_job(JobId=ID)
    assert isinstance(caught.raised, client.exceptions.AccessDeniedException)


def test_of_several_errors_that_fit_the_first(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(faults.access_denied(), requests=2)
    errors: list[Exception] = []
    for _ in range(2):
        with dx.raises_access_denied() as caught:
            client.get_job(JobId=ID)
        errors.append(caught.value)
    with dx.raises_access_denied() as caught:
        raise Group("several", errors)
    assert caught.value is errors[0]


def test_causes_in_a_circle_end(dxjobs: dx.FakeDataExchange) -> None:
    first, second = Failed("first"), Failed("second")
    first.__cause__, second.__cause__ = second, first
    with (
        pytest.raises(AssertionError, match="no error of the service in it"),
        dx.raises_validation(),
    ):
        raise first


# Which resource, which cause


def test_the_job_that_was_not_found(dxjobs: dx.FakeDataExchange, client: Any) -> None:
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


def test_the_cause_of_a_validation_error(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.inject(faults.validation("S3AccessDenied"))
    with dx.raises_validation("S3AccessDenied"):
        client.get_job(JobId=ID)
    dxjobs.inject(faults.validation())
    with (
        pytest.raises(AssertionError, match="ExceptionCause is None, not 'S3AccessDenied'"),
        dx.raises_validation("S3AccessDenied"),
    ):
        client.get_job(JobId=ID)


# What is not so


def test_nothing_was_raised(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job()
    client.get_job(JobId=job.id)
    with pytest.raises(AssertionError) as caught, dx.raises_throttling():
        client.list_jobs()
    headline, *calls = str(caught.value).splitlines()
    assert headline == (
        "raises_throttling: ThrottlingException was expected, and nothing was raised."
    )
    assert "calls of the block" in calls[0]
    assert "list_jobs" in calls[1]
    assert len(calls) == 2


def test_something_else_was_raised(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    with pytest.raises(AssertionError) as caught, dx.raises_not_found(ID):
        raise KeyError("Errors")
    assert "KeyError was raised: \"'Errors'\", with no error of the service in it" in str(
        caught.value
    )
    assert f"ResourceNotFoundException, ResourceId {ID}, ResourceType JOB" in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


def test_another_error_of_the_service_was_raised(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    with pytest.raises(AssertionError) as caught, dx.raises_throttling():
        with_cause(lambda: client.get_job(JobId=ID))
    told = str(caught.value)
    assert "Failed was raised: 'export failed'; the errors of the service in it do not fit" in told
    assert "  ResourceNotFoundException: the code is not ThrottlingException" in told
    assert "404 ResourceNotFoundException" in told


def test_leaving_the_program_is_no_error_of_the_service(dxjobs: dx.FakeDataExchange) -> None:
    with pytest.raises(AssertionError, match="SystemExit was raised"), dx.raises_throttling():
        sys.exit("done")


def test_a_status_or_a_member_that_is_not_the_service_s(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.add_client_error("get_job", "ValidationException", http_status_code=422)
    with pytest.raises(AssertionError, match="the status is 422, not 400"), dx.raises_validation():
        client.get_job(JobId=ID)
    response: Any = {
        "Error": {"Code": "ValidationException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        "ExceptionCause": "Weather",
    }
    with (
        pytest.raises(AssertionError, match="ExceptionCause: 'Weather' is not one of"),
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
def test_what_ends_a_test_passes(kind: type[BaseException]) -> None:
    with pytest.raises(kind), dx.raises_throttling():
        raise kind("now")


@pytest.mark.dxjobs(strict=False)
@pytest.mark.parametrize(
    "kind", [pytest.fail.Exception, pytest.skip.Exception, KeyboardInterrupt, AssertionError]
)
def test_what_the_test_says_of_the_error_passes(
    dxjobs: dx.FakeDataExchange, client: Any, kind: type[BaseException]
) -> None:
    dxjobs.throttle(dx.ALWAYS)

    def look() -> None:
        try:
            client.get_job(JobId=dx.job_id("x"))
        except ClientError:
            raise kind("not as it should be")  # noqa: B904

    with pytest.raises(kind, match="not as it should be"), dx.raises_throttling():
        look()


def test_calls_of_another_fake_or_before_a_reset_are_not_told_as_none(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    def in_another() -> None:
        with dx.FakeDataExchange() as fake:
            client.get_job(JobId=fake.add_job().id)

    def after_a_reset() -> None:
        dxjobs.reset()
        client.get_job(JobId=dxjobs.add_job().id)

    with pytest.raises(AssertionError) as caught, dx.raises_throttling():
        after_a_reset()
    assert str(caught.value).endswith("and nothing was raised.")
    with pytest.raises(AssertionError, match="no call"), dx.raises_throttling():
        in_another()


def test_what_the_fake_complains_of_passes(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    with pytest.raises(dx.UnexpectedCall), dx.raises_throttling():
        client.list_data_sets()
    with pytest.raises(dx.UsageError), dx.raises_throttling():
        dxjobs.add_job("EXPORT")


def test_without_a_fake_no_calls_are_told() -> None:
    with (
        pytest.raises(AssertionError, match="calls of the block: no call"),
        dx.raises_access_denied(),
    ):
        pass


def test_what_was_raised_is_known_after_the_block() -> None:
    with dx.FakeDataExchange() as fake, dx.raises_validation() as caught:
        for name in ("value", "raised"):
            with pytest.raises(dx.UsageError, match=f"raises_validation: {name} is known only"):
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
def test_a_job_that_is_none_is_refused(job: Any) -> None:
    with pytest.raises(
        dx.UsageError, match="raises_not_found: job: a job or its id is needed, not "
    ):
        dx.raises_not_found(job)


def test_a_cause_that_is_none_is_refused() -> None:
    with pytest.raises(dx.UsageError, match=r"raises_validation: cause: .*mean 'S3AccessDenied'"):
        dx.raises_validation("S3AcessDenied")


# Errors of jobs

ERRORS = [
    dx.make_error("MALWARE_DETECTED", ResourceId="a" * 32, ResourceType="ASSET"),
    dx.make_error(
        "SERVICE_QUOTA_EXCEEDED_EXCEPTION", LimitName="Assets per revision", LimitValue=10.0
    ),
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
def test_a_job_error_that_is_there(code: Any, options: dict[str, Any]) -> None:
    dx.assert_job_error(FAILED, code, **options)


@pytest.mark.parametrize(
    ("response", "code", "options", "told"),
    [
        (FAILED, "VALIDATION_EXCEPTION", {}, "with Code 'VALIDATION_EXCEPTION' .*and there is:"),
        (FAILED, None, {"resource_id": "b" * 32}, "with ResourceId 'bbb.*MALWARE_DETECTED"),
        (
            FAILED,
            "MALWARE_DETECTED",
            {"limit_name": "Assets per revision"},
            "with Code 'MALWARE_DETECTED' and LimitName 'Assets per revision'",
        ),
        (dx.make_job(), "MALWARE_DETECTED", {}, "its State is 'COMPLETED'"),
        (
            {"State": "ERROR"},
            None,
            {},
            "an error of the job was expected, and its Errors are absent",
        ),
        ({"State": "ERROR", "Errors": []}, None, {}, r"its Errors are \[\]"),
        ({"State": "ERROR", "Errors": ["odd"]}, "MALWARE_DETECTED", {}, "there is:\n  'odd'"),
        ({}, None, {}, "its State is None"),
    ],
)
def test_a_job_error_that_is_not_there(
    response: Any, code: Any, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(AssertionError, match=f"(?s){told}"):
        dx.assert_job_error(response, code, **options)


@pytest.mark.parametrize(
    ("response", "code", "options", "told"),
    [
        ("job", None, {}, "what get_job returned is needed, not 'job'"),
        (FAILED, "MALWARE", {}, "assert_job_error: code: 'MALWARE' is not one of"),
        (FAILED, "ThrottlingException", {}, "code: 'ThrottlingException' is not one of ACCESS"),
        (FAILED, None, {"resource_id": 5}, "resource_id: a string is needed, not 5"),
        (FAILED, None, {"limit_name": "Assets"}, "limit_name: 'Assets' is not one of"),
    ],
)
def test_a_job_error_that_cannot_be_is_refused(
    response: Any, code: Any, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(dx.UsageError, match=told):
        dx.assert_job_error(response, code, **options)


# Retries


def test_retries_are_counted(dxjobs: dx.FakeDataExchange, client: Any) -> None:
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
    with pytest.raises(
        AssertionError, match=r"(?s)retried 3 times, expected exactly 2.*ThrottlingE"
    ):
        dxjobs.assert_retried(2)
    with pytest.raises(AssertionError) as caught:
        dxjobs.assert_retried(job=other, at_least=2)
    told = str(caught.value)
    assert told.startswith("botocore retried 1 time, expected at least 2.\ncalls about job")
    assert other.id in told
    assert job.id[-8:] not in told


@pytest.mark.parametrize("code", CHECKS)
def test_a_block_that_ends_and_has_not_begun_is_told(code: str) -> None:
    check = CHECKS[code][0]
    with pytest.raises(dx.UsageError, match=f"{check.__name__}: its block ends, and has not begun"):
        check().__exit__(None, None, None)


def test_of_an_error_that_a_waiter_keeps_the_place_is_told(dxjobs: dx.FakeDataExchange) -> None:
    last: Any = {"Error": {"Code": "ResourceNotFoundException"}}
    for error, told in (
        (WaiterError("JobDone", "not found", last), ", but for what its last_response tells"),
        (WaiterError("JobDone", "Max attempts exceeded", {}), ""),
    ):
        with (
            pytest.raises(AssertionError, match=f"no error of the service in it{told}\\."),
            dx.raises_not_found(ID),
        ):
            raise error


def test_no_retry_is_told(dxjobs: dx.FakeDataExchange) -> None:
    with pytest.raises(AssertionError, match=r"retried 0 times, expected at least 1.\ncalls: no"):
        dxjobs.assert_retried()
    with pytest.raises(dx.UsageError, match="assert_retried: times: "):
        dxjobs.assert_retried(-1)
    with pytest.raises(dx.UsageError, match="assert_retried: either times"):
        dxjobs.assert_retried(1, at_most=2)
    with pytest.raises(dx.UsageError, match="no such job"):
        dxjobs.assert_retried(job=ID)


def test_a_job_error_is_told_by_what_it_is_about() -> None:
    job = dx.make_job("EXPORT_ASSETS_TO_S3", "ERROR")
    job["Errors"] = [
        dx.make_error("VALIDATION_EXCEPTION", ResourceId="b" * 32, ResourceType="ASSET")
    ]
    with pytest.raises(
        AssertionError, match=f"Code 'VALIDATION_EXCEPTION', .*ResourceId '{'b' * 32}'"
    ):
        dx.assert_job_error(job, resource_id="a" * 32)
