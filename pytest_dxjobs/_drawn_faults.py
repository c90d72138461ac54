"""Random faults, and when they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs import faults

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

# From what botocore gets over to what it does not.
FAULTS: Final = st.one_of(
    st.sampled_from(
        [
            faults.throttling(),
            faults.internal_error(),
            faults.service_unavailable(),
            faults.bad_gateway(),
            faults.connection_refused(),
            faults.connection_closed(),
            faults.connect_timeout(),
            faults.read_timeout(),
            faults.not_found(),
            faults.access_denied(),
            faults.validation(),
            faults.conflict(),
            faults.expired_token(),
            faults.garbled(),
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(
        lambda message: faults.throttling(message=message)
    ),
)


@st.composite
def _schedules(draw: DrawFn) -> list[dict[str, Any]]:
    schedule: list[dict[str, Any]] = []
    passed = 0
    for _ in range(draw(st.integers(1, 3))):
        passed += draw(st.integers(0, 5))
        requests = draw(st.integers(1, 4))
        schedule.append({"fault": draw(FAULTS), "after": passed, "requests": requests})
        passed += requests
    return schedule


SCHEDULES: Final = _schedules()
