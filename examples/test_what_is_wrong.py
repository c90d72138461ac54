"""One test that finds what is wrong with a loop that waits for a job, and clears one that is sound.

``price_feed.hopeful`` is a typical loop, ``price_feed.exports`` the same one repaired. What the scenarios find in
the first is listed here, so that this suite is green; in a suite of yours they would simply fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from price_feed import exports, hopeful

if TYPE_CHECKING:
    import pytest_dxjobs as dx

# It knows two states of four, has no deadline, and believes that a job which failed says why.
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


@pytest.mark.dxjobs(max_polls=200)  # for speed: the loops are short
def test_what_is_wrong_with_a_typical_loop(dxjobs_scenario: dx.Scenario) -> None:
    if dxjobs_scenario.name in FOUND:
        with pytest.raises(
            AssertionError, match=f"Scenario {dxjobs_scenario.name}: .*\nExpected: "
        ):
            dxjobs_scenario.check(hopeful.wait)
    else:
        dxjobs_scenario.check(hopeful.wait)


def test_the_repaired_loop(dxjobs_scenario: dx.Scenario) -> None:
    dxjobs_scenario.check(exports.wait)


def test_the_repaired_loop_from_the_creation_of_its_job(dxjobs_scenario: dx.Scenario) -> None:
    dxjobs_scenario.check_creating(
        lambda: exports.export("d" * 32, "e" * 32, "f" * 32, "my-bucket")
    )
