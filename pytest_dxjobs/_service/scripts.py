"""What becomes of the jobs that the code under test creates, laid down before their ids are known."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import in_words, show
from pytest_dxjobs._jobs.histories import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._jobs.history import History

Where = Callable[[dict[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Script:
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
                f"next_job: where raised {in_words(error)}; it was asked about a job of type "
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


class Scripts:
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
        self.waiting: list[Script] = []
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

    def _removed(self, script: Script) -> bool:
        """Whether nobody has taken it while it was looked at."""
        try:
            self.waiting.remove(script)
        except ValueError:
            return False
        return True
