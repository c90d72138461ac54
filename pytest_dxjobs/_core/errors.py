"""What this package raises itself. What the service raises comes from botocore.

The classes call themselves by the public module, where users find those that a test may name.
"""

from __future__ import annotations


class UsageError(ValueError):
    """The test asked for something that cannot be: a misspelt name, an ill-typed value, an incoherent job.

    Raised by the call that made the mistake; names the value, its place and what is permitted.
    """

    __module__ = "pytest_dxjobs"

    def __init__(self, told: str) -> None:
        # A name that was given may hold half of a surrogate pair, with which it could not be printed.
        super().__init__(told.encode(errors="backslashreplace").decode())


class UnexpectedCall(AssertionError):
    """The code under test called a Data Exchange operation that nothing in the test answers.

    It is no ``ClientError``, so that code with a fallback for service errors does not swallow it, and
    it is remembered: the test fails even where the code swallowed every exception.
    """

    __module__ = "pytest_dxjobs"


class RunawayPolling(AssertionError):
    """The code under test polled a job without end: past its end state, or with nothing changing.

    An ``AssertionError``, so that it gets out of the worker threads of a pool. It is remembered: the
    test fails even where the code swallowed every exception.
    """

    __module__ = "pytest_dxjobs"


class PollingStopped(BaseException):
    """What follows ``RunawayPolling`` where the code under test swallows it and polls on.

    No ``Exception``, so that a loop with a broad ``except`` cannot swallow this, too, and hang.

    Args:
        told: What it did.
        times: How often it was stopped already, this time included.
    """

    __module__ = "pytest_dxjobs"

    def __init__(self, told: str, times: int) -> None:
        super().__init__(told)
        self.times = times


class ServiceRefusal(Exception):
    """Raised where the reason is found, made a response where the operation is answered."""

    def __init__(self, code: str, message: str, **members: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.members = {"Message": message, **members}
