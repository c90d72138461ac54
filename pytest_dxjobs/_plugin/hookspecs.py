"""The hooks that a project may implement in its ``conftest.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from pytest_dxjobs._scenarios.scenario import Scenario


def pytest_dxjobs_scenarios(config: pytest.Config) -> Iterable[Scenario]:  # type: ignore[empty-body]
    """Return ``dx.Scenario`` objects of the project, for the tests that use ``dxjobs_scenario``."""
