"""Code that creates its job: the test sets the history of the next job, whose id is not known yet."""

from __future__ import annotations

import pytest
from price_feed import exports, imports

import pytest_dxjobs as dx

DATA_SET, REVISION, ASSET = map(dx.job_id, ("prices", "2024-01", "prices.csv"))


def test_an_export_is_created_started_and_polled_to_its_end(dxjobs: dx.FakeDataExchange) -> None:
    job_id = exports.export(DATA_SET, REVISION, ASSET, "my-bucket")

    (job,) = dxjobs.jobs
    assert (job.id, job.state, job.started) == (job_id, "COMPLETED", True)
    assert [call.operation for call in job.calls] == ["create_job", "start_job", "get_job"]
    dxjobs.assert_all_started_jobs_polled_to_end()


def test_a_failed_export_raises_its_reason(dxjobs: dx.FakeDataExchange) -> None:
    dxjobs.next_job(dx.fails("MALWARE_DETECTED"))

    with pytest.raises(exports.ExportError, match="MALWARE_DETECTED"):
        exports.export(DATA_SET, REVISION, ASSET, "my-bucket")


@pytest.mark.parametrize(
    "history",
    [dx.times_out(), dx.gets_cancelled(polls=1), dx.fails(errors=[]), dx.fails(errors=dx.ABSENT)],
    ids=repr,
)
def test_another_end_of_an_export_raises_an_error(dxjobs: dx.FakeDataExchange, history: dx.History) -> None:
    dxjobs.next_job(history)

    with pytest.raises(exports.ExportError):
        exports.export(DATA_SET, REVISION, ASSET, "my-bucket")


def test_an_invalid_request_raises_a_validation_exception(dxjobs: dx.FakeDataExchange) -> None:
    with pytest.raises(
        exports.dataexchange.exceptions.ValidationException,
        match=r"Details\.ExportAssetsToS3\.DataSetId: 'prices' does not match",
    ):
        exports.export("prices", REVISION, ASSET, "my-bucket")
    assert dxjobs.jobs == []


def test_an_import_is_published(dxjobs: dx.FakeDataExchange) -> None:
    # Default responses for operations that are not about jobs, from the service model and the request.
    dxjobs.add_response("create_revision")
    dxjobs.add_response("update_revision")
    dxjobs.default_history = dx.completes(polls=3)

    revision_id = imports.publish(DATA_SET, "my-bucket", ["a.csv", "b.csv"])

    (job,) = dxjobs.jobs
    dxjobs.assert_polled(job, times=3)
    assert dxjobs.calls[-1].operation == "update_revision"
    assert dxjobs.calls[-1].params == {
        "DataSetId": DATA_SET,
        "RevisionId": revision_id,
        "Finalized": True,
    }


def test_a_revision_is_not_finalized_if_its_import_fails(dxjobs: dx.FakeDataExchange) -> None:
    dxjobs.add_response("create_revision")
    dxjobs.next_job(dx.fails("ACCESS_DENIED_EXCEPTION"))

    with pytest.raises(imports.ImportFailed, match="ended in ERROR"):
        imports.publish(DATA_SET, "my-bucket", ["a.csv"])
