"""Which clients the fake reaches, and that nothing of it stays."""

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
from refused_network import Network

import pytest_dxjobs as dx

KEYS: Any = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


def client_of_boto3(service: Any = "dataexchange", **options: Any) -> Any:
    """A client of the default session; with credentials, since it is made outside the fake."""
    return boto3.client(service, **{"region_name": "us-east-1", **KEYS, **options})


ON_IMPORT = client_of_boto3(region_name="ap-southeast-2", config=ONE_ATTEMPT)
METHODS = [
    (owner, name)
    for owner in (BaseClient, Session)
    for name in ("_make_request", "_make_api_call", "create_client")
    if name in vars(owner)
]
ORIGINALS = [vars(owner)[name] for owner, name in METHODS]


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    assert [vars(owner)[name] for owner, name in METHODS] == ORIGINALS
    assert handlers_of(ON_IMPORT) == []


def handlers_of(client: Any) -> list[str]:
    """What of ours is registered on a client."""
    emitter = client.meta.events._emitter
    ids = [name for name in emitter._unique_id_handlers if "dxjobs" in str(name)]
    called = [
        repr(handler)
        for event in ("before-send", "choose-signer", "needs-retry", "before-call")
        for handler in emitter._handlers.prefix_search(f"{event}.dataexchange.GetJob")
        if "pytest_dxjobs" in repr(handler)
    ]
    return ids + called


def test_what_is_replaced_looks_as_it_did(dxjobs: dx.FakeDataExchange) -> None:
    for (owner, name), original in zip(METHODS, ORIGINALS, strict=True):
        assert inspect.signature(vars(owner)[name]) == inspect.signature(original)


