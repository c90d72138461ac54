"""Draw many examples from a strategy, or find its simplest."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, find, given, settings

GENERATE_ONLY = settings(max_examples=2000, database=None, deadline=None, derandomize=True, phases=[Phase.generate])


def draw_examples(strategy: Any, count: int = 300) -> list[Any]:
    examples: list[Any] = []

    @settings(GENERATE_ONLY, max_examples=count, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(value: Any) -> None:
        examples.append(value)

    collect()
    return examples


def find_simplest(strategy: Any, condition: Any = lambda _: True) -> Any:
    # Without the explain phase, which varies the example and would leave a varied one as the last seen.
    phases = (Phase.generate, Phase.shrink)
    return find(strategy, condition, settings=settings(GENERATE_ONLY, phases=phases))
