"""What is wrong with what code made of a scenario: the verdict, and the report for a person.

Judged is what the code was told, as it stands in the log of calls, against what came out of the code.
"""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_dxjobs._calls import Call, first_end
from pytest_dxjobs._constants import TERMINAL_STATES
from pytest_dxjobs._errors import RunawayPolling
from pytest_dxjobs._messages import show
from pytest_dxjobs._timeline import draw, shortened
from pytest_dxjobs._tracebacks import linked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_dxjobs._calls import Record
    from pytest_dxjobs._fake import FakeDataExchange
    from pytest_dxjobs._jobs import Job
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
_OWN_JOB: Final = "the code creates a job of its own, and then check_creating() is the check."
_MOST_TOLD: Final = 3
_NOT_STARTED: Final = "nothing calls start_job, without which a job stays WAITING."


class _Problem(NamedTuple):
    """What the code did, and what usually causes it; "" where it is what the scenario says."""

    told: str
    usually: str = ""


def judge(
    scenario: Scenario,
    done: Performance,
    fake: FakeDataExchange,
    jobs: Sequence[Job],
    sleeps: Sequence[Sleep],
) -> str:
    """The report; empty where the code is sound.

    Args:
        scenario: What has happened.
        done: What the code has done.
        fake: Where.
        jobs: The jobs that were the code's to wait for.
        sleeps: The sleeps meanwhile.
    """
    records = fake._backend.jobs.log.records  # noqa: SLF001
    problems = list(_problems(scenario.expected, done, jobs, records))
    if not problems:
        return ""
    shown = _until_it_was_ended(records)
    slept = [(each.at, each.seconds) for each in sleeps if not each.is_backoff]
    if done.ran_away is not None:
        slept = [each for each in slept if each[0] < shown[-1].begun]
    timeline = shortened(draw("What happened", shown, slept=slept), _LINES)
    usually = next((each.usually for each in problems if each.usually), scenario.usually)
    return "\n".join(
        [
            f"Scenario {scenario.name}: {scenario.about}",
            f"Expected: {_EXPECTED[scenario.expected]}.",
            *(f"But {each.told}." for each in problems),
            *timeline,
            *([f"Usually: {usually}"] if usually else []),
            *_what_permits_it(done.ran_away),
        ]
    )


def _until_it_was_ended(records: Sequence[Record]) -> Sequence[Record]:
    """The calls up to the first that was one too many; those after it tell nothing of the loop."""
    for count, record in enumerate(records, 1):
        if isinstance(record.failure, RunawayPolling):
            return records[:count]
    return records


def _what_permits_it(ran_away: RunawayPolling | None) -> list[str]:
    """Which option is for polls that are meant; those after the end are not."""
    option = re.search("the option (max_polls|max_wait) sets", str(ran_away))
    return [f"Where so many polls are meant, {option[1]} sets another bound."] if option else []


def _problems(
    expected: str, done: Performance, jobs: Sequence[Job], records: Sequence[Record]
) -> Iterator[_Problem]:
    if done.ran_away is not None:
        story = str(done.ran_away).partition("\n")[0].rstrip(".")
        yield _Problem(f"it had not come to an end: {story}")
    elif not jobs:
        yield _Problem(f"it created no job: it {_ended(done)}", _NONE_CREATED)
    else:
        wrong = _wrong_ending(expected, done, jobs, records)
        if wrong:
            yield _Problem(wrong)
        yield from _polled_after_end(jobs, records)
        if not wrong and expected != "gives up":
            yield from _left_alone(jobs, records)
    yield from _not_started(done, jobs, records)


def _polls(job: Job, records: Sequence[Record]) -> list[Record]:
    return [each for each in records if each.operation == "GetJob" and each.job_id == job.id]


def _polled_after_end(jobs: Sequence[Job], records: Sequence[Record]) -> Iterator[_Problem]:
    for job in jobs:
        polls = _polls(job, records)
        end = first_end(polls)
        if end is not None and (after := len(polls) - end - 1):
            more = "once more" if after == 1 else f"{after} more times"
            yield _Problem(f"it polled job {job.id} {more} after {polls[end].told}")
            return  # one is enough to see why


def _left_alone(jobs: Sequence[Job], records: Sequence[Record]) -> Iterator[_Problem]:
    left = [
        job.id
        for job in jobs
        if job.started and not job.cancelled and first_end(_polls(job, records)) is None
    ]
    if left:
        created = {each.job_id for each in records if each.operation == "CreateJob"}
        usually = _LEFT_ALONE if len(jobs) > 1 else ""
        if created and not created.intersection(left):
            usually = _OWN_JOB
        yield _Problem(f"it did not poll {_several(left)} to the end", usually)