def test_clients_of_every_kind_are_answered() -> None:
    session = boto3.Session(region_name="eu-central-1", **KEYS)
    early = [
        ON_IMPORT,
        client_of_boto3(),
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
def test_an_endpoint_url_does_not_matter(endpoint: str) -> None:
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
def test_a_client_config_does_not_matter(config: Config) -> None:
    with dx.FakeDataExchange() as fake:
        client = boto3.client("dataexchange", region_name="us-east-1", config=config)
        job = fake.add_job()
        assert client.get_job(JobId=job.id)["ResponseMetadata"]["RetryAttempts"] == 0


# Without credentials and region


def test_no_region_and_no_credentials_are_needed_inside(network: Network) -> None:
    with dx.FakeDataExchange(), dx.FakeDataExchange(region="eu-north-1") as fake:
        client = boto3.client("dataexchange")
        assert client.meta.region_name == "eu-north-1"
        job = fake.add_job()
        assert client.get_job(JobId=job.id)["Id"] == job.id
    assert network.attempts == []


def test_a_client_that_was_made_without_credentials_is_answered(network: Network) -> None:
    client = boto3.client("dataexchange", region_name="us-east-1")
    network.attempts.clear()  # botocore looked for credentials when the client was made
    with dx.FakeDataExchange() as fake:
        job = fake.add_job()
        assert client.get_job(JobId=job.id)["Id"] == job.id
    with pytest.raises(NoCredentialsError):
        client.get_job(JobId=job.id)


def test_outside_a_region_is_needed_as_ever(network: Network) -> None:
    with dx.FakeDataExchange():
        pass
    with pytest.raises(NoRegionError):
        boto3.client("dataexchange")
    network.attempts.clear()


def test_other_services_need_their_region_inside_too(network: Network) -> None:
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


def test_credentials_that_the_session_has_already_are_kept() -> None:
    session: Any = botocore.session.Session()
    session.set_credentials("own", "secret")
    with dx.FakeDataExchange():
        client = session.create_client("dataexchange", region_name="us-east-1")
    assert client._request_signer._credentials.access_key == "own"


def test_a_session_looks_for_its_credentials_as_ever_afterwards(network: Network) -> None:
    session = botocore.session.Session()
    with dx.FakeDataExchange():
        session.create_client("dataexchange", region_name="us-east-1")
        assert network.attempts == []
        assert session.get_credentials() is None
        assert network.attempts  # asked for by the code itself: botocore does what it always does
    network.attempts.clear()


def test_a_credential_provider_of_ones_own_is_asked() -> None:
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
def test_credentials_that_cannot_be_had_are_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str
) -> None:
    config = tmp_path / "config"
    config.write_text(f"[default]\nregion=us-east-1\n{profile}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with dx.FakeDataExchange() as fake:
        client: Any = botocore.session.Session().create_client("dataexchange")
        assert client.get_job(JobId=fake.add_job().id)


def test_a_session_with_its_own_way_to_credentials_keeps_it() -> None:
    session: Any = botocore.session.Session()
    session.get_credentials = lambda: botocore.credentials.Credentials("own", "secret")
    with dx.FakeDataExchange():
        client = session.create_client("dataexchange", region_name="us-east-1")
    assert client._request_signer._credentials.access_key == "own"


def test_providers_of_credentials_are_named_as_they_are_in_botocore() -> None:
    resolver: CredentialResolver = botocore.session.Session().get_component("credential_provider")
    methods = {provider.METHOD for provider in resolver.providers}
    assert {"iam-role", "container-role", "assume-role", "custom-process"} <= methods


# What stays as it is


def test_other_services_go_on_as_ever(network: Network) -> None:
    s3 = boto3.client(
        "s3", region_name="us-east-1", config=Config(retries={"max_attempts": 0}), **KEYS
    )
    with dx.FakeDataExchange(), pytest.raises(EndpointConnectionError):
        s3.list_buckets()
    assert network.attempts
    network.attempts.clear()


def test_outside_the_fake_requests_go_out_signed(network: Network) -> None:
    client = client_of_boto3(config=ONE_ATTEMPT)
    with dx.FakeDataExchange() as fake:
        client.get_job(JobId=fake.add_job().id)
    headers: list[Any] = []
    client.meta.events.register(
        "before-send.dataexchange", lambda request, **_: headers.append(request.headers)
    )
    with pytest.raises(EndpointConnectionError):
        client.get_job(JobId=dx.job_id("x"))
    assert b"Signature=" in headers[0]["Authorization"]
    assert network.attempts
    network.attempts.clear()


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_nothing_stays_after_a_failure(error: type[BaseException]) -> None:
    with pytest.raises(error), dx.FakeDataExchange() as fake:  # noqa: PT012
        ON_IMPORT.get_job(JobId=fake.add_job().id)
        assert handlers_of(ON_IMPORT)
        raise error


def test_a_client_that_is_gone_is_kept_by_nobody() -> None:
    with dx.FakeDataExchange() as fake:
        client = boto3.client("dataexchange")
        client.get_job(JobId=fake.add_job().id)
        gone = weakref.ref(client)
        del client
        gc.collect()
        assert gone() is None


@pytest.mark.parametrize("stage", ["request-created", "choose-signer", "before-send"])
def test_a_call_in_flight_when_the_fake_goes_is_answered_and_leaves_nothing(
    stage: str, network: Network
) -> None:
    client = client_of_boto3(config=ONE_ATTEMPT)
    fake = dx.FakeDataExchange()
    job = fake.add_job()
    fake.activate()

    def end_the_fake(**_: object) -> None:
        fake.deactivate()
        if threading.current_thread() is threading.main_thread():
            with concurrent.futures.ThreadPoolExecutor() as pool:
                others.append(pool.submit(client.get_job, JobId=job.id).exception())

    others: list[Any] = []
    client.meta.events.register_first(f"{stage}.dataexchange.GetJob", end_the_fake)
    signed: list[bool] = []

    def send(request: Any, **_: object) -> None:
        signed.append("Authorization" in request.headers)

    client.meta.events.register("before-send.dataexchange", send)
    assert client.get_job(JobId=job.id)["State"] == "COMPLETED"
    assert job.polls == 1
    assert signed == [True, False]
    assert handlers_of(client) == []
    # What began elsewhere, and after the fake had gone, went where it always goes.
    assert isinstance(others[0], EndpointConnectionError)
    assert network.attempts
    network.attempts.clear()


def test_a_call_is_answered_by_the_fake_under_which_it_began(network: Network) -> None:
    client = client_of_boto3()
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


# Beside other tools


def test_an_active_moto_goes_on_serving_the_others() -> None:
    moto = pytest.importorskip("moto")
    with moto.mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        with dx.FakeDataExchange() as fake:
            job = fake.add_job()
            assert ON_IMPORT.get_job(JobId=job.id)["Id"] == job.id
            assert boto3.client("dataexchange").get_job(JobId=job.id)["Id"] == job.id
            s3.create_bucket(Bucket="beside")
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["beside"]


def test_others_wait_before_they_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    efs: Any = client_of_boto3("efs", config=Config(retries={"mode": "standard"}))
    ours: Any = client_of_boto3(config=Config(retries={"mode": "standard"}))
    failing: Any = AWSResponse("", 503, {}, None)  # type: ignore[arg-type]
    failing._content = b"{}"
    efs.meta.events.register_first("before-send.efs", lambda **_: failing)
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    clock = vars(botocore.endpoint)["time"]
    with dx.FakeDataExchange() as fake:
        fake.add_client_error("get_job", "ThrottlingException")
        with pytest.raises(ClientError):
            ours.get_job(JobId=dx.job_id("any"))
        assert (waits, len(fake.calls[0].attempts)) == ([], 3)
        with pytest.raises(ClientError):
            efs.describe_file_systems()
        assert len(waits) == 2
        assert vars(botocore.endpoint)["time"].monotonic is time.monotonic
    assert vars(botocore.endpoint)["time"] is clock is time


def test_moto_may_start_later() -> None:
    moto = pytest.importorskip("moto")
    with dx.FakeDataExchange() as fake:
        job = fake.add_job()
        with moto.mock_aws():
            assert ON_IMPORT.get_job(JobId=job.id)["Id"] == job.id
            boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="beside")


