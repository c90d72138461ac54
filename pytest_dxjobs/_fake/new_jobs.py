"""Jobs that a test puts in: by type and members, or as a whole response.

Checked when they come in, at the line that says them, since ``get_job`` is to tell nothing that the service could not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.arguments import read, refuse, text
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import as_text, show
from pytest_dxjobs._core.timeutils import in_milliseconds, now
from pytest_dxjobs._core.values import is_aware
from pytest_dxjobs._jobs.factory import build_job
from pytest_dxjobs._jobs.history import History, Stage
from pytest_dxjobs._jobs.transitions import moved, problems_on_the_way, set_aside
from pytest_dxjobs._model.documented import FAILED
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._wire.metadata import members_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A job that is about to enter the fake: its response now, its history, what it will have later."""

    response: dict[str, Any]
    history: History
    aside: Mapping[str, Any]
    made_here: bool = False  # nothing in it comes from the test, so that there is nothing to check

    def check(self) -> None:
        """Refuse it if the service could not send it in one of its states."""
        if not self.made_here:
            refuse(
                "add_job: the service could not have sent this response "
                "(add_job(..., check=False) takes it as it is):",
                problems_on_the_way(model(), self.response, self.history, self.aside),
            )


def described(
    type_: object, history: History, members: Mapping[str, object], region: str, account_id: str
) -> Newcomer:
    """A job of a type, with some members given."""
    if not isinstance(type_, str):
        raise UsageError(
            f"add_job: a type or a response comes first, and then a history, not {show(type_)}"
        )
    type_, members = text("add_job: type", type_), read("add_job", members)
    for name in members:
        if name.lower() in ("state", "type", "history"):
            raise UsageError(
                f"add_job: {name} is no member to give by name: type and history come first, "
                "without their names, as in add_job(type, dx.stays(state))"
            )
    if history.errors is not None and "Errors" in members:
        raise UsageError("add_job: the errors are given twice, by the history and as Errors")
    installed = model()
    state = history.stages[0].state
    kept, aside = set_aside(installed, members, type_, history)
    response = build_job("add_job", type_, state, kept, region, account_id)
    if state == FAILED and history.errors is not None:
        response = moved(installed, response, state, response["UpdatedAt"], history, aside)
    made_here = not members and not isinstance(history.errors, tuple)
    return Newcomer(response, history, aside, made_here)


def whole_response(
    given: Mapping[str, Any], history: History | None, members: Mapping[str, object]
) -> Newcomer:
    """A job as a response describes it."""
    if members:
        raise UsageError(
            f"add_job: {', '.join(members)}: members go into the response itself, "
            "as in add_job(dx.make_job(type, state, **members))"
        )
    # What botocore adds to a captured response is no part of the job.
    response = members_of(read("add_job", given))
    state = response.get("State")
    if history is None:
        own = state if isinstance(state, str) else ""
        return Newcomer(response, History((Stage(own),), written=f"dx.stays({own!r})"), {})
    installed = model()
    kept, aside = set_aside(installed, response, as_text(response.get("Type")), history)
    first = history.stages[0].state
    if first == state and history.errors is None:
        return Newcomer(kept, history, aside)
    at = in_milliseconds(now())
    created: Any = response.get("CreatedAt")
    if is_aware(created):
        at = max(at, created)
    return Newcomer(moved(installed, kept, first, at, history, aside), history, aside)
