"""The exceptions that this package raises itself; the simulated service's errors come from botocore.

``__module__`` names the public module, so that reports show the names that a test can import.
"""

from __future__ import annotations


class UsageError(ValueError):
    """An invalid argument, such as a misspelt name, a value of the wrong type or an incoherent job.

    The call with the mistake raises it. The message names the value, its place and what is permitted.
    """

    __module__ = "pytest_dxjobs"


class UnexpectedCall(AssertionError):
    """A call of a Data Exchange operation for which the test has no response.

    It is not a ``ClientError``, so that code with a fallback for service errors does not catch it.
    The test fails even if the code under test swallows it.
    """

    __module__ = "pytest_dxjobs"


class RunawayPolling(AssertionError):
    """Endless polling of a job: past its end state, or without any change.

    It is an ``AssertionError``, so that it leaves the worker threads of a pool.
    The test fails even if the code under test swallows it.
    """

    __module__ = "pytest_dxjobs"


class PollingStopped(BaseException):
    """The end of code that swallows ``RunawayPolling`` and keeps polling.

    It is not an ``Exception``, so that ``except Exception`` cannot swallow it as well.

    Args:
        message: What the code did.
        times: How often the code has been stopped, including this time.
    """

    __module__ = "pytest_dxjobs"

    def __init__(self, message: str, times: int) -> None:
        super().__init__(message)
        self.times = times


class ServiceRefusal(Exception):
    """An error that the simulated service returns: raised where it is found, later made a response."""

    def __init__(self, code: str, message: str, **members: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.members = {"Message": message, **members}
