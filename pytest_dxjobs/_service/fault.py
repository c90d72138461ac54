"""A fault as a value that can be sent, and what each kind of it sends.

What a kind sends is said where the function that makes it is defined, which is all that there is to a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

from pytest_dxjobs._core.arguments import count, one_of, read, text
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.values import bare, is_text

_Make = TypeVar("_Make", bound=Callable[..., "Fault"])


@dataclass(frozen=True, slots=True)
class ServiceError:
    """An error that the service tells.

    Attributes:
        code: Its code.
        message: The usual message, in which {} is the resource.
        status: The HTTP status; None for that of the service model, which knows the code.
    """

    code: str
    message: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class FailedConnection:
    """What botocore raises, and the text of what it usually finds beneath."""

    exception: str
    beneath: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a load balancer sends."""

    status: int


class Garbled:
    """The bytes of the fault itself."""


Sent = ServiceError | FailedConnection | Page | Garbled
SENT: Final[dict[str, Sent]] = {}  # by the name of the function that makes such a fault


def sends(sent: Sent) -> Callable[[_Make], _Make]:
    """Say what the faults send that a function makes."""

    def note(make: _Make) -> _Make:
        SENT[make.__name__] = sent
        return make

    return note


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a request fails. Made by the functions of ``pytest_dxjobs.faults``.

    Attributes:
        kind: The name of the function, such as ``"throttling"``.
        message: The message of the error; None for the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``; None for one that the fake numbers.
        headers: Headers of the response, by name, beside the usual ones or instead of them.
        cause: The ``ExceptionCause`` of a validation error.
        body: What a garbled response has for a body.
        status: What a garbled response has for a status.
    """

    kind: str
    message: str | None = None
    request_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    cause: str | None = None
    body: bytes | None = None
    status: int | None = None

    def __post_init__(self) -> None:
        # Here and not where each is made, so that one made by hand, or by dataclasses.replace, can be sent, too.
        for name, value in _checked(self).items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        given = {part.name: getattr(self, part.name) for part in fields(self)[1:]}
        given["headers"] = dict(self.headers) or None
        told = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
        return f"faults.{self.kind}({told})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Let Hypothesis print it so, too; of itself it prints the fields of a dataclass."""
        printer.text(repr(self))


def _checked(fault: Fault) -> dict[str, Any]:
    """What was given of a fault, as it is kept."""
    kind = one_of("Fault: kind", fault.kind, tuple(SENT))
    place = f"faults.{kind}"
    given: dict[str, Any] = {"kind": kind}
    if fault.message is not None:
        given["message"] = text(f"{place}: message", fault.message, _unsendable)
    if fault.request_id is not None:
        given["request_id"] = _header(f"{place}: request_id", fault.request_id)
    if not isinstance(fault.headers, (Mapping, tuple)):
        raise UsageError(f"{place}: headers: a dict is needed, not {show(fault.headers)}")
    given["headers"] = tuple(
        sorted(
            (
                _header(f"{place}: headers: the name {show(name)}", name),
                _header(f"{place}: headers[{show(name)}]", value),
            )
            for name, value in read(f"{place}: headers", fault.headers, dict).items()
        )
    )
    if fault.cause is not None:
        from pytest_dxjobs._model.service_model import enum_of, model

        known = model().error_shapes["ValidationException"].members["ExceptionCause"]
        given["cause"] = one_of(f"{place}: cause", fault.cause, enum_of(known))
    if fault.body is not None and not isinstance(fault.body, bytes):
        raise UsageError(f"{place}: body: bytes are needed, not {show(fault.body)}")
    if fault.status is not None:
        given["status"] = count(
            f"{place}: status", fault.status, ", at most 599", least=200, most=599
        )
    return given


def _unsendable(message: str) -> str:
    return "" if is_text(message) else "has a lone surrogate, which no UTF-8 text can hold"


def _header(place: str, given: object) -> str:
    found = bare(given)
    if not isinstance(found, str) or not found.isascii() or not found.isprintable() or not found:
        raise UsageError(f"{place}: printable ASCII text is needed, not {show(given)}")
    return found
