"""Strategies for faults and for schedules of faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs import faults
from pytest_dxjobs._service.fault import SENT

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

FAULTS: Final = st.one_of(
    st.sampled_from([getattr(faults, kind)() for kind in SENT]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(
        lambda message: faults.throttling(message=message)
    ),
)


@st.composite
def _schedules(draw: DrawFn) -> list[dict[str, Any]]:
    schedule: list[dict[str, Any]] = []
    after = 0
    for _ in range(draw(st.integers(1, 3))):
        after += draw(st.integers(0, 5))
        requests = draw(st.integers(1, 4))
        schedule.append({"fault": draw(FAULTS), "after": after, "requests": requests})
        after += requests
    return schedule


SCHEDULES: Final = _schedules()
