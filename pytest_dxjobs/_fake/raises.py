"""``raises_*``: checks that a block of code raises an error of the service, even where the code wraps it.

``pytest.raises(client.exceptions.ThrottlingException)`` needs the client, and misses an error that the code
under test has wrapped in its own exception. The errors are those of
https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._botocore.intercept import active_fake
from pytest_dxjobs._core.arguments import one_of
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import listing, show
from pytest_dxjobs._core.tracebacks import exception_chain
from pytest_dxjobs._fake.job import Job, id_of
from pytest_dxjobs._model.service_model import enum_of, model
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._service.timeline import draw_timeline
from pytest_dxjobs._wire.serialize import error_status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from botocore.exceptions import ClientError

    from pytest_dxjobs._service.calls import CallRecord


def raises_throttling() -> Raises:
    """Check that a block raises ``ThrottlingException``, status 429, directly or as the cause of another error.

    Returns:
        A context manager. After the block, ``value`` is the ``ClientError`` and ``raised`` the exception
        that left the block.

    Raises:
        AssertionError: When the block ends, if it did not; shows what was raised instead, and the calls.
    """
    return Raises("raises_throttling", "ThrottlingException", {})


def raises_not_found(job: Job | str | None = None) -> Raises:
    """Check that a block raises ``ResourceNotFoundException``, status 404, directly or as the cause of another error.

    Args:
        job: The job that was not found, or its id. None is any resource.

    Returns:
        A context manager, as for ``raises_throttling``.

    Raises:
        AssertionError: When the block ends, if it did not; shows what was raised instead, and the calls.
        UsageError: This is neither a job nor an id.
    """
    if job is None:
        return Raises("raises_not_found", "ResourceNotFoundException", {})
    members = {"ResourceId": id_of("raises_not_found: job", job), "ResourceType": "JOB"}
    return Raises("raises_not_found", "ResourceNotFoundException", members)


def raises_validation(cause: str | None = None) -> Raises:
    """Check that a block raises ``ValidationException``, status 400, directly or as the cause of another error.

    Args:
        cause: The ``ExceptionCause``: ``"InsufficientS3BucketPolicy"``, ``"S3AccessDenied"``, or another one
            that the installed botocore knows. None is any, or no cause.

    Returns:
        A context manager, as for ``raises_throttling``.

    Raises:
        AssertionError: When the block ends, if it did not; shows what was raised instead, and the calls.
        UsageError: There is no such cause.
    """
    if cause is None:
        return Raises("raises_validation", "ValidationException", {})
    known = model().error_shapes["ValidationException"].members["ExceptionCause"]
    cause = one_of("raises_validation: cause", cause, enum_of(known))
    return Raises("raises_validation", "ValidationException", {"ExceptionCause": cause})


def raises_internal_error() -> Raises:
    """Check that a block raises ``InternalServerException``, status 500, directly or as the cause of another error.

    It returns and raises the same as ``raises_throttling``.
    """
    return Raises("raises_internal_error", "InternalServerException", {})


def raises_access_denied() -> Raises:
    """Check that a block raises ``AccessDeniedException``, status 403, directly or as the cause of another error.

    It returns and raises the same as ``raises_throttling``.
    """
    return Raises("raises_access_denied", "AccessDeniedException", {})


class Raises:
    """A context manager for a block that must raise an error of the service.

    Args:
        name: The function that the test called.
        code: The code of the expected error.
        members: Members that the error must have, besides its code and status.
    """

    def __init__(self, name: str, code: str, members: Mapping[str, str]) -> None:
        self._name, self._code, self._members = name, code, members
        self._value: ClientError | None = None
        self._raised: BaseException | None = None
        self._records: list[CallRecord] | None = None

    @property
    def value(self) -> ClientError:
        """The error of the service.

        Raises:
            UsageError: The block has not ended.
        """
        if self._value is None:
            raise self._too_early("value")
        return self._value

    @property
    def raised(self) -> BaseException:
        """The exception that left the block: the error of the service, or one that wraps it.

        Raises:
            UsageError: The block has not ended.
        """
        if self._raised is None:
            raise self._too_early("raised")
        return self._raised

    def __enter__(self) -> Raises:
        self._value = self._raised = None
        self._records = _call_records()
        self._calls_before = len(self._records)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        __tracebackhide__ = True
        if self._records is None:
            raise UsageError(f"{self._name}: the block was not entered; use it in a with statement")
        if error is None:
            raise AssertionError(self._message("nothing was raised"))
        if not isinstance(error, (Exception, SystemExit)) or isinstance(error, _PASSED_ON):
            return False
        mismatches = []
        for service_error in _service_errors(error):
            mismatch = self._mismatch(service_error)
            if not mismatch:
                self._value, self._raised = service_error, error
                return True
            mismatches.append(f"{_code_of(service_error)}: {mismatch}")
        name = type(error).__name__
        details = f"{name}: {show(str(error))}."
        if mismatches:
            details = listing(f"{details} The errors of the service in it do not match:", mismatches)
        elif "Error" in (getattr(error, "last_response", None) or ()):  # as in botocore's waiters
            details = f"{details} The only error of the service in it is its last_response, which is not checked."
        else:
            details = f"{details} There is no error of the service in it."
        raise AssertionError(self._message(f"{name} was raised", details)) from error

    def _mismatch(self, error: ClientError) -> str:
        """Return why this is not the expected error; empty if it is."""
        response: dict[str, Any] = dict(error.response)
        if _code_of(error) != self._code:
            return f"the code is not {self._code}"
        installed = model()
        shape, expected = installed.error_shapes[self._code], error_status(installed, self._code)
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        problems = [] if status == expected else [f"the status is {show(status)}, not {expected}"]
        for name, member in shape.members.items():
            if name in response:
                problems += violations(member, response[name], name)
        problems += [
            f"{name} is {show(response.get(name))}, not {show(value)}"
            for name, value in self._members.items()
            if response.get(name) != value
        ]
        return "; ".join(problems)

    def _message(self, finding: str, *details: str) -> str:
        members = (f"{name} {value}" for name, value in self._members.items())
        expected = ", ".join([self._code, *members])
        lines = [f"{self._name}: {finding}, expected {expected}.", *details]
        # Otherwise another fake is active now, or the fake was reset.
        if self._records is not None and self._records is _call_records():
            lines.append(draw_timeline("calls of the block", self._records[self._calls_before :]))
        return "\n".join(lines)

    def _too_early(self, name: str) -> UsageError:
        return UsageError(f"{self._name}: {name} is available only after the block")


# Raised by the test or by this package, not by the code under test.
_PASSED_ON: Final = (AssertionError, UsageError)

_NO_RECORDS: Final[list[CallRecord]] = []


def _call_records() -> list[CallRecord]:
    """Return the log of the active fake: another list after a reset."""
    fake = active_fake()
    return _NO_RECORDS if fake is None else fake.calls.records


def _code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _service_errors(raised: BaseException) -> Iterator[ClientError]:
    """Yield the errors of the service among an exception, its causes and the members of its groups."""
    from botocore.exceptions import ClientError

    for error in exception_chain(raised, suppressed=True):
        if isinstance(error, ClientError):
            yield error
