"""What is wrong with what code made of a scenario: the verdict, and the report for a person.

Judged is what the code was told, as it stands in the log of calls, against what came out of the code.
"""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_dxjobs._calls import Call
from pytest_dxjobs._constants import TERMINAL_STATES
from pytest_dxjobs._messages import show
from pytest_dxjobs._timeline import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_dxjobs._calls import Record
    from pytest_dxjobs._fake import FakeDataExchange
    from pytest_dxjobs._performance import Performance
    from pytest_dxjobs._scenario import Scenario
    from pytest_dxjobs._sleeping import Sleep

ENDINGS: Final = ("returns", "raises", "gives up", "returns or raises")
_EXPECTED: Final = {
    "returns": "that the code returns, since the job ends well",
    "raises": "that the code raises and tells why, since the job does not end well",
    "gives up": "that the code gives up and raises, and names no end state, since the job has none",
    "returns or raises": "that the code returns, or raises and tells why",
}
_CRASHES: Final = (AttributeError, IndexError, KeyError, TypeError, UnboundLocalError)
_LINES: Final = 8
_NONE_CREATED: Final = "the request is refused; code that is given the id of a job is for check()."
_LEFT_ALONE: Final = "when one job has failed, the code leaves the others alone."
_MEANT: Final = "Where so many polls are meant, the option max_polls sets another bound."
_NOT_STARTED: Final = "nothing calls start_job, without which a job stays WAITING."


class _Problem(NamedTuple):
    """What the code did, and what usually causes it; "" where it is what the scenario says."""

    told: str
    usually: str = ""


def judge(
    scenario: Scenario, done: Performance, fake: FakeDataExchange, sleeps: Sequence[Sleep]
) -> str:
    """The report; empty where the code is sound."""
    records = fake._backend.jobs.log.records  # noqa: SLF001
    problems = list(_problems(scenario.expected, done, fake, records))
    if not problems:
        return ""
    slept = [(each.at, each.seconds) for each in sleeps if not each.is_backoff]
    timeline = draw("What happened", records, slept=slept).splitlines()
    if len(timeline) > _LINES:
        timeline[3 : 3 - _LINES] = ["  ..."]
    usually = next((each.usually for each in problems if each.usually), scenario.usually)
    return "\n".join(
        [
            f"Scenario {scenario.name}: {scenario.about}",
            f"Expected: {_EXPECTED[scenario.expected]}.",
            *(f"But {each.told}." for each in problems),
            *timeline,
            *([f"Usually: {usually}"] if usually else []),
            *([_MEANT] if done.ran_away is not None else []),
        ]
    )


def _problems(
    expected: str, done: Performance, fake: FakeDataExchange, records: Sequence[Record]
) -> Iterator[_Problem]:
    if done.ran_away is not None:
        story = str(done.ran_away).partition("\n")[0].rstrip(".")
        yield _Problem(f"it went on without end: {story}")
    elif not fake.jobs:
        yield _Problem(f"it created no job: it {_ended(done)}", _NONE_CREATED)
    else:
        wrong = _wrong_ending(expected, done, records)
        if wrong:
            yield _Problem(wrong)
        yield from _failures(fake.assert_not_polled_after_end, "")
        if not wrong and expected != "gives up":
            yield from _failures(fake.assert_all_started_jobs_polled_to_end, _LEFT_ALONE)
    yield from _not_started(fake, records)


def _not_started(fake: FakeDataExchange, records: Sequence[Record]) -> Iterator[_Problem]:
    starts = [record for record in records if record.operation == "StartJob"]
    if not all(record.succeeded for record in starts):
        return  # it knows why a job has not been started
    created = {record.job_id for record in records if record.operation == "CreateJob"}
    for job in fake.jobs:
        if job.id in created and not (job.started or job.cancelled):
            yield _Problem(f"it never started job {job.id}, which it had created", _NOT_STARTED)


def _failures(check: Callable[[], None], usually: str) -> Iterator[_Problem]:
    try:
        check()
    except AssertionError as failure:
        yield _Problem(str(failure).splitlines()[0].rstrip(".:"), usually)


def _wrong_ending(expected: str, done: Performance, records: Sequence[Record]) -> str:
    """What is wrong with what it returned or raised; empty where nothing is."""
    if done.raised is None and not done.failed:
        if expected in ("raises", "gives up"):
            return f"it returned {show(done.result)}, as if all were well"
        return ""
    if expected == "returns":
        return f"it reported a failure: it {_ended(done)}"
    return "" if done.raised is None else _wrong_failure(expected, done.raised, records)


def _wrong_failure(expected: str, raised: BaseException, records: Sequence[Record]) -> str:
    if isinstance(raised, SystemExit) and raised.code in (None, 0):
        return f"it left with {raised!r}, which passes for a success"
    if type(raised) in _CRASHES:
        return f"it crashed in its own error path: {_told(raised)}"
    if why := _not_told(raised, records):
        return f"what it raised does not tell why, with none of {why}: {_told(raised)}"
    if expected == "gives up" and (named := _END_STATE.search(_as_text(raised))):
        return f"it names {named[0]}, which nobody has told it: {_told(raised)}"
    return ""


def _ended(done: Performance) -> str:
    return (
        f"returned {show(done.result)}" if done.raised is None else f"raised {_told(done.raised)}"
    )


def _told(raised: BaseException) -> str:
    """What was raised, and the line of the code that raised it."""
    frames = [
        each
        for each in traceback.extract_tb(raised.__traceback__)
        if not re.search(r"[\\/](botocore|boto3|pytest_dxjobs)[\\/]", each.filename)
    ]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = _as_text(raised).partition("\n")[0]
    return f"{type(raised).__name__}: {text}{place}"


def _not_told(raised: BaseException, records: Sequence[Record]) -> str:
    """What should have been told and was not, in words; empty where something of it was."""
    reasons = [reason for record in _last_polls(records) for reason in _reasons(record)]
    if not reasons:
        return ""
    text = " ".join(_texts(raised))
    if any(reason in text or _STATES.get(reason, _NEVER).search(text) for reason in reasons):
        return ""
    return ", ".join(map(show, reasons))


def _last_polls(records: Sequence[Record]) -> list[Record]:
    """The last answer about each job, and what else failed."""
    last: dict[str | None, Record] = {}
    for record in records:
        if record.operation == "GetJob" or not record.succeeded:
            last[record.job_id] = record
    return list(last.values())


def _reasons(record: Record) -> list[str]:
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


def _texts(raised: BaseException) -> Iterator[str]:
    """What an exception and its causes say, in whatever form."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [raised]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
        yield f"{type(each).__name__} {_as_text(each)} {_as_text(each.args)} {_as_text(vars(each))}"


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:
        return ""


_NEVER: Final = re.compile(r"(?!)")
_STATES: Final = {  # as people write them
    "CANCELLED": re.compile("cancell?ed", re.IGNORECASE),
    "TIMED_OUT": re.compile("timed[-_ ]?out", re.IGNORECASE),
    "ERROR": re.compile("error|fail", re.IGNORECASE),
}
_END_STATE: Final = re.compile(rf"\b({'|'.join(TERMINAL_STATES)})\b")
