"""What a fault comes to is what botocore makes of the same bytes from a real server, in each retry mode."""

from __future__ import annotations

import contextlib
import re
import time
import types
from collections.abc import Callable
from typing import Any

import botocore.endpoint
import botocore.retries.bucket
import botocore.session
import pytest
from botocore.config import Config
from loopback import Server, full, refusing, serving, silent
from refused_network import Network

import pytest_dxjobs as dx
from pytest_dxjobs import faults

ID = "d" * 32
Source = contextlib.AbstractContextManager[Server]


def answering(status_line: bytes, headers: bytes, body: bytes) -> Callable[[], Source]:
    head = b"HTTP/1.1 %s\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n"
    return lambda: serving(head % (status_line, headers, len(body)) + body)


def telling(status_line: bytes, code: bytes, body: bytes) -> Callable[[], Source]:
    headers = (
        b"Content-Type: application/json\r\n"
        b"x-amzn-RequestId: 6f5a3b0c-0000-4000-8000-000000000001\r\n"
        b"x-amzn-ErrorType: %s\r\n" % code
    )
    return answering(status_line, headers, body)


def garbled(body: bytes, status_line: bytes = b"200 OK") -> Callable[[], Source]:
    headers = (
        b"Content-Type: application/json\r\n"
        b"x-amzn-RequestId: 6f5a3b0c-0000-4000-8000-000000000001\r\n"
    )
    return answering(status_line, headers, body)


RESOURCE = b'"ResourceId":"%s","ResourceType":"JOB"' % ID.encode()
PAGE = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n"

# Each fault, and what a server would do, written down without a look at ours.
TABLE: dict[str, tuple[dx.Fault, Callable[[], Source]]] = {
    "throttling": (
        faults.throttling(message="Rate exceeded"),
        telling(b"429 Too Many Requests", b"ThrottlingException", b'{"Message":"Rate exceeded"}'),
    ),
    "not_found": (
        faults.not_found(message="No such job"),
        telling(
            b"404 Not Found",
            b"ResourceNotFoundException",
            b'{"Message":"No such job",%s}' % RESOURCE,
        ),
    ),
    "validation": (
        faults.validation(message="Not so"),
        telling(b"400 Bad Request", b"ValidationException", b'{"Message":"Not so"}'),
    ),
    "validation with a cause": (
        faults.validation("S3AccessDenied", message="Not so"),
        telling(
            b"400 Bad Request",
            b"ValidationException",
            b'{"Message":"Not so","ExceptionCause":"S3AccessDenied"}',
        ),
    ),
    "internal_error": (
        faults.internal_error(message="Oops"),
        telling(b"500 Internal Server Error", b"InternalServerException", b'{"Message":"Oops"}'),
    ),
    "access_denied": (
        faults.access_denied(message="Not you"),
        telling(b"403 Forbidden", b"AccessDeniedException", b'{"Message":"Not you"}'),
    ),
    "conflict": (
        faults.conflict(message="Not now"),
        telling(b"409 Conflict", b"ConflictException", b'{"Message":"Not now",%s}' % RESOURCE),
    ),
    "service_unavailable": (
        faults.service_unavailable(message="Later"),
        telling(b"503 Service Unavailable", b"ServiceUnavailableException", b'{"message":"Later"}'),
    ),
    "bad_gateway": (
        faults.bad_gateway(),
        answering(b"502 Bad Gateway", b"Server: awselb/2.0\r\nContent-Type: text/html\r\n", PAGE),
    ),
    "expired_token": (
        faults.expired_token(message="Too old"),
        telling(b"403 Forbidden", b"ExpiredTokenException", b'{"message":"Too old"}'),
    ),
    "connection_refused": (faults.connection_refused(), refusing),
    "connection_closed": (faults.connection_closed(), lambda: serving(b"")),
    "connect_timeout": (faults.connect_timeout(), full),
    "read_timeout": (faults.read_timeout(), silent),
    "truncated": (faults.garbled(), garbled(b'{"Arn": "arn:aws:dataexch')),
    "empty": (faults.garbled(b""), garbled(b"")),
    "a list": (faults.garbled(b"[]"), garbled(b"[]")),
    "a string": (faults.garbled(b'"COMPLETED"'), garbled(b'"COMPLETED"')),
    "no text": (faults.garbled(b"\xff\xfe"), garbled(b"\xff\xfe")),
    "no date": (faults.garbled(b'{"CreatedAt":"soon"}'), garbled(b'{"CreatedAt":"soon"}')),
    "details no dict": (faults.garbled(b'{"Details":5}'), garbled(b'{"Details":5}')),
    "a garbled error": (
        faults.garbled(b'{"Mess', status=500),
        garbled(b'{"Mess', b"500 Internal Server Error"),
    ),
    "a garbled refusal": (
        faults.garbled(b"\xff", status=400),
        garbled(b"\xff", b"400 Bad Request"),
    ),
}


def client_of(url: str | None, mode: str, timeout: float) -> tuple[Any, list[str]]:
    """A client, and the requests that it makes."""
    retries: Any = {"mode": mode}
    config = Config(retries=retries, connect_timeout=timeout, read_timeout=timeout, proxies={})
    client = botocore.session.Session().create_client(
        "dataexchange",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="example",
        aws_secret_access_key="example",
        config=config,
    )
    sent: list[str] = []
    client.meta.events.register(
        "request-created.dataexchange", lambda request, **_: sent.append(request.url)
    )
    return client, sent


def outcome(client: Any) -> dict[str, Any]:
    """All that the code sees, but for what is different each time."""
    told: dict[str, Any] = {"raised": None}
    try:
        response = client.get_job(JobId=ID)
    except Exception as error:
        told["raised"] = [kind.__name__ for kind in type(error).__mro__]
        told["message"] = re.sub(r"https?://[^/]+", "", str(error))
        response = getattr(error, "response", None) or {}
    metadata = dict(response.get("ResponseMetadata", {}))
    told["request id"] = "RequestId" in metadata
    for name in ("RequestId", "HTTPHeaders"):
        metadata.pop(name, None)
    return told | {"metadata": metadata, "response": {**response, "ResponseMetadata": None}}


@pytest.fixture
def loopback(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real network of this machine; what botocore waits before it tries again takes no time."""
    network.loopback = True
    unhurried = types.SimpleNamespace(**vars(time) | {"sleep": lambda _: None})
    monkeypatch.setattr(botocore.endpoint, "time", unhurried)
    monkeypatch.setattr(botocore.retries.bucket.TokenBucket, "acquire", lambda *_, **__: True)


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
@pytest.mark.parametrize("name", TABLE)
def test_a_fault_comes_to_what_botocore_makes_of_the_same_bytes(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, source = TABLE[name]
    with source() as server:
        # Only where it is sure that no answer comes is it not waited for.
        client, sent = client_of(server.url, mode, 0.03 if source in (silent, full) else 30)
        real = outcome(client), len(sent)
        client.close()
    assert server.requests in (len(sent), 0)  # those that read none count none
    monkeypatch.undo()
    with dx.FakeDataExchange(strict=False) as fake:
        fake.inject(fault, requests=dx.ALWAYS)
        client, sent = client_of(None, mode, 30)
        assert (outcome(client), len(sent)) == real
        (call,) = fake.calls
    assert len(call.attempts) == len(sent)


def test_each_fault_there_is_has_its_place_in_the_table() -> None:
    kinds = {fault.kind for fault, _ in TABLE.values()}
    assert kinds == set(faults.__all__) - {"Fault"}
