"""Consumers: code that waits for jobs, some correct, most with a defect that was found in public code."""

from __future__ import annotations

import asyncio
import multiprocessing.dummy
import random
import sys
import time
from datetime import datetime, timedelta
from time import sleep
from typing import Any

import boto3
from botocore.exceptions import ClientError

FAILED = ("ERROR", "CANCELLED", "TIMED_OUT")
keys: Any = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
client: Any = boto3.client("dataexchange", region_name="us-east-1", **keys)


class Failed(Exception):
    """A job has failed."""


def describe_failure(job: dict[str, Any]) -> str:
    errors = [f"{each.get('Code')}: {each.get('Message')}" for each in job.get("Errors") or []]
    return f"job {job['Id']} is {job['State']}: {'; '.join(errors)}"


def create(**details: Any) -> str:
    job = client.create_job(
        Type="EXPORT_REVISIONS_TO_S3",
        Details={
            "ExportRevisionsToS3": {
                "DataSetId": "d" * 32,
                "RevisionDestinations": [{"Bucket": "my-bucket", "RevisionId": "e" * 32}],
                **details,
            }
        },
    )
    return str(job["Id"])


# Correct code.


def polls_until_deadline(job_id: str) -> dict[str, Any]:
    deadline, last = time.monotonic() + 600, None
    while time.monotonic() < deadline:
        try:
            job: dict[str, Any] = client.get_job(JobId=job_id)
        except ClientError as error:
            last = _return_if_transient(error)
        else:
            if job["State"] == "COMPLETED":
                return job
            if job["State"] in FAILED:
                raise Failed(describe_failure(job))
            last = None
        time.sleep(15)
    raise TimeoutError(f"job {job_id} is not ready after ten minutes; last failure: {last}")


def polls_with_backoff(job_id: str) -> None:
    pause, draws = 1.0, random.Random(7)
    last: ClientError | None = None
    for _ in range(20):
        try:
            job = client.get_job(JobId=job_id)
            last = None
            if job["State"] == "COMPLETED":
                return
            if job["State"] in FAILED:
                raise Failed(describe_failure(job))
        except ClientError as error:
            last = _return_if_transient(error)
        sleep(pause * draws.uniform(0.5, 1.0))
        pause = min(pause * 2, 60)
    raise Failed(f"{job_id} has not ended") from last


def _return_if_transient(error: ClientError) -> ClientError:
    if error.response["ResponseMetadata"]["HTTPStatusCode"] in (429, 500, 503):
        return error
    raise error


def polls_in_a_pool() -> None:
    ids = [create() for _ in range(3)]
    for job_id in ids:
        client.start_job(JobId=job_id)
    with multiprocessing.dummy.Pool(10) as pool:
        failures = [each for each in pool.map(_wait_failure, ids) if each is not None]
    if failures:
        raise Failed("; ".join(map(repr, failures)))


def _wait_failure(job_id: str) -> Exception | None:
    try:
        polls_until_deadline(job_id)
    except Exception as error:
        return error
    return None


async def polls_in_asyncio(job_id: str) -> None:
    async def poll() -> None:
        while (job := await asyncio.to_thread(client.get_job, JobId=job_id))["State"] != "COMPLETED":
            if job["State"] in FAILED:
                raise Failed(describe_failure(job))
            await asyncio.sleep(20)

    await asyncio.wait_for(poll(), 400)


def reports_by_return_value(job_id: str) -> dict[str, Any]:
    try:
        polls_until_deadline(job_id)
    except Exception as error:
        return {"ok": False, "reason": str(error)}
    return {"ok": True}


# Code with a defect.


def ignores_timed_out(job_id: str) -> None:
    while True:
        job = client.get_job(JobId=job_id)
        if job["State"] == "COMPLETED":
            return
        if job["State"] in ("ERROR", "CANCELLED"):
            raise Failed(describe_failure(job))
        time.sleep(10)


def ignores_timed_out_and_cancelled(job_id: str) -> None:
    state = "WAITING"
    while state not in ("COMPLETED", "ERROR"):
        time.sleep(5)
        job = client.get_job(JobId=job_id)
        state = job["State"]
    if state == "ERROR":
        raise Failed(describe_failure(job))


def gives_up_after_one_failed_call(job_id: str) -> None:
    for _ in range(60):
        job = client.get_job(JobId=job_id)
        if job["State"] == "COMPLETED":
            return
        if job["State"] in FAILED:
            raise Failed(describe_failure(job))
        time.sleep(10)
    raise TimeoutError(job_id)


def has_no_deadline(job_id: str) -> None:
    while (job := client.get_job(JobId=job_id))["State"] in ("WAITING", "IN_PROGRESS"):
        time.sleep(30)
    if job["State"] != "COMPLETED":
        raise Failed(describe_failure(job))


def polls_failed_jobs_until_deadline(job_id: str) -> None:
    for _ in range(20):
        job = client.get_job(JobId=job_id)
        if job["State"] == "COMPLETED":
            return
        if job["State"] == "ERROR":
            raise Failed(describe_failure(job))
        time.sleep(30)
    raise TimeoutError(f"job {job_id} takes too long")


