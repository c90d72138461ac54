"""Checks that a block of code raised an error of the service, also where the code has wrapped it.

``pytest.raises(client.exceptions.ThrottlingException)`` needs the client, and does not see an error that
the code under test has made its own of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._botocore.intercept import active_fake
from pytest_dxjobs._core.arguments import one_of
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import listing, safe_str, show
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
    """Check that a block raises ``ThrottlingException``, status 429, or an error that it caused.

    Returns:
        A context manager; after the block its ``value`` is the ``ClientError``, its ``raised`` what came out.

    Raises:
        AssertionError: On leaving the block, where it did not; tells what was raised instead, and the calls.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return Raises("raises_throttling", "ThrottlingException", {})


def raises_not_found(job: Job | str | None = None) -> Raises:
    """Check that a block raises ``ResourceNotFoundException``, status 404, or an error that it caused.

    Args:
        job: The job that was not found, or its id; None is any resource.

    Returns:
        A context manager, as ``raises_throttling``.

    Raises:
        AssertionError: On leaving the block, where it did not; tells what was raised instead, and the calls.
        UsageError: This is neither a job nor an id.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    if job is None:
        return Raises("raises_not_found", "ResourceNotFoundException", {})
    members = {"ResourceId": id_of("raises_not_found: job", job), "ResourceType": "JOB"}
    return Raises("raises_not_found", "ResourceNotFoundException", members)


def raises_validation(cause: str | None = None) -> Raises:
    """Check that a block raises ``ValidationException``, status 400, or an error that it caused.

    Args:
        cause: Its ``ExceptionCause``: ``"InsufficientS3BucketPolicy"``, ``"S3AccessDenied"``, or one that the
            installed botocore knows; None is any, or none.

    Returns:
        A context manager, as ``raises_throttling``.

    Raises:
        AssertionError: On leaving the block, where it did not; tells what was raised instead, and the calls.
        UsageError: There is no such cause.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    if cause is None:
        return Raises("raises_validation", "ValidationException", {})
    known = model().error_shapes["ValidationException"].members["ExceptionCause"]
    cause = one_of("raises_validation: cause", cause, enum_of(known))
    return Raises("raises_validation", "ValidationException", {"ExceptionCause": cause})


def raises_internal_error() -> Raises:
    """Check that a block raises ``InternalServerException``, status 500, or an error that it caused.

    Returns:
        A context manager, as ``raises_throttling``.

    Raises:
        AssertionError: On leaving the block, where it did not; tells what was raised instead, and the calls.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return Raises("raises_internal_error", "InternalServerException", {})


def raises_access_denied() -> Raises:
    """Check that a block raises ``AccessDeniedException``, status 403, or an error that it caused.

    Returns:
        A context manager, as ``raises_throttling``.

    Raises:
        AssertionError: On leaving the block, where it did not; tells what was raised instead, and the calls.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return Raises("raises_access_denied", "AccessDeniedException", {})


class Raises:
    """A block that is to raise an error of the service; after it, what it raised.

    Args:
        name: The function that the test called.
        code: The code of the error.
        members: Members that the error must have, beside its code and status.
    """

    def __init__(self, name: str, code: str, members: Mapping[str, str]) -> None:
        self._name, self._code, self._members = name, code, members
        self._value: ClientError | None = None
        self._raised: BaseException | None = None
        self._log: list[CallRecord] | None = None

    @property
    def value(self) -> ClientError:
        """The service's error.

        Raises:
            UsageError: The block has not ended.
        """
        if self._value is None:
            raise self._too_early("value")
        return self._value

    @property
    def raised(self) -> BaseException:
        """What came out of the block: the service's error, or one that the code made of it.

        Raises:
            UsageError: The block has not ended.
        """
        if self._raised is None:
            raise self._too_early("raised")
        return self._raised

    def __enter__(self) -> Raises:
        self._value = self._raised = None
        self._log = _log()
        self._before = len(self._log)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        __tracebackhide__ = True
        if self._log is None:
            raise UsageError(f"{self._name}: its block ends, and has not begun; it is for `with`")
        if error is None:
            raise AssertionError(self._told("nothing was raised"))
        if not isinstance(error, (Exception, SystemExit)) or isinstance(error, _NOT_THE_CODE):
            return False
        found = [(each, self._mismatch(each)) for each in _service_errors(error)]
        for each, why in found:
            if not why:
                self._value, self._raised = each, error
                return True
        raised = f"{type(error).__name__} was raised: {show(safe_str(error))}"
        if found:
            told = [f"{_code_of(each)}: {why}" for each, why in found]
            raised = listing(f"{raised}; the errors of the service in it do not fit:", told)
        else:
            raised = f"{raised}, with no error of the service in it"
            if "Error" in (getattr(error, "last_response", None) or ()):  # as in botocore's waiters
                raised = f"{raised}, but for what its last_response tells"
        raise AssertionError(self._told(raised)) from error

    def _mismatch(self, error: ClientError) -> str:
        """Why this is not the error that is expected; empty where it is."""
        response: dict[str, Any] = dict(error.response)
        if _code_of(error) != self._code:
            return f"the code is not {self._code}"
        installed = model()
        shape, wanted = installed.error_shapes[self._code], error_status(installed, self._code)
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        problems = [] if status == wanted else [f"the status is {show(status)}, not {wanted}"]
        for name, member in shape.members.items():
            if name in response:
                problems += violations(member, response[name], name)
        problems += [
            f"{name} is {show(response.get(name))}, not {show(value)}"
            for name, value in self._members.items()
            if response.get(name) != value
        ]
        return "; ".join(problems)

    def _told(self, what: str) -> str:
        expected = ", ".join(
            [self._code, *(f"{name} {each}" for name, each in self._members.items())]
        )
        headline = f"{self._name}: {expected} was expected, and {what}."
        # Another fake answers now, or it was reset.
        if self._log is None or self._log is not _log():
            return headline
        return f"{headline}\n{draw_timeline('calls of the block', self._log[self._before :])}"

    def _too_early(self, name: str) -> UsageError:
        return UsageError(f"{self._name}: {name} is known only after the block")


# What the test itself says, or we do: it passes through, and so does an interruption or pytest.fail().
_NOT_THE_CODE = (AssertionError, UsageError)


_NO_CALLS: Final[list[CallRecord]] = []


def _log() -> list[CallRecord]:
    """The calls of the fake that answers; another list when it was reset."""
    fake = active_fake()
    return _NO_CALLS if fake is None else fake.jobs.log.records


def _code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _service_errors(raised: BaseException) -> Iterator[ClientError]:
    """The errors of the service in what was raised: itself, what caused it, what a group holds."""
    from botocore.exceptions import ClientError

    for error in exception_chain(raised, suppressed=True):
        if isinstance(error, ClientError):
            yield error
