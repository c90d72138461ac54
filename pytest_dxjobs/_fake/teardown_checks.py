"""The check at the end of a test: swallowed failures, and unused responses, faults and histories.

Without it, code that swallows every exception would pass, and so would a test whose fault never happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.errors import RunawayPolling, UnexpectedCall
from pytest_dxjobs._core.messages import listing
from pytest_dxjobs._core.tracebacks import describe_origin, is_expected

if TYPE_CHECKING:
    from pytest_dxjobs._service.backend import Backend

_STRICT_HINT: Final = (
    "strict=False permits unused responses, faults and histories, and unexpected calls: "
    "@pytest.mark.dxjobs(strict=False) or FakeDataExchange(strict=False)."
)


def find_failure(backend: Backend, *, strict: bool, unused: bool = True) -> Exception | None:
    """Return the failure to raise, with everything in one message; None if there is nothing to report."""
    failures = [each for each in backend.take_failures() if strict or not isinstance(each, UnexpectedCall)]
    # If the test expects a failure of one worker of a pool, it expects the same of the others.
    expected = {_identity(each) for each in failures if is_expected(each)}
    unexpected = {_identity(each): each for each in failures if _identity(each) not in expected}
    report = [f"{each}\n{describe_origin(each)}" for each in unexpected.values()]
    kinds = {type(each) for each in unexpected.values()}
    left_over = _unused(backend) if strict and unused else []
    if left_over:
        report += left_over
        kinds.add(AssertionError)
    if not report:
        return None
    if left_over or UnexpectedCall in kinds:
        report.append(_STRICT_HINT)
    kind = kinds.pop() if len(kinds) == 1 else AssertionError
    return kind("\n\n".join(report))


def _unused(backend: Backend) -> list[str]:
    pending = {
        "unused faults:": backend.pending_faults(),
        "unused responses:": backend.pending_responses(),
        "unused histories:": backend.pending_histories(),
    }
    return [listing(headline, lines) for headline, lines in pending.items() if lines]


def _identity(failure: Exception) -> str:
    return type(failure).__name__ if isinstance(failure, RunawayPolling) else str(failure)
