"""The scenarios of the package, by group.

States, job errors and service errors are documented by AWS. The group ``future`` guesses what a later service may send.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs import faults
from pytest_dxjobs._core.constants import ABSENT, ALWAYS, JOB_ERROR_CODES
from pytest_dxjobs._jobs.histories import completes, fails, gets_cancelled, stays, times_out
from pytest_dxjobs._jobs.job_errors import make_error
from pytest_dxjobs._scenarios.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_dxjobs._fake.fake import FakeDataExchange


DEFAULT_GROUPS: Final = ("states", "job-errors", "service-errors", "creating")

_NO_REACTION: Final = "the loop handles some end states, but not all."
_NO_DEADLINE: Final = "the loop has no deadline, or returns at its deadline without an error."
_ERROR_PATH: Final = 'the error path assumes a complete job["Errors"][0], or discards it.'
_ONE_FAILED_CALL: Final = "one failed get_job call ends the wait, although the job goes on."
_BROAD_EXCEPT: Final = "a broad except treats a failed call as a failed job, or retries forever."


def _override(state: str, **members: Any) -> Callable[[dict[str, Any]], Mapping[str, Any]]:
    """Return an ``answer`` that replaces members of a job in this state."""

    def answer(job: dict[str, Any]) -> Mapping[str, Any]:
        return job | members if job["State"] == state else job

    return answer


def _states() -> list[Scenario]:
    state = functools.partial(Scenario, group="states")
    return [
        state(
            "completes-at-once",
            "The job has completed before the first poll.",
            history=completes(),
        ),
        state(
            "completes-later",
            "The job is in progress for 45 s and then completes.",
            history=completes(after=45),
            usually="the loop does not sleep between polls, or its deadline is very short.",
        ),
        state(
            "error",
            "The job ends in ERROR.",
            "raises",
            fails(polls=2),
            "the code checks only for COMPLETED, or for states that do not exist.",
        ),
        state("timed-out", "The job ends in TIMED_OUT.", "raises", times_out(polls=2), _NO_REACTION),
        state("cancelled", "The job has been cancelled.", "raises", gets_cancelled(), _NO_REACTION),
        state(
            "cancelled-while-waiting",
            "The job is cancelled while it is WAITING.",
            "raises",
            gets_cancelled(polls=3),
            _NO_REACTION,
        ),
        state(
            "stuck-in-waiting",
            "The job stays WAITING forever.",
            "gives up",
            stays("WAITING"),
            _NO_DEADLINE,
        ),
        state(
            "stuck-in-progress",
            "The job stays IN_PROGRESS forever.",
            "gives up",
            stays("IN_PROGRESS"),
            _NO_DEADLINE,
        ),
        state(
            "never-started",
            "The job was created but never started, so it stays WAITING.",
            "gives up",
            completes(),
            _NO_DEADLINE,
            started=False,
            only="check",
        ),
    ]


def _job_errors() -> list[Scenario]:
    error = functools.partial(
        Scenario,
        expected="raises",
        usually=_ERROR_PATH,
        type="IMPORT_ASSETS_FROM_S3",
        group="job-errors",
    )
    first, second = make_error("VALIDATION_EXCEPTION"), make_error("INTERNAL_SERVER_EXCEPTION")
    return [
        *(
            error(
                f"error-{code.removesuffix('_EXCEPTION').replace('_', '-').lower()}",
                f"The job fails with {code}, and its error has all details.",
                history=fails(code, polls=2),
            )
            for code in JOB_ERROR_CODES
        ),
        error(
            "code-and-message-only",
            "The job fails, and its error has only a code and a message.",
            history=fails(errors=[first], polls=2),
        ),
        error(
            "several-errors",
            "The job fails with two errors.",
            history=fails(errors=[first, second], polls=2),
        ),
        error(
            "errors-absent",
            "The job fails, and the response has no Errors.",
            history=fails(errors=ABSENT, polls=2),
        ),
        error(
            "errors-empty",
            "The job fails, and Errors is an empty list.",
            history=fails(errors=[], polls=2),
        ),
        error(
            "limit-exceeded",
            "The job fails because it exceeds a limit, and its error names the limit.",
            history=fails("SERVICE_QUOTA_EXCEEDED_EXCEPTION", polls=2),
            answer=_override(
                "ERROR",
                Errors=[
                    {
                        "Code": "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
                        "LimitName": "Asset size in GB",
                        "LimitValue": 10,
                        "Message": "The job exceeds a service quota.",
                    }
                ],
            ),
        ),
    ]


def _service_errors() -> list[Scenario]:
    def error(name: str, about: str, fault: faults.Fault) -> Scenario:
        return Scenario(
            name,
            about,
            "gives up",
            usually=_BROAD_EXCEPT,
            prepare=lambda fake: fake.inject(fault, requests=ALWAYS),
            max_polls=1000,  # botocore makes several requests of each call
            group="service-errors",
        )

    return [
        error("not-found", "The service does not find the job.", faults.not_found()),
        error("access-denied", "The service denies access to get_job.", faults.access_denied()),
        error(
            "invalid-request",
            "The service refuses the get_job request as invalid.",
            faults.validation(),
        ),
        error(
            "throttled-for-ever",
            "The service throttles every get_job request.",
            faults.throttling(),
        ),
        error(
            "internal-error",
            "The service responds to every get_job request with an internal error.",
            faults.internal_error(),
        ),
    ]


def _resilience() -> list[Scenario]:
    call = functools.partial(Scenario, usually=_ONE_FAILED_CALL, group="resilience")
    return [
        call(
            "throttled-briefly",
            "Two requests are throttled, and botocore's retries succeed.",
            prepare=lambda fake: fake.throttle(requests=2),
        ),
        call(
            "burst-of-500s",
            "Two requests fail with an internal error, and botocore's retries succeed.",
            prepare=lambda fake: fake.inject(faults.internal_error(), requests=2, after=1),
        ),
        call(
            "connection-reset",
            "A connection is closed while get_job waits for the response.",
            prepare=lambda fake: fake.inject(faults.connection_closed(), after=1),
        ),
        call(
            "one-call-fails",
            "One get_job call fails with all its retries, and the next call succeeds.",
            prepare=lambda fake: fake.inject(faults.service_unavailable(), calls=1, after=1),
        ),
    ]


def _future() -> list[Scenario]:
    later = functools.partial(
        Scenario,
        usually="the code assumes that the service never adds a state, error code, member or type.",
        group="future",
    )
    new = {"Code": "COSMIC_RAY_EXCEPTION", "Message": "A cosmic ray has hit the asset."}
    return [
        later(
            "unknown-state",
            "The job passes through a state that does not exist yet, and then completes.",
            answer=_override("IN_PROGRESS", State="SCANNING"),
        ),
        later(
            "unknown-error-code",
            "The job fails with an error code that does not exist yet.",
            "raises",
            fails(polls=2),
            answer=_override("ERROR", Errors=[new]),
        ),
        later(
            "unknown-members",
            "The job has members that do not exist yet.",
            answer=lambda job: job | {"Progress": 0.5, "Owner": {"Id": "none"}},
        ),
        later(
            "unknown-type",
            "The job has a type that does not exist yet, and its Details are empty.",
            answer=lambda job: job | {"Type": "EXPORT_ASSETS_TO_THE_MOON", "Details": {}},
            only="check",  # code that creates a job knows its type
        ),
    ]


def _creating() -> list[Scenario]:
    creating = functools.partial(Scenario, only="check_creating", group="creating")
    return [
        creating(
            "two-jobs",
            "The code creates several jobs. The first completes, and the others fail.",
            "raises",
            fails(polls=2),
            "the code polls only one of its jobs.",
            # The first job ends last: code that stops at a failure does not poll it to the end.
            prepare=lambda fake: fake.next_job(completes(polls=6)),
            unless=lambda fake: "" if len(fake.jobs) > 1 else "the code creates only one job",
        ),
        creating(
            "limit-on-start",
            "The service refuses start_job once, because too many jobs are running.",
            "returns or raises",
            usually="the code ignores the error of start_job.",
            prepare=lambda fake: fake.inject(
                faults.conflict(message="Too many jobs are in progress."), operation="start_job"
            ),
        ),
        creating(
            "signed-url-missing",
            "The job completes, but the response has no signed URL.",
            "raises",
            usually="the code assumes that the response has a signed URL.",
            answer=_without_url,
            unless=_no_signed_url,
        ),
        creating(
            "signed-url-expired",
            "The job completes, but its signed URL has already expired.",
            "raises",
            usually="the code does not check SignedUrlExpiresAt.",
            group="resilience",  # code that uses the URL at once gets an error of S3 anyway
            answer=_with_expired_url,
            unless=_no_signed_url,
        ),
    ]


_URL_OWNER: Final = "ExportAssetToSignedUrl"


def _without_url(job: dict[str, Any]) -> Mapping[str, Any]:
    kept = {name: part for name, part in job["Details"].get(_URL_OWNER, {}).items() if not name.startswith("SignedUrl")}
    return job | {"Details": {_URL_OWNER: kept}} if kept else job


def _with_expired_url(job: dict[str, Any]) -> Mapping[str, Any]:
    own = job["Details"].get(_URL_OWNER, {})
    if "SignedUrl" not in own:
        return job
    expired = own | {"SignedUrlExpiresAt": job["CreatedAt"]}
    return job | {"Details": {_URL_OWNER: expired}}


def _no_signed_url(fake: FakeDataExchange) -> str:
    types = {job.type for job in fake.jobs}
    return "" if "EXPORT_ASSET_TO_SIGNED_URL" in types else "the code creates no job with a signed URL"


_GROUPS: Final = {
    "states": _states,
    "job-errors": _job_errors,
    "service-errors": _service_errors,
    "resilience": _resilience,
    "future": _future,
    "creating": _creating,
}
GROUPS: Final = tuple(_GROUPS)


@functools.cache
def catalogue() -> tuple[Scenario, ...]:
    """Return all scenarios of the package."""
    return tuple(scenario for group in _GROUPS.values() for scenario in group())
