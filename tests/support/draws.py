"""What strategies draw, many times over, and the simplest of it."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, find, given, settings

many = settings(
    max_examples=2000, database=None, deadline=None, derandomize=True, phases=[Phase.generate]
)


def drawn(strategy: Any, count: int = 300) -> list[Any]:
    found: list[Any] = []

    @settings(many, max_examples=count, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def take(value: Any) -> None:
        found.append(value)

    take()
    return found


def simplest(strategy: Any, such: Any = lambda _: True) -> Any:
    # Without the phase that explains, after which it is a varied value that was seen last.
    phases = (Phase.generate, Phase.shrink)
    return find(strategy, such, settings=settings(many, phases=phases))
