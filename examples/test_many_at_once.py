"""Jobs created by ten threads: ``where`` selects the job that fails, in whatever order they are created."""

from __future__ import annotations

from typing import Any

from price_feed import many

import pytest_dxjobs as dx

REVISIONS = [dx.job_id(f"revision {number}") for number in range(30)]


def test_one_export_of_many_fails(dxjobs: dx.FakeDataExchange) -> None:
    infected = REVISIONS[17]

    def is_infected(details: dict[str, Any]) -> bool:
        return bool(details["RevisionDestinations"][0]["RevisionId"] == infected)

    dxjobs.default_history = dx.completes(polls=5)
    dxjobs.next_job(dx.fails("MALWARE_DETECTED", polls=2), where=is_infected)

    states = many.export_all(dx.job_id("prices"), REVISIONS, "my-bucket")

    assert [each for each, state in states.items() if state != "COMPLETED"] == [infected]
    assert len(dxjobs.jobs) == 30
    dxjobs.assert_not_polled_after_end()
    dxjobs.assert_all_started_jobs_polled_to_end()
