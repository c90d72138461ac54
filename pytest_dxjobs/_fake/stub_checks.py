"""Whether an answer that a test lays down is one that the service could send, to a call that it could get."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._model.documented import ID_PATTERN
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._wire.metadata import members_of

if TYPE_CHECKING:
    from pytest_dxjobs._model.service_model import Model


def problems_of(installed: Model, operation: str, expected: object) -> list[str]:
    """Why the service takes no call with what is expected; none where it may."""
    from botocore.stub import ANY

    if expected is None:
        return []
    if not isinstance(expected, Mapping):
        return [f"a dict is needed, or None for any, not {show(expected)}"]
    shape = installed.operation(operation).input_shape
    return list(violations(shape, _without_matchers(expected, ANY), "", absent=ANY))


def unasked(call: str, problems: list[str]) -> dict[str, list[str]]:
    """Under its headline, why the service takes no call with what is expected."""
    headline = f"{call}: expected_params are none that the service takes{_hint(problems)}:"
    return {headline: problems}


def unsendable(call: str, installed: Model, operation: str, value: object) -> dict[str, list[str]]:
    """Under its headline, why the service could not have sent this."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{call}: the computed response is a dict or None, not {show(value)}")
    shape, members = installed.operation(operation).output_shape, members_of(value)
    if shape is None or not shape.members:
        answers = f"{call}: the service answers this operation with nothing:"
        return {answers: [f"{name}: was given" for name in members]}
    problems = list(violations(shape, members, ""))
    return {f"{call}: the service could not have sent this{_hint(problems)}:": problems}


def _hint(problems: list[str]) -> str:
    about_ids = any(line.endswith(f"does not match {ID_PATTERN}") for line in problems)
    return " (dx.job_id('label') makes a valid id)" if about_ids else ""


def _without_matchers(value: object, any_: object) -> object:
    """The value, with botocore's ANY for each object that only compares itself, such as ``mock.ANY``."""
    if isinstance(value, dict):
        return {name: _without_matchers(part, any_) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_matchers(element, any_) for element in value]
    return value if isinstance(value, _PLAIN) else any_


_PLAIN: Final = (str, bytes, int, float, datetime.datetime, type(None))
