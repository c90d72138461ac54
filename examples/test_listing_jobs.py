"""``list_jobs``: newest first, in pages, filtered by data set, with botocore's paginator."""

from __future__ import annotations

from price_feed import report

import pytest_dxjobs as dx

PRICES, WEATHER = dx.job_id("prices"), dx.job_id("weather")


def add_export(fake: dx.FakeDataExchange, history: dx.History, data_set_id: str) -> None:
    fake.add_job("EXPORT_ASSETS_TO_S3", history, Details={"ExportAssetsToS3": {"DataSetId": data_set_id}})


def test_the_report_reads_every_page(dxjobs: dx.FakeDataExchange) -> None:
    for _ in range(60):
        add_export(dxjobs, dx.completes(), PRICES)
    add_export(dxjobs, dx.times_out(), PRICES)
    add_export(dxjobs, dx.fails(), WEATHER)

    assert report.ends(PRICES) == {"COMPLETED": 60, "TIMED_OUT": 1}
    assert [call.operation for call in dxjobs.calls] == ["list_jobs"] * 3
