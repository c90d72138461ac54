"""Random histories, written as a test would write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs._core.constants import TERMINAL_STATES
from pytest_dxjobs._jobs import histories

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DrawFn

    from pytest_dxjobs._jobs.histories import History
    from pytest_dxjobs._model.service_model import Model

# From the best to the worst.
ENDS: Final = ("COMPLETED", *(state for state in TERMINAL_STATES if state != "COMPLETED"))
_ENDINGS: Final[dict[str, Callable[..., History]]] = {
    "COMPLETED": histories.completes,
    "TIMED_OUT": histories.times_out,
    "CANCELLED": histories.gets_cancelled,
}
_AT_ONCE: Final[dict[str, Any]] = {}
_times: Final = st.one_of(
    st.just(_AT_ONCE),
    st.integers(1, 10).map(lambda polls: {"polls": polls}),
    st.integers(1, 86_400).map(lambda seconds: {"after": seconds}),
)
_delays: Final = st.integers(1, 3600)


def draw_history(draw: DrawFn, installed: Model, outcome: str) -> History:
    """A history that ends in a state."""
    if outcome not in ENDS:
        return histories.stays(outcome)
    time = draw(_times)
    if outcome == "ERROR":
        return histories.fails(draw(st.sampled_from(installed.error_codes)), **time)
    if outcome != "CANCELLED" and "after" in time and draw(st.booleans()):
        waiting, running = ("WAITING", draw(_delays)), ("IN_PROGRESS", time["after"])
        return histories.history(waiting, running, outcome)
    return _ENDINGS[outcome](**time)
