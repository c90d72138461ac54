"""Answers that a test has laid down for operations, in the order in which they are to be used.

The service of the fake looks for them here; the words in which a test lays them down are in ``_stubs``.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import describe_error, show
from pytest_dxjobs._jobs.histories import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._jobs.histories import History
    from pytest_dxjobs._service.calls import CallRecord, Respond


@dataclass(slots=True, eq=False)
class StubbedResponse:
    """An answer for calls of one operation.

    Attributes:
        name: What the test wrote, such as ``add_response("list_data_sets")``.
        operation: The operation, by its name in the API.
        expected: The parameters that a call must have; None for any.
        times: How many calls it answers; None for all that come.
        respond: Makes the answer for a call.
        filled_in: The parameters that botocore fills in where a caller does not.
        used: How many calls it has answered.
    """

    name: str
    operation: str
    expected: Mapping[str, Any] | None
    times: int | None
    respond: Respond
    filled_in: frozenset[str] = frozenset()
    used: int = 0

    @property
    def spent(self) -> bool:
        """Whether it has answered all the calls that it was for."""
        return self.times is not None and self.used >= self.times

    @property
    def answers_all(self) -> bool:
        """Whether no call ever gets to an answer behind it."""
        return self.times is None and self.expected is None

    @property
    def pending(self) -> str:
        """What is left of it, for a person to read; empty where nothing is."""
        if self.used and self.times is None:
            return ""
        left = ""
        if self.times is not None and self.times > 1:
            left = f", {self.times - self.used} of {self.times} times"
        expected = "" if self.expected is None else f" for {show(dict(self.expected))}"
        return f"{self.name}{expected}{left}"

    def mismatch(self, params: Mapping[str, Any]) -> str:
        """Why it does not answer a call with these parameters; empty where it does."""
        if self.expected is None:
            return ""
        told = []
        for name in dict.fromkeys((*self.expected, *params)):
            if name not in params:
                told.append(f"{name} is expected and was not given")
            elif name not in self.expected and name in self.filled_in:
                continue
            elif name not in self.expected:
                told.append(f"{name}={show(params[name])} was given and is not expected")
            elif self._differs(name, params[name]):
                told.append(
                    f"{name} is expected to be {show(self.expected[name])}, not {show(params[name])}"
                )
        return "; ".join(told)

    def _differs(self, name: str, given: object) -> bool:
        expected = (self.expected or {})[name]
        try:
            return bool(expected != given)
        except Exception as error:  # of a matcher that the test has written
            raise UsageError(
                f"{self.name}: comparing {name} of expected_params with {show(given)} raised "
                f"{describe_error(error)}"
            ) from error


class StubQueue:
    """The answers of one fake."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all of them."""
        self._entries: dict[str, list[StubbedResponse]] = {}
        self._spent: dict[str, list[StubbedResponse]] = {}

    def add(self, entry: StubbedResponse) -> None:
        """Put an answer behind those that are there."""
        self._entries.setdefault(entry.operation, []).append(entry)

    def take(self, call: CallRecord) -> Respond | None:
        """The first answer that is for this call, which uses it once."""
        entries = self._entries.get(call.operation or "")
        if not entries:
            return None
        params = call.params()
        for entry in tuple(entries):
            if not entry.mismatch(params):
                entry.used += 1
                if entry.spent:
                    entries.remove(entry)
                    self._spent.setdefault(entry.operation, []).append(entry)
                return entry.respond
        return None

    def why_not(self, call: CallRecord) -> list[str]:
        """For each answer to this operation, why it was not for this call."""
        operation, params = call.operation or "", call.params()
        return [
            *(f"{entry.name}: is used up" for entry in self._spent.get(operation, ())),
            *(f"{each.name}: {each.mismatch(params)}" for each in self._entries.get(operation, ())),
        ]

    def pending(self) -> list[str]:
        """The answers that were laid down and not used, and why one could not be."""
        told = []
        for entries in self._entries.values():
            for place, entry in enumerate(entries):
                if pending := entry.pending:
                    covered = any(before.answers_all for before in entries[:place])
                    told.append(f"{pending}{_COVERED if covered else ''}")
        return told


_COVERED: Final = ": one before it answers every call"


Where = Callable[[dict[str, Any]], object]


@dataclass(frozen=True, slots=True)
class PlannedHistory:
    """The history for one job, and which jobs it is meant for."""

    history: History
    type: str | None
    where: Where | None

    def fits(self, type_: str, details: Mapping[str, Any]) -> bool:
        """Whether it is meant for a job of this type with these details of the request.

        Raises:
            UsageError: ``where`` raised something.
        """
        if self.type is not None and type_ != self.type:
            return False
        if self.where is None:
            return True
        try:
            return bool(self.where(copy.deepcopy(dict(details))))
        except Exception as error:
            raise UsageError(
                f"next_job: where raised {describe_error(error)}; it was asked about a job of type "
                f"{type_} with {show(details)}. Narrow it by type=, too, where types differ."
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
    """The histories that wait for jobs, first in first out, and those for all the others.

    Attributes:
        waiting: Those that the test has laid down, which it expects to be used.
        first: Those of the first other jobs.
        default: That of all further ones.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all of them."""
        self.waiting: list[PlannedHistory] = []
        self.first: Iterator[History] = iter(())
        self.default = AT_ONCE

    def take(self, type_: str, details: Mapping[str, Any]) -> History:
        """The history for a job that is being created.

        Without a lock: whether one is meant for the job is for functions of the test to say, which may
        wait for other jobs to be created.
        """
        for script in tuple(self.waiting):
            if script.fits(type_, details) and self._removed(script):
                return script.history
        return next(self.first, self.default)

    def _removed(self, script: PlannedHistory) -> bool:
        """Whether nobody has taken it while it was looked at."""
        try:
            self.waiting.remove(script)
        except ValueError:
            return False
        return True
