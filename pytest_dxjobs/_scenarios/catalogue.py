"""The scenarios that come with the package: what the service documents, and what goes wrong on the way to it.

States, job errors and service errors are documented; what happens to connections is seen everywhere; what
a later service may send is a guess by its nature, and a matter of taste.
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


USUAL_GROUPS: Final = ("states", "job-errors", "service-errors", "creating")

_NO_REACTION: Final = "the loop knows some end states and goes on at the others."
_NO_DEADLINE: Final = "the loop has no deadline, or leaves at it as if all were well."
_ERROR_PATH: Final = (
    'the error path takes job["Errors"][0] and its members for granted, or throws them away.'
)
_ONE_FAILED_CALL: Final = (
    "an exception of one get_job call ends the wait, although the job goes on."
)
_BROAD_EXCEPT: Final = (
    "a broad except takes an error of the call for a state of the job, or goes on for ever."
)


def _always(fault: faults.Fault, fake: FakeDataExchange) -> None:
    fake.inject(fault, requests=ALWAYS)


def _once(fault: faults.Fault, fake: FakeDataExchange) -> None:
    """At the second request, when the code believes that all is well."""
    fake.inject(fault, after=1)


def _with(state: str, **members: Any) -> Callable[[dict[str, Any]], Mapping[str, Any]]:
    """Other members for a job in this state."""

    def answer(job: dict[str, Any]) -> Mapping[str, Any]:
        return job | members if job["State"] == state else job

    return answer


def _states() -> list[Scenario]:
    state = functools.partial(Scenario, group="states")
    return [
        state(
            "completes-at-once",
            "The job has completed when it is first looked at.",
            history=completes(),
        ),
        state(
            "completes-later",
            "The job is in progress for 45 s and then completes.",
            history=completes(after=45),
            usually="there is no sleep between the polls, or the deadline is very short.",
        ),
        state(
            "error",
            "The job ends in ERROR.",
            "raises",
            fails(polls=2),
            "the code looks for COMPLETED alone, or for states that do not exist.",
        ),
        state(
            "timed-out", "The job ends in TIMED_OUT.", "raises", times_out(polls=2), _NO_REACTION
        ),
        state("cancelled", "The job has been cancelled.", "raises", gets_cancelled(), _NO_REACTION),
        state(
            "cancelled-while-waiting",
            "The job is cancelled while the code waits for it to begin.",
            "raises",
            gets_cancelled(polls=3),
            _NO_REACTION,
        ),
        state(
            "stuck-in-waiting",
            "The job stays WAITING for ever.",
            "gives up",
            stays("WAITING"),
            _NO_DEADLINE,
        ),
        state(
            "stuck-in-progress",
            "The job stays IN_PROGRESS for ever.",
            "gives up",
            stays("IN_PROGRESS"),
            _NO_DEADLINE,
        ),
        state(
            "never-started",
            "Somebody has created the job and never started it, so that it stays WAITING.",
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
                f"The job fails with {code}, and its error has every detail.",
                history=fails(code, polls=2),
            )
            for code in JOB_ERROR_CODES
        ),
        error(
            "code-and-message-only",
            "The job fails, and its error has a code and a message alone.",
            history=fails(errors=[first], polls=2),
        ),
        error(
            "several-errors",
            "The job fails with two errors.",
            history=fails(errors=[first, second], polls=2),
        ),
        error(
            "errors-absent",
            "The job fails, and its answer has no Errors.",
            history=fails(errors=ABSENT, polls=2),
        ),
        error(
            "errors-empty",
            "The job fails, and its Errors are empty.",
            history=fails(errors=[], polls=2),
        ),
        error(
            "limit-exceeded",
            "The job exceeds a limit, which its error names.",
            history=fails("SERVICE_QUOTA_EXCEEDED_EXCEPTION", polls=2),
            answer=_with(
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
            prepare=functools.partial(_always, fault),
            max_polls=1000,  # for a call that is tried again is several requests
            group="service-errors",
        )

    return [
        error("not-found", "The service does not find the job.", faults.not_found()),
        error("access-denied", "The service does not permit get_job.", faults.access_denied()),
        error(
            "invalid-request",
            "The service refuses the request of get_job as invalid.",
            faults.validation(),
        ),
        error("throttled-for-ever", "The service throttles get_job for ever.", faults.throttling()),
        error(
            "internal-error",
            "The service answers get_job with an internal error for ever.",
            faults.internal_error(),
        ),
    ]


def _resilience() -> list[Scenario]:
    call = functools.partial(Scenario, usually=_ONE_FAILED_CALL, group="resilience")
    return [
        call(
            "throttled-briefly",
            "Two requests are throttled, and botocore's retries get over it.",
            prepare=lambda fake: fake.throttle(requests=2),
        ),
        call(
            "burst-of-500s",
            "Two requests fail within the service, and botocore's retries get over it.",
            prepare=lambda fake: fake.inject(faults.internal_error(), requests=2, after=1),
        ),
        call(
            "connection-reset",
            "A connection is closed while get_job waits for its answer.",
            prepare=functools.partial(_once, faults.connection_closed()),
        ),
        call(
            "one-call-fails",
            "One whole call of get_job fails, all retries included, and the next one is answered.",
            prepare=lambda fake: fake.inject(faults.service_unavailable(), calls=1, after=1),
        ),
    ]


def _future() -> list[Scenario]:
    later = functools.partial(
        Scenario,
        usually="the code takes the names that it knows for all there are.",
        group="future",
    )
    new = {"Code": "COSMIC_RAY_EXCEPTION", "Message": "A cosmic ray has hit the asset."}
    return [
        later(
            "unknown-state",
            "The job passes through a state that does not exist yet, and completes.",
            answer=_with("IN_PROGRESS", State="SCANNING"),
        ),
        later(
            "unknown-error-code",
            "The job fails with an error code that does not exist yet.",
            "raises",
            fails(polls=2),
            answer=_with("ERROR", Errors=[new]),
        ),
        later(
            "unknown-members",
            "The job has members that do not exist yet.",
            answer=lambda job: job | {"Progress": 0.5, "Owner": {"Id": "none"}},
        ),
        later(
            "unknown-type",
            "The job has a type that does not exist yet, and details of which nothing is known.",
            answer=lambda job: job | {"Type": "EXPORT_ASSETS_TO_THE_MOON", "Details": {}},
            only="check",  # code that creates a job knows its type
        ),
    ]


def _creating() -> list[Scenario]:
    """All of them."""
    creating = functools.partial(Scenario, only="check_creating", group="creating")
    return [
        creating(
            "two-jobs",
            "Of several jobs that the code creates the first completes, and the others fail.",
            "raises",
            fails(polls=2),
            "the code polls one job again and again, and never looks at the others.",
            # Later than the others fail, so that who stops at a failure leaves it alone.
            prepare=lambda fake: fake.next_job(completes(polls=6)),
            unless=lambda fake: "" if len(fake.jobs) > 1 else "the code creates one job alone",
        ),
        creating(
            "limit-on-start",
            "The service refuses start_job once, since too many jobs are running.",
            "returns or raises",
            usually="the code does not look at what start_job answers.",
            prepare=lambda fake: fake.inject(
                faults.conflict(message="Too many jobs are in progress."), operation="start_job"
            ),
        ),
        creating(
            "signed-url-missing",
            "The job has completed, and its answer has no signed URL.",
            "raises",
            usually="the code takes the result for granted.",
            answer=_without_url,
            unless=_no_signed_url,
        ),
        creating(
            "signed-url-expired",
            "The job has completed, and its signed URL has expired when the code sees it.",
            "raises",
            usually="the code does not look at SignedUrlExpiresAt.",
            group="resilience",  # who uses it at once meets the refusal of S3 instead
            answer=_with_expired_url,
            unless=_no_signed_url,
        ),
    ]


_URL_OWNER: Final = "ExportAssetToSignedUrl"


def _without_url(job: dict[str, Any]) -> Mapping[str, Any]:
    kept = {
        name: part
        for name, part in job["Details"].get(_URL_OWNER, {}).items()
        if not name.startswith("SignedUrl")
    }
    return job | {"Details": {_URL_OWNER: kept}} if kept else job


def _with_expired_url(job: dict[str, Any]) -> Mapping[str, Any]:
    own = job["Details"].get(_URL_OWNER, {})
    if "SignedUrl" not in own:
        return job
    expired = own | {"SignedUrlExpiresAt": job["CreatedAt"]}
    return job | {"Details": {_URL_OWNER: expired}}


def _no_signed_url(fake: FakeDataExchange) -> str:
    types = {job.type for job in fake.jobs}
    return "" if "EXPORT_ASSET_TO_SIGNED_URL" in types else "no job of the code has a signed URL"


_MAKERS: Final = {
    "states": _states,
    "job-errors": _job_errors,
    "service-errors": _service_errors,
    "resilience": _resilience,
    "future": _future,
    "creating": _creating,
}
GROUPS: Final = tuple(_MAKERS)


@functools.cache
def catalogue() -> tuple[Scenario, ...]:
    """All of them."""
    return tuple(scenario for make in _MAKERS.values() for scenario in make())
