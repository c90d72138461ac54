"""The scenarios for code that creates its jobs: what happens on the way, and to several jobs at once.

Two of them look at what becomes of a signed URL, for which only the code itself can have asked.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs import faults
from pytest_dxjobs._jobs.histories import completes, fails
from pytest_dxjobs._scenarios.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_dxjobs._fake.fake import FakeDataExchange


def scenarios_of_creating() -> list[Scenario]:
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
