"""Whether what code has raised tells a person why: which job error, or in which state the job has ended.

An exception tells by its text, its arguments and its attributes, and by those of its causes. One that is a mistake of
the code, such as a KeyError in its error path, tells nothing of the job.
"""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.constants import TERMINAL_STATES
from pytest_dxjobs._core.messages import safe_str, show
from pytest_dxjobs._core.tracebacks import exception_chain
from pytest_dxjobs._service.calls import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_dxjobs._fake.job import Job
    from pytest_dxjobs._service.calls import CallRecord

_CRASHES: Final = (AttributeError, IndexError, KeyError, NameError, TypeError, UnboundLocalError)


def find_report_problem(
    expected: str, raised: BaseException, jobs: Sequence[Job], records: Sequence[CallRecord]
) -> str:
    """What is wrong with it as the report of a job that has not ended well; empty where nothing is.

    Args:
        expected: How the code was to end: by raising, or by giving up.
        raised: What it raised.
        jobs: The jobs that it waited for.
        records: What it was told.
    """
    if isinstance(raised, SystemExit) and raised.code in (None, 0):
        return f"it left with {raised!r}, which passes for a success"
    told = describe_raised(raised)
    if type(raised) in _CRASHES:
        return f"it crashed in its own error path: {told}"
    if expected == "gives up":
        named = _wrong_state(raised, jobs, records)
        return f"it names {named}, which nobody has told it: {told}" if named else ""
    why = _not_told(raised, records)
    if not why:
        return ""
    beneath = exception_chain(raised, suppressed=False)
    crash = next((each for each in beneath if type(each) in _CRASHES), None)
    behind = "" if crash is None else f"; behind it is a crash: {describe_raised(crash)}"
    return f"what it raised does not tell why, with none of {why}: {told}{behind}"


def _wrong_state(raised: BaseException, jobs: Sequence[Job], records: Sequence[CallRecord]) -> str:
    """The end state that it names as the cause, and that no job was in; empty where there is none."""
    named = {*_END_STATE.findall(safe_str(raised))}
    known = {each.reported for each in records} | {job.state for job in jobs if job.cancelled}
    if len(named) != 1 or named & {*known, "COMPLETED"}:
        return ""  # who names several, or the good one, tells that it was none of them
    return str(named.pop())


def describe_raised(raised: BaseException) -> str:
    """What was raised, and the line of the code that raised it."""
    frames = [
        each
        for each in traceback.extract_tb(raised.__traceback__)
        if not re.search(r"[\\/](botocore|boto3|pytest_dxjobs)[\\/]", each.filename)
    ]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = safe_str(raised).partition("\n")[0]
    return f"{type(raised).__name__}: {text}{place}"


def _not_told(raised: BaseException, records: Sequence[CallRecord]) -> str:
    """What should have been told and was not, in words; empty where something of it was."""
    reasons = dict.fromkeys(each for record in _last_polls(records) for each in _reasons(record))
    chain = [*exception_chain(raised, suppressed=False)]
    text = "\n".join(_text_of(each) for each in chain if type(each) not in _CRASHES)
    # Who has crashed on the way and says that something failed means the crash.
    crashed = any(type(each) in _CRASHES for each in chain) or _CRASH.search(text)
    loosely = {} if crashed else _STATES
    if any(reason in text or loosely.get(reason, _NEVER).search(text) for reason in reasons):
        return ""
    return ", ".join(map(show, reasons))


def _last_polls(records: Sequence[CallRecord]) -> list[CallRecord]:
    """The last answer about each job; where none was polled, what kept the code from it."""
    last = {each.job_id: each for each in records if each.operation == "GetJob"}
    kept = [each for each in records if each.operation in ("CreateJob", "StartJob")]
    return [*last.values()] or [each for each in kept if not each.succeeded]


def _reasons(record: CallRecord) -> list[str]:
    """What a failure after this answer should tell: one of these."""
    call = Call(record)
    if call.error is not None:
        error = getattr(call.error, "response", {}).get("Error", {})
        told = [error[name] for name in ("Code", "Message") if error.get(name)]
        return told or [type(call.error).__name__]
    job = call.response or {}
    state = job.get("State")
    if state not in TERMINAL_STATES or state == "COMPLETED":
        return []
    told = [
        each[name]
        for each in job.get("Errors", ())
        for name in ("Code", "Message")
        if each.get(name)
    ]
    return told or [state]


def _text_of(raised: BaseException) -> str:
    """What it says, in whatever form."""
    return f"{type(raised).__name__} {safe_str(raised)} {safe_str(raised.args)} {safe_str(vars(raised))}"


_NEVER: Final = re.compile(r"(?!)")
_STATES: Final = {  # as people write them; nearly every exception is called an error
    "CANCELLED": re.compile("cancell?ed", re.IGNORECASE),
    "TIMED_OUT": re.compile("timed?[-_ ]?out", re.IGNORECASE),
    "ERROR": re.compile(r"\berror\b|\bfail", re.IGNORECASE),
}
_CRASH: Final = re.compile(rf"\b(?:{'|'.join(each.__name__ for each in _CRASHES)})\(")  # as a repr
# ERROR: and [ERROR] are how a log says how bad it is.
_END_STATE: Final = re.compile(r"\b(?:COMPLETED|CANCELLED|TIMED_OUT|(?<!\[)ERROR(?![:\]]))\b")
