"""Interception: which clients reach the fake, and that it restores botocore."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import functools
import gc
import inspect
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import botocore.endpoint
import botocore.session
import pytest
from blocked_network import BlockedNetwork
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import CredentialResolver
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)
from botocore.session import Session
from botocore.stub import Stubber

import pytest_dxjobs as dx

KEYS: Any = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


def make_client(service: Any = "dataexchange", **options: Any) -> Any:
    """Return a client of the default session, with credentials as is needed outside the fake."""
    return boto3.client(service, **{"region_name": "us-east-1", **KEYS, **options})


IMPORT_TIME_CLIENT = make_client(region_name="ap-southeast-2", config=ONE_ATTEMPT)
METHODS = [
    (owner, name)
    for owner in (BaseClient, Session)
    for name in ("_make_request", "_make_api_call", "create_client")
    if name in vars(owner)
]
ORIGINALS = [vars(owner)[name] for owner, name in METHODS]


@pytest.fixture(autouse=True)
def _botocore_is_restored() -> Iterator[None]:
    yield
    assert [vars(owner)[name] for owner, name in METHODS] == ORIGINALS
    assert handlers_of(IMPORT_TIME_CLIENT) == []


def handlers_of(client: Any) -> list[str]:
    """Return our ids and handlers that are registered on a client."""
    emitter = client.meta.events._emitter
    ids = [name for name in emitter._unique_id_handlers if "dxjobs" in str(name)]
    called = [
        repr(handler)
        for event in ("before-send", "choose-signer", "needs-retry", "before-call")
        for handler in emitter._handlers.prefix_search(f"{event}.dataexchange.GetJob")
        if "pytest_dxjobs" in repr(handler)
    ]
    return ids + called


def test_patched_methods_keep_their_signatures(dxjobs: dx.FakeDataExchange) -> None:
    for (owner, name), original in zip(METHODS, ORIGINALS, strict=True):
        assert inspect.signature(vars(owner)[name]) == inspect.signature(original)


def test_clients_of_every_kind_reach_the_fake() -> None:
    session = boto3.Session(region_name="eu-central-1", **KEYS)
    early = [
        IMPORT_TIME_CLIENT,
        make_client(),
        session.client("dataexchange"),
        botocore.session.Session().create_client("dataexchange", region_name="us-west-2", **KEYS),
    ]
    with dx.FakeDataExchange() as fake:
        late = [
            boto3.client("dataexchange", region_name="us-east-2"),
            boto3.Session(region_name="eu-west-3").client("dataexchange"),
            session.client("dataexchange", region_name="sa-east-1"),
            botocore.session.get_session().create_client("dataexchange", region_name="us-west-1"),
        ]
        job = fake.add_job()
        for client in early + late:
            assert client.get_job(JobId=job.id)["Id"] == job.id
        assert all(handlers_of(client) for client in early + late)
    assert [handlers_of(client) for client in early + late] == [[]] * 8


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://localhost:4566",
        "https://example.com/",
        "http://127.0.0.1:1/a/b",
        "http://x/v1/jobs/",
        "http://x/a//b//",
    ],
)
def test_a_client_with_an_endpoint_url_reaches_the_fake(endpoint: str) -> None:
    client = boto3.client(
        "dataexchange",
        region_name="us-east-1",
        endpoint_url=endpoint,
        **KEYS,
    )
    with dx.FakeDataExchange() as fake:
        job = fake.add_job()
        assert client.get_job(JobId=job.id)["Id"] == job.id


@pytest.mark.parametrize(
    "config",
    [
        Config(signature_version=UNSIGNED),
        Config(retries={"mode": "legacy"}),
        Config(retries={"mode": "standard"}),
        Config(retries={"mode": "adaptive"}),
        Config(connect_timeout=1, tcp_keepalive=True, proxies={"https": "http://example.com"}),
    ],
)
def test_a_client_with_a_config_reaches_the_fake(config: Config) -> None:
    with dx.FakeDataExchange() as fake:
        client = boto3.client("dataexchange", region_name="us-east-1", config=config)
        job = fake.add_job()
        assert client.get_job(JobId=job.id)["ResponseMetadata"]["RetryAttempts"] == 0


# Region and credentials


def test_an_active_fake_needs_no_region_and_no_credentials(network: BlockedNetwork) -> None:
    with dx.FakeDataExchange(), dx.FakeDataExchange(region="eu-north-1") as fake:
        client = boto3.client("dataexchange")
        assert client.meta.region_name == "eu-north-1"
        job = fake.add_job()
        assert client.get_job(JobId=job.id)["Id"] == job.id
    assert network.attempts == []


def test_a_client_made_without_credentials_reaches_the_fake(network: BlockedNetwork) -> None:
    client = boto3.client("dataexchange", region_name="us-east-1")
    network.attempts.clear()  # botocore looked for credentials when the client was made
    with dx.FakeDataExchange() as fake:
        job = fake.add_job()
        assert client.get_job(JobId=job.id)["Id"] == job.id
    with pytest.raises(NoCredentialsError):
        client.get_job(JobId=job.id)


def test_without_an_active_fake_a_region_is_needed(network: BlockedNetwork) -> None:
    with dx.FakeDataExchange():
        pass
    with pytest.raises(NoRegionError):
        boto3.client("dataexchange")
    network.attempts.clear()


def test_other_services_need_a_region_while_a_fake_is_active(network: BlockedNetwork) -> None:
    with dx.FakeDataExchange(), pytest.raises(NoRegionError):
        boto3.client("sqs")
    network.attempts.clear()


def test_a_configured_region_and_credentials_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    session: Any = botocore.session.Session()
    with dx.FakeDataExchange():
        client = session.create_client("dataexchange")
        assert client.meta.region_name == "eu-south-1"
        assert client._request_signer._credentials.access_key == "mine"
        session.get_credentials()  # found and kept by the session
        again = session.create_client("dataexchange")
        assert again._request_signer._credentials.access_key == "mine"
        named = session.create_client("dataexchange", "us-east-1")
        assert named.meta.region_name == "us-east-1"


def test_credentials_of_the_session_are_kept() -> None:
    session: Any = botocore.session.Session()
    session.set_credentials("own", "secret")
    with dx.FakeDataExchange():
        client = session.create_client("dataexchange", region_name="us-east-1")
    assert client._request_signer._credentials.access_key == "own"


def test_the_session_itself_still_looks_for_credentials_on_the_network(
    network: BlockedNetwork,
) -> None:
    session = botocore.session.Session()
    with dx.FakeDataExchange():
        session.create_client("dataexchange", region_name="us-east-1")
        assert network.attempts == []
        assert session.get_credentials() is None
        assert network.attempts  # called by the code itself, so botocore does what it always does
    network.attempts.clear()


def test_a_custom_credential_provider_is_used() -> None:
    class Vault:
        def load_credentials(self) -> object:
            return botocore.credentials.Credentials("from", "vault")

    session: Any = botocore.session.Session()
    session.register_component("credential_provider", Vault())
    with dx.FakeDataExchange():
        client = session.create_client("dataexchange", region_name="us-east-1")
    assert client._request_signer._credentials.access_key == "from"


@pytest.mark.parametrize(
    "profile",
    [
        "role_arn=arn:aws:iam::123456789012:role/r\ncredential_source=Ec2InstanceMetadata",
        "role_arn=arn:aws:iam::123456789012:role/r\ncredential_source=EcsContainer",
        "credential_process=/bin/false",
        "aws_access_key_id=half",
    ],
)
def test_remote_and_incomplete_credentials_are_not_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str
) -> None:
    config = tmp_path / "config"
    config.write_text(f"[default]\nregion=us-east-1\n{profile}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with dx.FakeDataExchange() as fake:
        client: Any = botocore.session.Session().create_client("dataexchange")
        assert client.get_job(JobId=fake.add_job().id)


def test_a_replaced_get_credentials_is_used() -> None:
    session: Any = botocore.session.Session()
    session.get_credentials = lambda: botocore.credentials.Credentials("own", "secret")
    with dx.FakeDataExchange():
        client = session.create_client("dataexchange", region_name="us-east-1")
    assert client._request_signer._credentials.access_key == "own"


def test_remote_providers_exist_in_botocore() -> None:
    resolver: CredentialResolver = botocore.session.Session().get_component("credential_provider")
    methods = {provider.METHOD for provider in resolver.providers}
    assert {"iam-role", "container-role", "assume-role", "custom-process"} <= methods


# Other services and calls outside the fake


def test_calls_to_other_services_are_sent(network: BlockedNetwork) -> None:
    s3 = boto3.client("s3", region_name="us-east-1", config=Config(retries={"max_attempts": 0}), **KEYS)
    with dx.FakeDataExchange(), pytest.raises(EndpointConnectionError):
        s3.list_buckets()
    assert network.attempts
    network.attempts.clear()


def test_without_an_active_fake_requests_are_sent_signed(network: BlockedNetwork) -> None:
    client = make_client(config=ONE_ATTEMPT)
    with dx.FakeDataExchange() as fake:
        client.get_job(JobId=fake.add_job().id)
    headers: list[Any] = []
    client.meta.events.register("before-send.dataexchange", lambda request, **_: headers.append(request.headers))
    with pytest.raises(EndpointConnectionError):
        client.get_job(JobId=dx.job_id("x"))
    assert b"Signature=" in headers[0]["Authorization"]
    assert network.attempts
    network.attempts.clear()


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_botocore_is_restored_after_a_failure(error: type[BaseException]) -> None:
    with pytest.raises(error), dx.FakeDataExchange() as fake:  # noqa: PT012
        IMPORT_TIME_CLIENT.get_job(JobId=fake.add_job().id)
        assert handlers_of(IMPORT_TIME_CLIENT)
        raise error


def test_an_unreferenced_client_is_garbage_collected() -> None:
    with dx.FakeDataExchange() as fake:
        client = boto3.client("dataexchange")
        client.get_job(JobId=fake.add_job().id)
        reference = weakref.ref(client)
        del client
        gc.collect()
        assert reference() is None


@pytest.mark.parametrize("stage", ["request-created", "choose-signer", "before-send"])
def test_a_running_call_reaches_the_fake_that_is_deactivated_meanwhile(stage: str, network: BlockedNetwork) -> None:
    client = make_client(config=ONE_ATTEMPT)
    fake = dx.FakeDataExchange()
    job = fake.add_job()
    fake.activate()

    def deactivate_fake(**_: object) -> None:
        fake.deactivate()
        if threading.current_thread() is threading.main_thread():
            with concurrent.futures.ThreadPoolExecutor() as pool:
                others.append(pool.submit(client.get_job, JobId=job.id).exception())

    others: list[Any] = []
    client.meta.events.register_first(f"{stage}.dataexchange.GetJob", deactivate_fake)
    signed: list[bool] = []

    def send(request: Any, **_: object) -> None:
        signed.append("Authorization" in request.headers)

    client.meta.events.register("before-send.dataexchange", send)
    assert client.get_job(JobId=job.id)["State"] == "COMPLETED"
    assert job.polls == 1
    assert signed == [True, False]
    assert handlers_of(client) == []
    # The other thread's call started after the fake was deactivated.
    assert isinstance(others[0], EndpointConnectionError)
    assert network.attempts
    network.attempts.clear()


def test_all_attempts_of_a_call_reach_the_fake_of_its_start(network: BlockedNetwork) -> None:
    client = make_client()
    with contextlib.ExitStack() as stack:
        fake = stack.enter_context(dx.FakeDataExchange(strict=False))
        job = fake.add_job()
        fake.throttle(2)
        others: list[Any] = []

        def change_fakes(**_: object) -> None:
            stack.close()
            others.append(stack.enter_context(dx.FakeDataExchange()))

        client.meta.events.register("needs-retry.dataexchange", change_fakes)
        assert client.get_job(JobId=job.id)["State"] == "COMPLETED"
        assert len(others) == 3
    assert [each.status for each in fake.calls[0].attempts] == [429, 429, 200]
    assert [other.calls for other in others] == [[]] * 3
    assert handlers_of(client) == []
    assert network.attempts == []


# Other tools


def test_moto_serves_other_services() -> None:
    moto = pytest.importorskip("moto")
    with moto.mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        with dx.FakeDataExchange() as fake:
            job = fake.add_job()
            assert IMPORT_TIME_CLIENT.get_job(JobId=job.id)["Id"] == job.id
            assert boto3.client("dataexchange").get_job(JobId=job.id)["Id"] == job.id
            s3.create_bucket(Bucket="beside")
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["beside"]


def test_other_services_sleep_before_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    efs: Any = make_client("efs", config=Config(retries={"mode": "standard"}))
    ours: Any = make_client(config=Config(retries={"mode": "standard"}))
    failing: Any = AWSResponse("", 503, {}, None)  # type: ignore[arg-type]
    failing._content = b"{}"
    efs.meta.events.register_first("before-send.efs", lambda **_: failing)
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    module = vars(botocore.endpoint)["time"]
    with dx.FakeDataExchange() as fake:
        fake.add_client_error("get_job", "ThrottlingException")
        with pytest.raises(ClientError):
            ours.get_job(JobId=dx.job_id("any"))
        assert (waits, len(fake.calls[0].attempts)) == ([], 3)
        with pytest.raises(ClientError):
            efs.describe_file_systems()
        assert len(waits) == 2
        assert vars(botocore.endpoint)["time"].monotonic is time.monotonic
    assert vars(botocore.endpoint)["time"] is module is time


def test_moto_may_start_after_the_fake() -> None:
    moto = pytest.importorskip("moto")
    with dx.FakeDataExchange() as fake:
        job = fake.add_job()
        with moto.mock_aws():
            assert IMPORT_TIME_CLIENT.get_job(JobId=job.id)["Id"] == job.id
            boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="beside")


def test_a_stubber_takes_precedence_over_the_fake() -> None:
    with dx.FakeDataExchange() as fake, Stubber(IMPORT_TIME_CLIENT) as stubber:
        stubber.add_response("list_data_sets", {"DataSets": []})
        assert IMPORT_TIME_CLIENT.list_data_sets() == {"DataSets": []}
    assert repr(fake) == "<FakeDataExchange us-east-1, 0 jobs, not active>"


def test_a_patched_make_api_call_may_call_the_original() -> None:
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def respond(client: Any, operation: str, params: Any) -> Any:
        return {"DataSets": []} if operation == "ListDataSets" else original(client, operation, params)

    with dx.FakeDataExchange() as fake:
        job = fake.add_job()
        with mock.patch("botocore.client.BaseClient._make_api_call", new=respond):
            client = make_client()
            assert client.list_data_sets() == {"DataSets": []}
            assert client.get_job(JobId=job.id)["Id"] == job.id


def test_a_wrapper_around_ours_stays_when_the_fake_is_deactivated(network: BlockedNetwork) -> None:
    fake = dx.FakeDataExchange()
    fake.activate()
    ours = vars(BaseClient)["_make_request"]
    seen: list[str] = []

    def traced(client: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(client.meta.region_name)
        return ours(client, *args, **kwargs)

    with mock.patch.object(BaseClient, "_make_request", new=traced):
        fake.deactivate()
        assert vars(BaseClient)["_make_request"] is traced
        with dx.FakeDataExchange() as second:
            job = second.add_job()
            assert IMPORT_TIME_CLIENT.get_job(JobId=job.id)["Id"] == job.id
        assert seen == ["ap-southeast-2"]
        with pytest.raises(EndpointConnectionError):
            IMPORT_TIME_CLIENT.get_job(JobId=job.id)
        assert handlers_of(IMPORT_TIME_CLIENT) == []
        network.attempts.clear()
    BaseClient._make_request = ORIGINALS[0]  # type: ignore[attr-defined] # the patch put ours back


def test_a_wrapper_that_copies_our_attributes_is_not_removed() -> None:
    fake = dx.FakeDataExchange()
    fake.activate()
    ours = vars(BaseClient)["_make_request"]
    seen: list[str] = []

    @functools.wraps(ours)
    def traced(client: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(client.meta.region_name)
        return ours(client, *args, **kwargs)

    with mock.patch.object(BaseClient, "_make_request", new=traced):
        fake.deactivate()
        for calls in (1, 2):
            with dx.FakeDataExchange() as another:
                IMPORT_TIME_CLIENT.get_job(JobId=another.add_job().id)
            assert len(seen) == calls
            assert vars(BaseClient)["_make_request"] is traced
    BaseClient._make_request = ORIGINALS[0]  # type: ignore[attr-defined] # the patch put ours back


def test_patches_that_outlive_fakes_leave_at_most_one_idle_wrapper() -> None:
    depths = []
    try:
        for _ in range(3):
            fake = dx.FakeDataExchange()
            fake.activate()
            patch = mock.patch.object(BaseClient, "_make_request")
            patch.start()
            fake.deactivate()
            patch.stop()  # this puts back our wrapper
            method, depth = vars(BaseClient)["_make_request"], 0
            while method is not ORIGINALS[0]:
                method, depth = method.__wrapped__, depth + 1
            depths.append(depth)
        assert depths == [1, 1, 1]
        with dx.FakeDataExchange() as fake:
            assert IMPORT_TIME_CLIENT.get_job(JobId=fake.add_job().id)
    finally:
        BaseClient._make_request = ORIGINALS[0]  # type: ignore[attr-defined]


def test_handlers_of_the_user_receive_the_request() -> None:
    seen: list[str] = []
    client = make_client()
    client.meta.events.register("before-send", lambda request, **_: seen.append(request.url))
    with dx.FakeDataExchange() as fake:
        job = fake.add_job()
        client.get_job(JobId=job.id)
    assert seen == [f"https://dataexchange.us-east-1.amazonaws.com/v1/jobs/{job.id}"]


def test_concurrent_threads_register_the_handlers_once() -> None:
    client = make_client()
    barrier = threading.Barrier(8)
    with dx.FakeDataExchange() as fake:
        job = fake.add_job()

        def poll() -> None:
            barrier.wait()
            client.get_job(JobId=job.id)

        threads = [threading.Thread(target=poll) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert job.polls == 8
        assert len(handlers_of(client)) == 4  # two ids, two handlers
    assert handlers_of(client) == []


def test_responses_show_the_time_of_freezegun() -> None:
    import freezegun

    with freezegun.freeze_time("2030-01-01"), dx.FakeDataExchange() as fake:
        job = fake.add_job()
        response = IMPORT_TIME_CLIENT.get_job(JobId=job.id)
        assert response["UpdatedAt"] == datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["date"] == "Tue, 01 Jan 2030 00:00:00 GMT"
