"""Draw histories that are written as a test would write them."""

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

# The simplest first.
ENDS: Final = ("COMPLETED", *(state for state in TERMINAL_STATES if state != "COMPLETED"))
_FUNCTIONS: Final[dict[str, Callable[..., History]]] = {
    "COMPLETED": histories.completes,
    "TIMED_OUT": histories.times_out,
    "CANCELLED": histories.gets_cancelled,
}
_DURATIONS: Final[st.SearchStrategy[dict[str, Any]]] = st.one_of(
    st.just({}),
    st.integers(1, 10).map(lambda polls: {"polls": polls}),
    st.integers(1, 86_400).map(lambda seconds: {"after": seconds}),
)
_WAITING_SECONDS: Final = st.integers(1, 3600)


def draw_history(draw: DrawFn, installed: Model, outcome: str) -> History:
    """Draw a history that ends or stays in this state."""
    if outcome not in ENDS:
        return histories.stays(outcome)
    duration = draw(_DURATIONS)
    if outcome == "ERROR":
        return histories.fails(draw(st.sampled_from(installed.error_codes)), **duration)
    if outcome != "CANCELLED" and "after" in duration and draw(st.booleans()):
        waiting = ("WAITING", draw(_WAITING_SECONDS))
        return histories.history(waiting, ("IN_PROGRESS", duration["after"]), outcome)
    return _FUNCTIONS[outcome](**duration)
