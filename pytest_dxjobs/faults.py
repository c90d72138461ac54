"""What can go wrong between a client and the service, as frozen values: ``fake.inject(faults.throttling())``.

A fault says what the service, or the network, does with a request. What the code under test gets to see of
it is botocore's own doing: its retry handlers, its parser, its exceptions. The wording of the messages, and
the codes of errors that the service model does not know, are guesses; ``message`` sets another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from pytest_dxjobs._arguments import count, one_of, read, text
from pytest_dxjobs._errors import UsageError
from pytest_dxjobs._messages import show
from pytest_dxjobs._values import bare, is_text

Headers = Mapping[str, str]
Cause = Literal["InsufficientS3BucketPolicy", "S3AccessDenied"]


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


def throttling(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """Too many requests: ``ThrottlingException``, status 429. botocore tries again.

    Args:
        message: Another text than the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return _fault("throttling", message, request_id, headers)


def not_found(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """What was asked for is not there: ``ResourceNotFoundException``, status 404, with its resource.

    Args:
        message: Another text than the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return _fault("not_found", message, request_id, headers)


def validation(
    cause: Cause | str | None = None,
    *,
    message: str | None = None,
    request_id: str | None = None,
    headers: Headers | None = None,
) -> Fault:
    """The request is not valid: ``ValidationException``, status 400.

    Args:
        cause: Its ``ExceptionCause``: ``"InsufficientS3BucketPolicy"``, ``"S3AccessDenied"``, or one that the
            installed botocore knows; None for none.
        message: Another text than the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: There is no such cause, an argument is ill-typed, or cannot be sent.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return _fault("validation", message, request_id, headers, cause=cause)


def internal_error(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """The service failed: ``InternalServerException``, status 500. botocore tries again.

    Args:
        message: Another text than the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return _fault("internal_error", message, request_id, headers)


def access_denied(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """The caller may not do this: ``AccessDeniedException``, status 403.

    Args:
        message: Another text than the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return _fault("access_denied", message, request_id, headers)


def conflict(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """The resource's state does not permit it: ``ConflictException``, status 409, with its resource.

    Args:
        message: Another text than the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return _fault("conflict", message, request_id, headers)


def service_unavailable(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """The service is down: status 503, which the service model does not know. botocore tries again.

    Args:
        message: Another text than the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.

    See https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
    """
    return _fault("service_unavailable", message, request_id, headers)


def bad_gateway(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """A load balancer answers for the service: status 502, with a page of HTML. botocore tries again.

    Args:
        message: The title of that page, which botocore does not read: it tells the status and its name.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.
    """
    return _fault("bad_gateway", message, request_id, headers)


def expired_token(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """The caller's credentials have expired: ``ExpiredTokenException``, 403, not in the service model.

    Args:
        message: Another text than the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.

    See https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
    """
    return _fault("expired_token", message, request_id, headers)


def connection_refused(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """Nobody listens: ``botocore.exceptions.EndpointConnectionError``. botocore tries again.

    Args:
        message: The text of the error beneath, which botocore keeps as ``kwargs["error"]``.
        request_id: Without a response there is none; taken, so that all faults take the same.
        headers: The same.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.
    """
    return _fault("connection_refused", message, request_id, headers)


def connection_closed(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """The connection ends before the response: ``ConnectionClosedError``, as ``connection_refused``.

    Args:
        message: The text of the error beneath, which botocore keeps as ``kwargs["error"]``.
        request_id: Without a response there is none; taken, so that all faults take the same.
        headers: The same.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.
    """
    return _fault("connection_closed", message, request_id, headers)


def connect_timeout(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """No connection comes about: ``ConnectTimeoutError``, as ``connection_refused``; takes no time.

    Args:
        message: The text of the error beneath, which botocore keeps as ``kwargs["error"]``.
        request_id: Without a response there is none; taken, so that all faults take the same.
        headers: The same.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.
    """
    return _fault("connect_timeout", message, request_id, headers)


def read_timeout(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """No response comes: ``ReadTimeoutError``, as ``connection_refused``; takes no time.

    Args:
        message: The text of the error beneath, which botocore keeps as ``kwargs["error"]``.
        request_id: Without a response there is none; taken, so that all faults take the same.
        headers: The same.

    Raises:
        UsageError: An argument is ill-typed, or cannot be sent.
    """
    return _fault("read_timeout", message, request_id, headers)


def garbled(
    body: bytes = b'{"Arn": "arn:aws:dataexch',
    *,
    status: int = 200,
    message: str | None = None,
    request_id: str | None = None,
    headers: Headers | None = None,
) -> Fault:
    r"""A response with a body that is no JSON, or none for this operation.

    botocore makes of it what it makes of such bytes in production: of JSON that breaks off and a status of
    success, an empty answer; of ``b"[]"`` or ``b"\\xff"``, a bare ``AttributeError`` or
    ``UnicodeDecodeError``.

    Args:
        body: The bytes, as they are sent.
        status: The status that comes with them, 200 to 599.
        message: There is no place for one; taken, so that all faults take the same.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``.
        headers: Headers of the response, beside the usual ones or instead of them.

    Raises:
        UsageError: An argument is ill-typed, out of its range, or cannot be sent.
    """
    return _fault("garbled", message, request_id, headers, body=body, status=status)


def _fault(
    kind: str,
    message: str | None,
    request_id: str | None,
    headers: Headers | None,
    *,
    cause: str | None = None,
    body: bytes | None = None,
    status: int | None = None,
) -> Fault:
    given: Any = () if headers is None else headers
    return Fault(kind, message, request_id, given, cause, body, status)


def _checked(fault: Fault) -> dict[str, Any]:
    """What was given of a fault, as it is kept."""
    kind = one_of("Fault: kind", fault.kind, tuple(name for name in __all__ if name != "Fault"))
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
        from pytest_dxjobs._model import enum_of, model

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


__all__: Final = [
    "Fault",
    "access_denied",
    "bad_gateway",
    "conflict",
    "connect_timeout",
    "connection_closed",
    "connection_refused",
    "expired_token",
    "garbled",
    "internal_error",
    "not_found",
    "read_timeout",
    "service_unavailable",
    "throttling",
    "validation",
]
