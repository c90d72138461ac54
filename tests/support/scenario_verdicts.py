"""Reports of scenarios about consumers, and jobs for consumers that create theirs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import consumers
import pytest

import pytest_dxjobs as dx
from pytest_dxjobs._scenarios.catalogue import catalogue


def report(consumer: Callable[..., Any], scenario: dx.Scenario, *, max_polls: int = 100, **options: Any) -> str:
    """Return the report of the scenario about the code; empty if the check passes or skips."""
    with dx.VirtualClock() as clock, dx.FakeDataExchange(max_polls=max_polls) as fake:
        running = scenario._bind(fake, clock)
        creating = not inspect.signature(consumer).parameters
        try:
            (running.check_creating if creating else running.check)(consumer, **options)
        except pytest.skip.Exception:
            fake._take_failures()
            fake.reset()
            return ""
        except AssertionError as failure:
            fake.reset()
            return str(failure)
        return ""


def scenario(name: str) -> dx.Scenario:
    return next(each for each in catalogue() if each.name == name)


def create_and_start(count: int) -> list[str]:
    ids = [consumers.create() for _ in range(count)]
    for job_id in ids:
        consumers.client.start_job(JobId=job_id)
    return ids
