"""Scenarios find the bugs of a loop that waits for a job, and pass for a correct one.

``price_feed.hopeful`` is a typical loop, and ``price_feed.exports`` the same loop without its bugs. The
scenarios that fail for the first are listed here to keep this suite green. In your suite they would fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from price_feed import exports, hopeful

if TYPE_CHECKING:
    import pytest_dxjobs as dx

# The loop handles two of four end states, has no deadline, and expects Errors in every failed job.
FOUND = {
    "cancelled",
    "cancelled-while-waiting",
    "errors-absent",
    "errors-empty",
    "never-started",
    "stuck-in-progress",
    "stuck-in-waiting",
    "timed-out",
}


@pytest.mark.dxjobs(max_polls=200)  # for speed: no loop needs more
def test_scenarios_find_the_bugs_of_a_typical_loop(dxjobs_scenario: dx.Scenario) -> None:
    if dxjobs_scenario.name in FOUND:
        with pytest.raises(AssertionError, match=f"Scenario {dxjobs_scenario.name}: .*\nExpected: "):
            dxjobs_scenario.check(hopeful.wait)
    else:
        dxjobs_scenario.check(hopeful.wait)


def test_a_correct_loop_passes(dxjobs_scenario: dx.Scenario) -> None:
    dxjobs_scenario.check(exports.wait)


def test_correct_code_that_creates_its_job_passes(dxjobs_scenario: dx.Scenario) -> None:
    dxjobs_scenario.check_creating(lambda: exports.export("d" * 32, "e" * 32, "f" * 32, "my-bucket"))
