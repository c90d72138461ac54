"""What a test has not heard of at its end: swallowed failures, and what was laid down and not used.

Code that swallows every exception would pass without it, and so would a test whose fault or answer was for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.errors import RunawayPolling, UnexpectedCall
from pytest_dxjobs._core.messages import listing
from pytest_dxjobs._core.tracebacks import describe_origin, is_expected

if TYPE_CHECKING:
    from pytest_dxjobs._service.backend import Backend

_PERMITTING: Final = (
    "@pytest.mark.dxjobs(strict=False), or FakeDataExchange(strict=False), permits what is not used, "
    "and calls that nothing answers."
)


def find_failure(backend: Backend, *, strict: bool, unused: bool = True) -> Exception | None:
    """The failure to raise, everything in one message; None where there is nothing to tell.

    Args:
        backend: The service of the fake, which forgets the failures.
        strict: Whether calls that nothing answered, and what was not used, are told as well.
        unused: Whether what was not used is told.
    """
    remembered = [
        each for each in backend.take_failures() if strict or not isinstance(each, UnexpectedCall)
    ]
    # A loop that was ended in one worker of a pool was ended in all of them: one is enough to hear of.
    heard = {_subject(each) for each in remembered if is_expected(each)}
    failures = {_subject(each): each for each in remembered if _subject(each) not in heard}
    told = [f"{each}\n{describe_origin(each)}" for each in failures.values()]
    kinds = {type(each) for each in failures.values()}
    left_over = _unused(backend) if strict and unused else []
    if left_over:
        told += left_over
        kinds.add(AssertionError)
    if not told:
        return None
    if left_over or UnexpectedCall in kinds:
        told.append(_PERMITTING)
    kind = kinds.pop() if len(kinds) == 1 else AssertionError
    return kind("\n\n".join(told))


def _unused(backend: Backend) -> list[str]:
    left = (
        ("faults that no request has met", backend.pending_faults()),
        ("responses that no call has used", backend.pending_responses()),
        ("histories that no job was created for", backend.pending_histories()),
    )
    return [listing(f"{headline}:", lines) for headline, lines in left if lines]


def _subject(failure: Exception) -> str:
    return type(failure).__name__ if isinstance(failure, RunawayPolling) else str(failure)
