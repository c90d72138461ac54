"""Whether an exception of the code names the reason: the job error, or the state in which the job ended.

The reason may be in its text, its arguments or its attributes, or in those of its causes. An exception that is a
mistake of the code, such as a ``KeyError`` in its error path, says nothing about the job.
"""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.constants import TERMINAL_STATES
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.tracebacks import exception_chain
from pytest_dxjobs._service.calls import Call, Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_dxjobs._fake.job import Job
    from pytest_dxjobs._service.calls import CallRecord

_CRASHES: Final = (AttributeError, IndexError, KeyError, NameError, TypeError, UnboundLocalError)


def find_exception_problem(
    expected: str, raised: BaseException, jobs: Sequence[Job], records: Sequence[CallRecord]
) -> str:
    """Return what is wrong with the exception as a report of what happened; empty if nothing is."""
    if isinstance(raised, SystemExit) and raised.code in (None, 0):
        return f"it exited with {raised!r}, which means success"
    description = describe_exception(raised)
    if type(raised) in _CRASHES:
        return f"it crashed in its own error path: {description}"
    if expected == "gives up":
        state = _unreported_state(raised, jobs, records)
        return f"it named {state}, which no response reported: {description}" if state else ""
    reasons = _missing_reasons(raised, records)
    if not reasons:
        return ""
    chain = exception_chain(raised, suppressed=False)
    crash = next((each for each in chain if type(each) in _CRASHES), None)
    cause = "" if crash is None else f"; a crash led to it: {describe_exception(crash)}"
    return f"its exception does not name the reason ({reasons}): {description}{cause}"


def _unreported_state(raised: BaseException, jobs: Sequence[Job], records: Sequence[CallRecord]) -> str:
    """Return the end state that the exception names as the cause, if no job was in it."""
    named = {*_END_STATE.findall(_str(raised))}
    reported = {each.reported for each in records} | {job.state for job in jobs if job.cancelled}
    if len(named) != 1 or named & {*reported, "COMPLETED"}:
        return ""  # a text with several states, or with COMPLETED, lists what did not happen
    return str(named.pop())


def describe_exception(raised: BaseException) -> str:
    """Return the type, the first line of the text and the line of the user's code that raised it."""
    frames = [
        each
        for each in traceback.extract_tb(raised.__traceback__)
        if not re.search(r"[\\/](botocore|boto3|pytest_dxjobs)[\\/]", each.filename)
    ]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = _str(raised).partition("\n")[0]
    return f"{type(raised).__name__}: {text}{place}"


def _missing_reasons(raised: BaseException, records: Sequence[CallRecord]) -> str:
    """List the reasons that the code could have named; empty if the exception names one of them."""
    reasons = dict.fromkeys(each for record in _last_polls(records) for each in _reasons(record))
    chain = [*exception_chain(raised, suppressed=False)]
    text = "\n".join(_full_text(each) for each in chain if type(each) not in _CRASHES)
    # After a crash, words such as "failed" mean the crash and not the job.
    crashed = any(type(each) in _CRASHES for each in chain) or _CRASH.search(text)
    patterns = {} if crashed else _STATES
    if any(reason in text or (reason in patterns and patterns[reason].search(text)) for reason in reasons):
        return ""
    return ", ".join(map(show, reasons))


def _last_polls(records: Sequence[CallRecord]) -> list[CallRecord]:
    """Return the last poll of each job; without polls, the failed calls that prevented them."""
    last = {each.job_id: each for each in records if each.role is Role.POLL}
    earlier = [each for each in records if each.role in (Role.CREATE, Role.START)]
    return [*last.values()] or [each for each in earlier if not each.succeeded]


def _reasons(record: CallRecord) -> list[str]:
    """Return the texts of which an exception after this call should contain one."""
    call = Call(record)
    if call.error is not None:
        error = getattr(call.error, "response", {}).get("Error", {})
        return _code_and_message(error) or [type(call.error).__name__]
    job = call.response or {}
    state = job.get("State")
    if state not in TERMINAL_STATES or state == "COMPLETED":
        return []
    return [text for each in job.get("Errors", ()) for text in _code_and_message(each)] or [state]


def _code_and_message(error: Mapping[str, str]) -> list[str]:
    return [error[name] for name in ("Code", "Message") if error.get(name)]


def _full_text(raised: BaseException) -> str:
    """Return the name, the text, the arguments and the attributes of an exception."""
    return " ".join(map(_str, (type(raised).__name__, raised, raised.args, vars(raised))))


def _str(value: object) -> str:
    """Return ``str(value)``, or "" if that raises: the code under test may crash there, too."""
    try:
        return str(value)
    except Exception:
        return ""


_STATES: Final = {  # as people write them; nearly every exception is called an error
    "CANCELLED": re.compile("cancell?ed", re.IGNORECASE),
    "TIMED_OUT": re.compile("timed?[-_ ]?out", re.IGNORECASE),
    "ERROR": re.compile(r"\berror\b|\bfail", re.IGNORECASE),
}
_CRASH: Final = re.compile(rf"\b(?:{'|'.join(each.__name__ for each in _CRASHES)})\(")  # a repr
# "ERROR:" and "[ERROR]" are the severity of a log line, not a state.
_END_STATE: Final = re.compile(r"\b(?:COMPLETED|CANCELLED|TIMED_OUT|(?<!\[)ERROR(?![:\]]))\b")
