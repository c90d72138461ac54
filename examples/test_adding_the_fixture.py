"""Add ``dxjobs`` to the arguments of a test, and the fake responds to code that polls ``get_job``.

``price_feed.exports`` creates its client at import and contains no code for tests. There are no credentials.
The region comes from one line of pytest's configuration: dxjobs_default_region.
"""

from __future__ import annotations

import pytest
from price_feed import exports

import pytest_dxjobs as dx


def test_a_completed_job_ends_the_wait(dxjobs: dx.FakeDataExchange) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3")

    response = exports.wait(job.id)

    assert response["State"] == "COMPLETED"
    assert job.polls == 1


@pytest.mark.parametrize("state", ["ERROR", "CANCELLED", "TIMED_OUT"])
def test_another_end_state_raises_an_error(dxjobs: dx.FakeDataExchange, state: str) -> None:
    job = dxjobs.add_job(dx.make_job("EXPORT_ASSETS_TO_S3", state))

    with pytest.raises(exports.ExportError, match=f"ended in {state}"):
        exports.wait(job.id)


def test_a_job_that_never_ends_raises_at_the_deadline(dxjobs: dx.FakeDataExchange) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))

    with pytest.raises(exports.ExportError, match="still IN_PROGRESS"):
        exports.wait(job.id, timeout=0)


def test_the_error_names_the_reason_of_a_failure(dxjobs: dx.FakeDataExchange) -> None:
    error = dx.make_error("MALWARE_DETECTED", Message="prices is infected")
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("ERROR"), Errors=[error])

    with pytest.raises(exports.ExportError, match="MALWARE_DETECTED: prices is infected"):
        exports.wait(job.id)


def test_a_failure_without_a_reason_raises_the_same_error(dxjobs: dx.FakeDataExchange) -> None:
    # The service documents Errors for a failed job, so this needs check=False. Without them, programs crash.
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("ERROR"), check=False, Errors=dx.ABSENT)

    with pytest.raises(exports.ExportError, match="no reason given"):
        exports.wait(job.id)


def test_the_fake_works_without_fixtures() -> None:
    with dx.FakeDataExchange() as fake:
        job = fake.add_job("EXPORT_ASSETS_TO_S3")
        assert exports.wait(job.id)["Id"] == job.id
