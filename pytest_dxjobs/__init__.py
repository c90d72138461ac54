"""A fake of the AWS Data Exchange job API for pytest.

    import pytest_dxjobs as dx

Public names are imported on first use, so that a test run without a fake does not import botocore.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_dxjobs import faults as faults, strategies as strategies
    from pytest_dxjobs._clock.virtual_clock import VirtualClock as VirtualClock
    from pytest_dxjobs._core.constants import (
        ABSENT as ABSENT,
        ALWAYS as ALWAYS,
        JOB_ERROR_CODES as JOB_ERROR_CODES,
        JOB_STATES as JOB_STATES,
        JOB_TYPES as JOB_TYPES,
        PENDING_STATES as PENDING_STATES,
        TERMINAL_STATES as TERMINAL_STATES,
        JobErrorCode as JobErrorCode,
        JobState as JobState,
        JobType as JobType,
    )
    from pytest_dxjobs._core.errors import (
        RunawayPolling as RunawayPolling,
        UnexpectedCall as UnexpectedCall,
        UsageError as UsageError,
    )
    from pytest_dxjobs._core.ids import job_id as job_id
    from pytest_dxjobs._core.timeutils import Sleep as Sleep
    from pytest_dxjobs._fake.assertions import assert_job_error as assert_job_error
    from pytest_dxjobs._fake.fake import FakeDataExchange as FakeDataExchange
    from pytest_dxjobs._fake.job import Job as Job
    from pytest_dxjobs._fake.raises import (
        raises_access_denied as raises_access_denied,
        raises_internal_error as raises_internal_error,
        raises_not_found as raises_not_found,
        raises_throttling as raises_throttling,
        raises_validation as raises_validation,
    )
    from pytest_dxjobs._jobs.coherence import find_problems as find_problems
    from pytest_dxjobs._jobs.factory import make_job as make_job
    from pytest_dxjobs._jobs.histories import (
        History as History,
        completes as completes,
        fails as fails,
        gets_cancelled as gets_cancelled,
        history as history,
        polls as polls,
        stays as stays,
        times_out as times_out,
    )
    from pytest_dxjobs._jobs.job_errors import make_error as make_error
    from pytest_dxjobs._scenarios.scenario import Scenario as Scenario
    from pytest_dxjobs._service.calls import Attempt as Attempt, Call as Call
    from pytest_dxjobs._service.fault import Fault as Fault

# The same names at run time; a test compares the two.
_NAMES_BY_MODULE = {
    "_clock.virtual_clock": "VirtualClock",
    "_core.constants": "ABSENT ALWAYS JOB_ERROR_CODES JOB_STATES JOB_TYPES PENDING_STATES TERMINAL_STATES "
    "JobErrorCode JobState JobType",
    "_core.errors": "RunawayPolling UnexpectedCall UsageError",
    "_core.ids": "job_id",
    "_core.timeutils": "Sleep",
    "_fake.assertions": "assert_job_error",
    "_fake.fake": "FakeDataExchange",
    "_fake.job": "Job",
    "_fake.raises": "raises_access_denied raises_internal_error raises_not_found raises_throttling raises_validation",
    "_jobs.coherence": "find_problems",
    "_jobs.factory": "make_job",
    "_jobs.histories": "History completes fails gets_cancelled history polls stays times_out",
    "_jobs.job_errors": "make_error",
    "_scenarios.scenario": "Scenario",
    "_service.calls": "Attempt Call",
    "_service.fault": "Fault",
}
_MODULES = ("faults", "strategies")
_MODULE_OF = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names.split()}
__all__ = sorted(_MODULE_OF)


# Hidden from type checkers, to which every misspelt name would be Any.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Not cached: an in-process pytester run unloads modules and imports them again, and then this must
        # return the new ones, which the plugin uses.
        return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, *_MODULES]
