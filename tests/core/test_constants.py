"""Job types, states and error codes agree with the service model; the two markers."""

from __future__ import annotations

import copy
import pickle
from typing import get_args

import botocore.session
import pytest

import pytest_dxjobs as dx


def enum_of(shape: str) -> set[str]:
    model = botocore.session.Session().get_service_model("dataexchange")
    return set(model.shape_for(shape).enum)  # type: ignore[attr-defined]


def test_types_states_and_codes_equal_the_service_model() -> None:
    assert set(dx.JOB_TYPES) == set(get_args(dx.JobType)) == enum_of("Type")
    assert set(dx.JOB_STATES) == enum_of("State")
    assert set(dx.JOB_ERROR_CODES) == enum_of("Code")


def test_every_state_is_either_pending_or_terminal() -> None:
    assert (*dx.PENDING_STATES, *dx.TERMINAL_STATES) == dx.JOB_STATES
    assert dx.PENDING_STATES == ("WAITING", "IN_PROGRESS")


@pytest.mark.parametrize("name", ["ALWAYS", "ABSENT"])
def test_marker_survives_copies_and_has_a_readable_repr(name: str) -> None:
    marker = getattr(dx, name)
    assert copy.deepcopy(marker) is marker
    assert pickle.loads(pickle.dumps(marker)) is marker
    assert repr(marker) == f"dx.{name}"
