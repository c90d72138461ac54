"""The report of a failed test, without a failing test."""

from __future__ import annotations

import pytest_dxjobs as dx
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._plugin.failure_report import build_report


def report_lines(fake: dx.FakeDataExchange, clock: dx.VirtualClock | None, width: int = 80) -> list[str]:
    return build_report(fake, clock, now(), width, everything=False).splitlines()
