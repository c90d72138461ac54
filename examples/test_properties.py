"""Property-based tests: code meets responses that its author did not expect."""

from __future__ import annotations

from typing import Any

import boto3
from hypothesis import find, given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from price_feed.failures import careful_reason, careless_reason

import pytest_dxjobs as dx
from pytest_dxjobs import strategies as dxst


@given(job=dxst.jobs(state="ERROR"))
def test_every_failure_has_a_reason(dxjobs: dx.FakeDataExchange, job: dict[str, Any]) -> None:
    added = dxjobs.add_job(job)
    assert careful_reason(added.id)


def test_a_crash_in_an_error_path_is_found_and_shrunk(dxjobs: dx.FakeDataExchange) -> None:
    def crashes(job: dict[str, Any]) -> bool:
        dxjobs.reset()
        added = dxjobs.add_job(job)
        try:
            careless_reason(added.id)
        except KeyError:
            return True
        return False

    job = find(dxst.jobs(state="ERROR"), crashes)
    assert not {"ResourceId", "ResourceType"} <= job["Errors"][0].keys()


@given(response=dxst.future_responses())
def test_an_unknown_state_does_not_crash_the_code(dxjobs: dx.FakeDataExchange, response: dict[str, Any]) -> None:
    dxjobs.add_job(response, check=False)
    assert careful_reason(response["Id"])


class JobMachine(RuleBasedStateMachine):
    """Add jobs, move the clock and throttle requests in any order, and poll all jobs after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.fake = (
            dx.VirtualClock(),
            dx.FakeDataExchange(strict=False, max_polls_after_end=None),
        )
        self.clock.__enter__()
        self.fake.activate()
        self.client = boto3.client("dataexchange", region_name="us-east-1")
        self.jobs: list[dx.Job] = []

    @rule(history=dxst.histories())
    def add(self, history: dx.History) -> None:
        self.jobs.append(self.fake.add_job("EXPORT_ASSETS_TO_S3", history))

    @rule(seconds=st.integers(0, 100_000))
    def tick(self, seconds: int) -> None:
        self.clock.tick(seconds)

    @precondition(lambda self: self.jobs)  # otherwise faults add up, and botocore retries only two
    @rule()
    def throttle(self) -> None:
        self.fake.throttle()

    @invariant()
    def reports_the_current_state(self) -> None:
        for job in self.jobs:
            before = job.state
            reported = self.client.get_job(JobId=job.id)["State"]
            # botocore's backoff may have moved the clock.
            assert reported in (before, job.state)

    def teardown(self) -> None:
        self.fake.deactivate()
        self.clock.__exit__(None, None, None)


TestJobs = JobMachine.TestCase
TestJobs.settings = settings(max_examples=10, stateful_step_count=10, deadline=None)