def reports_timed_out_at_its_own_deadline(job_id: str) -> None:
    deadline = datetime.now().astimezone() + timedelta(minutes=10)
    while (job := client.get_job(JobId=job_id))["State"] not in ("COMPLETED", *FAILED):
        if datetime.now().astimezone() > deadline:
            raise Failed(f"job {job_id} has TIMED_OUT")
        time.sleep(30)
    if job["State"] != "COMPLETED":
        raise Failed(describe_failure(job))


def crashes_in_its_error_path(job_id: str) -> None:
    deadline = time.time() + 600
    while time.time() < deadline:
        job = client.get_job(JobId=job_id)
        if job["State"] == "COMPLETED":
            return
        if job["State"] in FAILED:
            raise Failed(f"{job['State']}: {job['Errors'][0]['Message']}")
        time.sleep(10)
    raise TimeoutError(job_id)


def discards_the_job_errors(job_id: str) -> None:
    deadline = time.time() + 600
    while time.time() < deadline:
        job = client.get_job(JobId=job_id)
        if job["State"] == "COMPLETED":
            return
        if job["State"] in FAILED:
            raise Failed(f"job {job_id}: {job['State']}")
        time.sleep(10)
    raise TimeoutError(job_id)


def returns_after_any_end_state(job_id: str) -> None:
    for _ in range(60):
        job = client.get_job(JobId=job_id)
        if job["State"] in ("COMPLETED", *FAILED):
            return
        time.sleep(10)


def exits_with_success(job_id: str) -> None:
    try:
        polls_until_deadline(job_id)
    except Exception:
        sys.exit()


def checks_for_nonexistent_states(job_id: str) -> None:
    for _ in range(60):
        job = client.get_job(JobId=job_id)
        if job["State"] == "COMPLETED":
            return
        assert job["State"] not in ("FAILED", "ABORTED", "CANCELED"), describe_failure(job)
        time.sleep(10)
    raise TimeoutError(job_id)


def returns_error_after_a_failed_call(job_id: str) -> str:
    for _ in range(60):
        try:
            job = client.get_job(JobId=job_id)
        except Exception:
            return "ERROR"
        if job["State"] == "COMPLETED":
            return "COMPLETED"
        if job["State"] in FAILED:
            raise Failed(describe_failure(job))
        time.sleep(10)
    raise TimeoutError(job_id)


def retries_client_errors_forever(job_id: str) -> None:
    while True:
        try:
            polls_until_deadline(job_id)
        except ClientError:
            time.sleep(60)
        else:
            return


def expects_job_errors_as_exceptions(job_id: str) -> None:
    failures = (client.exceptions.ValidationException, client.exceptions.ConflictException)
    for _ in range(60):
        try:
            state = client.get_job(JobId=job_id)["State"]
        except failures as error:
            raise Failed(str(error)) from error
        if state == "COMPLETED":
            return
        time.sleep(10)
    raise TimeoutError(job_id)


def treats_datetimes_as_strings(job_id: str) -> str:
    job: Any = polls_until_deadline(job_id)
    return str(job["UpdatedAt"].split("T")[0])


def does_not_sleep(job_id: str) -> None:
    for _ in range(90):
        job = client.get_job(JobId=job_id)
        if job["State"] == "COMPLETED":
            return
        if job["State"] in FAILED:
            raise Failed(describe_failure(job))
    raise TimeoutError(job_id)


def expects_a_nested_job(job_id: str) -> None:
    assert client.get_job(JobId=job_id)["Job"]["State"] == "COMPLETED"


# Code that creates its jobs.


def creates_starts_and_polls() -> None:
    job_id = create()
    client.start_job(JobId=job_id)
    polls_until_deadline(job_id)


def never_starts_its_job() -> None:
    polls_until_deadline(create())


def polls_only_its_first_job() -> None:
    ids = [create(), create()]
    for job_id in ids:
        client.start_job(JobId=job_id)
    for _ in ids:
        polls_until_deadline(ids[0])


def sends_an_invalid_request() -> None:
    polls_until_deadline(create(RevisionDestinations="s3://my-bucket"))


def assumes_a_signed_url() -> str:
    job = _signed_url()
    return str(job["Details"]["ExportAssetToSignedUrl"].get("SignedUrl"))


def checks_the_signed_url() -> str:
    job = _signed_url()
    own = job["Details"]["ExportAssetToSignedUrl"]
    expires = own.get("SignedUrlExpiresAt")
    if expires is None or expires < datetime.now(expires.tzinfo):
        raise Failed(f"job {job['Id']} has no signed URL that is valid")
    return str(own["SignedUrl"])


def _signed_url() -> dict[str, Any]:
    client.list_revision_assets(DataSetId="d" * 32, RevisionId="e" * 32)
    ids = {"DataSetId": "d" * 32, "RevisionId": "e" * 32, "AssetId": "f" * 32}
    job = client.create_job(Type="EXPORT_ASSET_TO_SIGNED_URL", Details={"ExportAssetToSignedUrl": ids})
    client.start_job(JobId=job["Id"])
    return polls_until_deadline(job["Id"])