def _not_started(
    done: Performance, jobs: Sequence[Job], records: Sequence[Record]
) -> Iterator[_Problem]:
    starts = [each for each in records if each.operation == "StartJob"]
    if done.raised is not None and not all(each.succeeded for each in starts):
        return  # which it has told
    created = {each.job_id for each in records if each.operation == "CreateJob"}
    left = [job.id for job in jobs if job.id in created and not (job.started or job.cancelled)]
    if left:
        yield _Problem(f"it never started {_several(left)}, which it had created", _NOT_STARTED)


def _several(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_TOLD} more" if len(ids) > _MOST_TOLD else ""
    return f"job{'s' * (len(ids) > 1)} {', '.join(ids[:_MOST_TOLD])}{more}"


def _wrong_ending(
    expected: str, done: Performance, jobs: Sequence[Job], records: Sequence[Record]
) -> str:
    """What is wrong with what it returned or raised; empty where nothing is."""
    if done.raised is None and not done.failed:
        if expected in ("raises", "gives up"):
            hint = "" if done.result is None else "; failed= is for code that reports so"
            return f"it returned {show(done.result)}, as if all were well{hint}"
        return ""
    if expected == "returns":
        return f"it reported a failure: it {_ended(done)}"
    return "" if done.raised is None else _wrong_failure(expected, done.raised, jobs, records)


def _wrong_failure(
    expected: str, raised: BaseException, jobs: Sequence[Job], records: Sequence[Record]
) -> str:
    if isinstance(raised, SystemExit) and raised.code in (None, 0):
        return f"it left with {raised!r}, which passes for a success"
    if type(raised) in _CRASHES:
        return f"it crashed in its own error path: {_told(raised)}"
    if expected == "gives up":
        named = _wrong_state(raised, jobs, records)
        return f"it names {named}, which nobody has told it: {_told(raised)}" if named else ""
    why = _not_told(raised, records)
    if not why:
        return ""
    crash = next(
        (each for each in linked(raised, suppressed=False) if type(each) in _CRASHES), None
    )
    behind = "" if crash is None else f"; behind it is a crash: {_told(crash)}"
    return f"what it raised does not tell why, with none of {why}: {_told(raised)}{behind}"


def _wrong_state(raised: BaseException, jobs: Sequence[Job], records: Sequence[Record]) -> str:
    """The end state that it names as the cause, and that no job was in; empty where there is none."""
    named = {*_END_STATE.findall(_as_text(raised))}
    known = {each.told for each in records} | {job.state for job in jobs if job.cancelled}
    if len(named) != 1 or named & {*known, "COMPLETED"}:
        return ""  # who names several, or the good one, tells that it was none of them
    return str(named.pop())


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
    reasons = dict.fromkeys(each for record in _last_polls(records) for each in _reasons(record))
    chain = [*linked(raised, suppressed=False)]
    text = "\n".join(_text_of(each) for each in chain if type(each) not in _CRASHES)
    # Who has crashed on the way and says that something failed means the crash.
    crashed = any(type(each) in _CRASHES for each in chain) or _CRASH.search(text)
    loosely = {} if crashed else _STATES
    if any(reason in text or loosely.get(reason, _NEVER).search(text) for reason in reasons):
        return ""
    return ", ".join(map(show, reasons))


def _last_polls(records: Sequence[Record]) -> list[Record]:
    """The last answer about each job; where none was polled, what kept the code from it."""
    last = {each.job_id: each for each in records if each.operation == "GetJob"}
    kept = [each for each in records if each.operation in ("CreateJob", "StartJob")]
    return [*last.values()] or [each for each in kept if not each.succeeded]


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


def _text_of(raised: BaseException) -> str:
    """What it says, in whatever form."""
    return f"{type(raised).__name__} {_as_text(raised)} {_as_text(raised.args)} {_as_text(vars(raised))}"


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:
        return ""


_NEVER: Final = re.compile(r"(?!)")
_STATES: Final = {  # as people write them; nearly every exception is called an error
    "CANCELLED": re.compile("cancell?ed", re.IGNORECASE),
    "TIMED_OUT": re.compile("timed?[-_ ]?out", re.IGNORECASE),
    "ERROR": re.compile(r"\berror\b|\bfail", re.IGNORECASE),
}
_CRASH: Final = re.compile(rf"\b(?:{'|'.join(each.__name__ for each in _CRASHES)})\(")  # as a repr
# ERROR: and [ERROR] are how a log says how bad it is.
_END_STATE: Final = re.compile(r"\b(?:COMPLETED|CANCELLED|TIMED_OUT|(?<!\[)ERROR(?![:\]]))\b")
