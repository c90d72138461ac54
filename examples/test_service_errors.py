"""Errors from the service and the network, which pass through botocore's own retries."""

from __future__ import annotations

import pytest
from price_feed import exports, lookup

import pytest_dxjobs as dx
from pytest_dxjobs import faults


def test_a_request_throttled_twice_succeeds(dxjobs: dx.FakeDataExchange) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3")
    dxjobs.throttle(requests=2)

    assert exports.wait(job.id)["State"] == "COMPLETED"

    dxjobs.assert_retried(times=2)
    dxjobs.assert_polled(job, times=1)


def test_a_request_always_throttled_fails(dxjobs: dx.FakeDataExchange) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3")
    dxjobs.throttle(requests=dx.ALWAYS)

    with dx.raises_throttling() as caught:
        exports.wait(job.id)

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    dxjobs.assert_polled(job, times=0)


def test_raises_not_found_finds_the_cause_of_another_error(dxjobs: dx.FakeDataExchange) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3")
    dxjobs.inject(faults.not_found(), job=job)

    with dx.raises_not_found(job) as caught:
        exports.wait(job.id)

    assert isinstance(caught.raised, exports.ExportError)
    assert caught.raised.__cause__ is caught.value


@pytest.mark.parametrize("fault", [faults.access_denied(), faults.expired_token(), faults.read_timeout()], ids=repr)
def test_other_errors_end_the_wait(dxjobs: dx.FakeDataExchange, fault: dx.Fault) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3")
    dxjobs.inject(fault, calls=1)

    with pytest.raises(Exception, match=r"AccessDenied|ExpiredToken|Read timeout"):
        exports.wait(job.id)


def test_the_code_of_an_exception_is_not_that_of_a_job_error(
    dxjobs: dx.FakeDataExchange,
) -> None:
    # The test reveals a bug: state_of should return "GONE".
    with dx.raises_not_found(dx.job_id("deleted long ago")):
        lookup.state_of(dx.job_id("deleted long ago"))

    # The code that state_of looks for is one of a job's own errors.
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.fails("RESOURCE_NOT_FOUND_EXCEPTION"))
    assert lookup.state_of(job.id) == "ERROR"
    response = lookup.dataexchange.get_job(JobId=job.id)
    dx.assert_job_error({**response}, "RESOURCE_NOT_FOUND_EXCEPTION")
