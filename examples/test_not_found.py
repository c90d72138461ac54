"""Unknown jobs: the client raises the same exception as in production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from price_feed import exports, imports

import pytest_dxjobs as dx

if TYPE_CHECKING:
    from mypy_boto3_dataexchange import DataExchangeClient


@pytest.mark.usefixtures("dxjobs")
def test_the_code_raises_its_own_error_for_an_unknown_job() -> None:
    with pytest.raises(exports.ExportError, match="does not exist") as caught:
        exports.wait(dx.job_id("deleted long ago"))

    not_found = caught.value.__cause__
    assert isinstance(not_found, exports.dataexchange.exceptions.ResourceNotFoundException)


def test_the_error_has_its_modelled_members(dxjobs_client: DataExchangeClient) -> None:
    missing = dx.job_id("missing")

    with pytest.raises(dxjobs_client.exceptions.ResourceNotFoundException) as caught:
        dxjobs_client.get_job(JobId=missing)

    response: dict[str, Any] = {**caught.value.response}
    assert response["Error"]["Code"] == "ResourceNotFoundException"
    assert (response["ResourceId"], response["ResourceType"]) == (missing, "JOB")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_malformed_id_raises_a_validation_exception(dxjobs_client: DataExchangeClient) -> None:
    with pytest.raises(dxjobs_client.exceptions.ValidationException):
        dxjobs_client.get_job(JobId="nightly")


@pytest.mark.usefixtures("dxjobs")
def test_an_unexpected_call_never_reaches_the_network() -> None:
    with pytest.raises(dx.UnexpectedCall, match="create_revision of dataexchange was called"):
        imports.publish(dx.job_id("prices"), "my-bucket", ["a.csv"])