def test_a_stubber_answers_what_the_fake_does_not() -> None:
    with dx.FakeDataExchange() as fake, Stubber(ON_IMPORT) as stubber:
        stubber.add_response("list_data_sets", {"DataSets": []})
        assert ON_IMPORT.list_data_sets() == {"DataSets": []}
    assert repr(fake) == "<FakeDataExchange us-east-1, 0 jobs, not active>"


def test_a_patched_make_api_call_may_call_the_one_it_replaced() -> None:
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def answer(client: Any, operation: str, params: Any) -> Any:
        return (
            {"DataSets": []} if operation == "ListDataSets" else original(client, operation, params)
        )

    with dx.FakeDataExchange() as fake:
        job = fake.add_job()
        with mock.patch("botocore.client.BaseClient._make_api_call", new=answer):
            client = client_of_boto3()
            assert client.list_data_sets() == {"DataSets": []}
            assert client.get_job(JobId=job.id)["Id"] == job.id


def test_a_tool_that_wrapped_our_method_keeps_its_wrapper(network: Network) -> None:
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
            assert ON_IMPORT.get_job(JobId=job.id)["Id"] == job.id
        assert seen == ["ap-southeast-2"]
        with pytest.raises(EndpointConnectionError):
            ON_IMPORT.get_job(JobId=job.id)
        assert handlers_of(ON_IMPORT) == []
        network.attempts.clear()
    BaseClient._make_request = ORIGINALS[0]  # type: ignore[attr-defined] # the patch put ours back


def test_a_wrapper_that_copies_what_ours_has_is_not_taken_for_ours() -> None:
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
                ON_IMPORT.get_job(JobId=another.add_job().id)
            assert len(seen) == calls
            assert vars(BaseClient)["_make_request"] is traced
    BaseClient._make_request = ORIGINALS[0]  # type: ignore[attr-defined] # the patch put ours back


def test_a_patch_that_outlives_the_fake_leaves_one_idle_wrapper_at_most() -> None:
    depths = []
    try:
        for _ in range(3):
            fake = dx.FakeDataExchange()
            fake.activate()
            patch = mock.patch.object(BaseClient, "_make_request")
            patch.start()
            fake.deactivate()
            patch.stop()  # and this puts back what it found: ours
            method, depth = vars(BaseClient)["_make_request"], 0
            while method is not ORIGINALS[0]:
                method, depth = method.__wrapped__, depth + 1
            depths.append(depth)
        assert depths == [1, 1, 1]
        with dx.FakeDataExchange() as fake:
            assert ON_IMPORT.get_job(JobId=fake.add_job().id)
    finally:
        BaseClient._make_request = ORIGINALS[0]  # type: ignore[attr-defined]


def test_handlers_of_the_user_see_the_request() -> None:
    seen: list[str] = []
    client = client_of_boto3()
    client.meta.events.register("before-send", lambda request, **_: seen.append(request.url))
    with dx.FakeDataExchange() as fake:
        job = fake.add_job()
        client.get_job(JobId=job.id)
    assert seen == [f"https://dataexchange.us-east-1.amazonaws.com/v1/jobs/{job.id}"]


def test_a_client_is_equipped_once_when_threads_use_it_at_the_same_time() -> None:
    client = client_of_boto3()
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


def test_virtual_time_of_others_is_told_by_the_answers() -> None:
    import freezegun

    with freezegun.freeze_time("2030-01-01"), dx.FakeDataExchange() as fake:
        job = fake.add_job()
        response = ON_IMPORT.get_job(JobId=job.id)
        assert response["UpdatedAt"] == datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["date"] == "Tue, 01 Jan 2030 00:00:00 GMT"
