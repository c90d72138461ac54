"""The log of calls, and a call of it as the test sees it.

botocore numbers its calls in a header that stays the same for all attempts, so that nobody has to count along
on the client.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.constants import TERMINAL_STATES
from pytest_dxjobs._service.record import Record
from pytest_dxjobs._wire.http import Stamp
from pytest_dxjobs._wire.serialize import parse

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._service.record import Attempt
    from pytest_dxjobs._wire.http import Request


class Call:
    """One call of the code under test, with all its attempts. What it gives are copies."""

    __slots__ = ("_record",)

    def __init__(self, record: Record) -> None:
        self._record = record

    @property
    def operation(self) -> str:
        """The operation as a client calls it, such as ``"get_job"``."""
        return self._record.name

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, as they reached the service: ``{"JobId": ...}``."""
        return self._record.params()

    @property
    def started_at(self) -> datetime.datetime:
        """When its first attempt was made: an aware datetime, in UTC."""
        return self._record.begun

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Its HTTP requests, when they were answered: more than one where botocore tried again."""
        return self._record.attempts

    @property
    def response(self) -> dict[str, Any] | None:
        """What the client returned, with ``ResponseMetadata``; None where it raised."""
        returned = self._came_to()
        return None if isinstance(returned, BaseException) else returned

    @property
    def error(self) -> BaseException | None:
        """What the client raised; None where it returned.

        What the service answered is a plain ``ClientError`` with the same response, not the client's own
        class for its code.
        """
        raised = self._came_to()
        return raised if isinstance(raised, BaseException) else None

    def _came_to(self) -> dict[str, Any] | BaseException | None:
        from botocore.exceptions import ClientError

        record = self._record
        if record.response is None:
            return record.failure
        try:
            parsed = parse(record.installed, record.operation or "", record.response)
        except Exception as failure:  # what botocore's parser makes of a garbled body
            return failure
        parsed["ResponseMetadata"] |= {"RetryAttempts": len(record.tried) - 1, **record.metadata}
        failed = record.response.is_error
        return ClientError(parsed, record.operation or "") if failed else parsed  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        return self._record is other._record if isinstance(other, Call) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._record)

    def __repr__(self) -> str:
        return f"<Call {self.operation} {self._record.outcome}>"


def first_end(polls: Sequence[Record]) -> int | None:
    """The place of the first poll that was answered with an end state; None where there is none."""
    return next((at for at, poll in enumerate(polls) if poll.told in TERMINAL_STATES), None)


class Log:
    """The calls that reached one fake, in the order of their first attempts."""

    def __init__(self, installed: Model) -> None:
        self._installed = installed
        self.reset()

    def reset(self) -> None:
        """Forget all of them."""
        self.records: list[Record] = []
        self._by_invocation: dict[str | bytes | int, Record] = {}
        self._unnumbered = itertools.count()
        self._request_numbers = itertools.count(1)

    def of(self, request: Request, moment: datetime.datetime) -> Record:
        """The record of the call that this request is an attempt of."""
        number = next(self._request_numbers)
        stamp = Stamp(f"00000000-0000-4000-8000-{number:012x}", moment)
        given = request.invocation
        invocation = next(self._unnumbered) if given is None else given
        record = self._by_invocation.get(invocation)
        if record is None:
            record = Record(self._installed, request, stamp)
            self._by_invocation[invocation] = record
            self.records.append(record)
        else:
            record.begin(stamp)
        return record

    def back_off(self, invocation: str | bytes, seconds: float) -> None:
        """Note that the call waits before its next attempt."""
        record = self._by_invocation.get(invocation)
        if record is not None:  # the log may have been reset meanwhile
            *before, (at, status, code, waited) = record.tried
            record.tried = (*before, (at, status, code, waited + seconds))

    def settle(self, invocation: str | bytes, metadata: dict[str, Any]) -> None:
        """Note what botocore says of the end of a call, such as ``MaxAttemptsReached``."""
        record = self._by_invocation.get(invocation)
        if record is not None:
            record.metadata = metadata

    def about(self, job_id: str) -> list[Record]:
        """The calls that were about one job, the one that created it among them."""
        return [record for record in self.records if record.job_id == job_id]

    def polls(self) -> dict[str, list[Record]]:
        """The ``get_job`` calls for each id."""
        by_id: dict[str, list[Record]] = {}
        for record in self.records:
            if record.operation == "GetJob":
                by_id.setdefault(record.uri["JobId"], []).append(record)
        return by_id
