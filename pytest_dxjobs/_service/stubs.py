"""What a test has queued for the service: responses to calls, and histories of the jobs that the code creates."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import describe_error, show
from pytest_dxjobs._jobs.histories import COMPLETES_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._jobs.histories import History
    from pytest_dxjobs._service.calls import CallRecord, Respond


@dataclass(slots=True, eq=False)
class StubbedResponse:
    """A response for calls of one operation.

    Attributes:
        name: What the test wrote, such as ``add_response("list_data_sets")``.
        operation: The operation, by its name in the API.
        expected: The parameters that a call must have; None for any.
        times: For how many calls it is used; None for no limit.
        respond: Makes the response to a call.
        filled_in: The parameters that botocore fills in if the caller does not.
        used: For how many calls it was used.
    """

    name: str
    operation: str
    expected: Mapping[str, Any] | None
    times: int | None
    respond: Respond
    filled_in: frozenset[str] = frozenset()
    used: int = 0

    @property
    def used_up(self) -> bool:
        """Whether it was used for ``times`` calls."""
        return self.times is not None and self.used >= self.times

    @property
    def applies_to_every_call(self) -> bool:
        """Whether it responds to every call of its operation, so that no response queued after it is ever used."""
        return self.times is None and self.expected is None

    @property
    def pending(self) -> str:
        """What is unused, as text; empty if nothing is."""
        if self.used and self.times is None:
            return ""
        expected = "" if self.expected is None else f" for {show(dict(self.expected))}"
        several = self.times is not None and self.times > 1
        used = f" (used {self.used} of {self.times} times)" if several else ""
        return f"{self.name}{expected}{used}"

    def mismatch(self, params: Mapping[str, Any]) -> str:
        """Return why it does not apply to a call with these parameters; empty if it does."""
        if self.expected is None:
            return ""
        problems = []
        for name in dict.fromkeys((*self.expected, *params)):
            if name not in params:
                problems.append(f"{name} is expected and missing")
            elif name not in self.expected and name in self.filled_in:
                continue
            elif name not in self.expected:
                problems.append(f"{name}={show(params[name])} is not expected")
            elif self._differs(name, params[name]):
                problems.append(f"{name} is expected to be {show(self.expected[name])}, not {show(params[name])}")
        return "; ".join(problems)

    def _differs(self, name: str, given: object) -> bool:
        expected = (self.expected or {})[name]
        try:
            return bool(expected != given)
        except Exception as error:  # from a matcher of the test
            raise UsageError(
                f"{self.name}: comparing {name} of expected_params with {show(given)} raised {describe_error(error)}"
            ) from error


class StubQueue:
    """The queued responses of one fake, by operation."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Remove all responses."""
        self._queued: dict[str, list[StubbedResponse]] = {}
        self._used_up: dict[str, list[StubbedResponse]] = {}

    def add(self, stub: StubbedResponse) -> None:
        """Queue a response."""
        self._queued.setdefault(stub.operation, []).append(stub)

    def take(self, call: CallRecord) -> Respond | None:
        """Return what responds to this call and count it as used, or None."""
        stubs = self._queued.get(call.operation or "")
        if not stubs:
            return None
        params = call.params()
        for stub in tuple(stubs):
            if not stub.mismatch(params):
                stub.used += 1
                if stub.used_up:
                    stubs.remove(stub)
                    self._used_up.setdefault(stub.operation, []).append(stub)
                return stub.respond
        return None

    def mismatches(self, call: CallRecord) -> list[str]:
        """Return why each response to this operation does not apply to this call."""
        operation, params = call.operation or "", call.params()
        return [
            *(f"{stub.name}: used up" for stub in self._used_up.get(operation, ())),
            *(f"{stub.name}: {stub.mismatch(params)}" for stub in self._queued.get(operation, ())),
        ]

    def pending(self) -> list[str]:
        """Return the unused responses as text, and whether one could never be used."""
        lines = []
        for stubs in self._queued.values():
            covered = ""
            for stub in stubs:
                if stub.pending:
                    lines.append(f"{stub.pending}{covered}")
                if stub.applies_to_every_call:
                    covered = ": an earlier response applies to every call"
        return lines


Where = Callable[[dict[str, Any]], object]


@dataclass(frozen=True, slots=True, eq=False)  # a comparison in Python would let threads disturb list.remove
class PlannedHistory:
    """The history of one job to be created, and which jobs it is for."""

    history: History
    type: str | None
    where: Where | None

    def matches(self, type_: str, details: Mapping[str, Any]) -> bool:
        """Return whether it is for a job of this type with these details of the request.

        Raises:
            UsageError: ``where`` raised.
        """
        if self.type is not None and type_ != self.type:
            return False
        if self.where is None:
            return True
        try:
            return bool(self.where(copy.deepcopy(dict(details))))
        except Exception as error:
            raise UsageError(
                f"next_job: where raised {describe_error(error)} for a job of type {type_} with "
                f"{show(details)}. If where is for one type only, pass type= as well."
            ) from error

    def __repr__(self) -> str:
        narrowed = "".join(
            f", {name}={part if name == 'where' else repr(part)}"
            for name, part in (("type", self.type), ("where", _name(self.where)))
            if part
        )
        return f"next_job({self.history!r}{narrowed})"


def _name(where: Where | None) -> str:
    if where is None:
        return ""
    return where.__name__ if inspect.isroutine(where) else "..."


class PlannedHistories:
    """The histories of the jobs that the code creates.

    Attributes:
        queued: Those that the test expects to be used.
        first: Those of the first jobs that no queued one is for.
        default: That of all other jobs.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Remove all histories."""
        self.queued: list[PlannedHistory] = []
        self.first: Iterator[History] = iter(())
        self.default: History = COMPLETES_AT_ONCE

    def take(self, type_: str, details: Mapping[str, Any]) -> History:
        """Return the history for a job that is being created.

        Without a lock: ``where`` is a function of the test, which may wait for other jobs to be created.
        """
        for planned in tuple(self.queued):
            if planned.matches(type_, details) and self._claim(planned):
                return planned.history
        return next(self.first, self.default)

    def _claim(self, planned: PlannedHistory) -> bool:
        """Remove it from the queue; return whether no other thread was faster."""
        try:
            self.queued.remove(planned)
        except ValueError:
            return False
        return True
