"""What can go wrong between a client and the service, as frozen values: ``fake.inject(faults.throttling())``.

A fault says what the service, or the network, does with a request. What the code under test gets to see of
it is botocore's own doing: its retry handlers, its parser, its exceptions. The wording of the messages, and
the codes of errors that the service model does not know, are guesses; ``message`` sets another.

They stand from what botocore gets over to what it does not, which is the order in which Hypothesis tries them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pytest_dxjobs._service.fault import FailedConnection, Fault, Garbled, Page, ServiceError, sends

Headers = Mapping[str, str]
Cause = Literal["InsufficientS3BucketPolicy", "S3AccessDenied"]


@sends(ServiceError("ThrottlingException", "Rate exceeded"))
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


@sends(ServiceError("InternalServerException", "An internal error occurred."))
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


@sends(ServiceError("ServiceUnavailableException", "Service Unavailable", 503))
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


@sends(Page(502))
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


@sends(FailedConnection("EndpointConnectionError", "[Errno 111] Connection refused"))
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


@sends(FailedConnection("ConnectionClosedError", "Remote end closed connection without response"))
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


@sends(FailedConnection("ConnectTimeoutError", "timed out"))
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


@sends(FailedConnection("ReadTimeoutError", "Read timed out."))
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


@sends(ServiceError("ResourceNotFoundException", "{} was not found."))
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


@sends(ServiceError("AccessDeniedException", "You may not perform this operation."))
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


@sends(ServiceError("ValidationException", "The request is not valid."))
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


@sends(ServiceError("ConflictException", "{} is in a state that does not permit this."))
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


@sends(
    ServiceError(
        "ExpiredTokenException", "The security token included in the request is expired", 403
    )
)
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


@sends(Garbled())
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
