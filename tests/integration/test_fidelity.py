"""A fault has the same effect on a client as the same bytes from a real server, in each retry mode."""

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
from blocked_network import BlockedNetwork
from botocore.config import Config
from loopback_server import Server, backlogged, refusing, responding, silent

import pytest_dxjobs as dx
from pytest_dxjobs import faults

ID = "d" * 32
HEADERS = b"Content-Type: application/json\r\nx-amzn-RequestId: 6f5a3b0c-0000-4000-8000-000000000001\r\n"
Servers = Callable[[], contextlib.AbstractContextManager[Server]]


def response(status_line: bytes, headers: bytes, body: bytes) -> Servers:
    head = b"HTTP/1.1 %s\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n"
    return lambda: responding(head % (status_line, headers, len(body)) + body)


def aws_error(status_line: bytes, code: bytes, body: bytes) -> Servers:
    return response(status_line, HEADERS + b"x-amzn-ErrorType: %s\r\n" % code, body)


def garbled(body: bytes, status_line: bytes = b"200 OK") -> Servers:
    return response(status_line, HEADERS, body)


RESOURCE = b'"ResourceId":"%s","ResourceType":"JOB"' % ID.encode()
PAGE = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n"

# Each fault, and a server that behaves as the service does. The bytes are written by hand.
TABLE: dict[str, tuple[dx.Fault, Servers]] = {
    "throttling": (
        faults.throttling(message="Rate exceeded"),
        aws_error(b"429 Too Many Requests", b"ThrottlingException", b'{"Message":"Rate exceeded"}'),
    ),
    "not_found": (
        faults.not_found(message="No such job"),
        aws_error(
            b"404 Not Found",
            b"ResourceNotFoundException",
            b'{"Message":"No such job",%s}' % RESOURCE,
        ),
    ),
    "validation": (
        faults.validation(message="Not so"),
        aws_error(b"400 Bad Request", b"ValidationException", b'{"Message":"Not so"}'),
    ),
    "validation-with-cause": (
        faults.validation("S3AccessDenied", message="Not so"),
        aws_error(
            b"400 Bad Request",
            b"ValidationException",
            b'{"Message":"Not so","ExceptionCause":"S3AccessDenied"}',
        ),
    ),
    "internal_error": (
        faults.internal_error(message="Oops"),
        aws_error(b"500 Internal Server Error", b"InternalServerException", b'{"Message":"Oops"}'),
    ),
    "access_denied": (
        faults.access_denied(message="Not you"),
        aws_error(b"403 Forbidden", b"AccessDeniedException", b'{"Message":"Not you"}'),
    ),
    "conflict": (
        faults.conflict(message="Not now"),
        aws_error(b"409 Conflict", b"ConflictException", b'{"Message":"Not now",%s}' % RESOURCE),
    ),
    "service_unavailable": (
        faults.service_unavailable(message="Later"),
        aws_error(b"503 Service Unavailable", b"ServiceUnavailableException", b'{"message":"Later"}'),
    ),
    "bad_gateway": (
        faults.bad_gateway(),
        response(b"502 Bad Gateway", b"Server: awselb/2.0\r\nContent-Type: text/html\r\n", PAGE),
    ),
    "expired_token": (
        faults.expired_token(message="Too old"),
        aws_error(b"403 Forbidden", b"ExpiredTokenException", b'{"message":"Too old"}'),
    ),
    "connection_refused": (faults.connection_refused(), refusing),
    "connection_closed": (faults.connection_closed(), lambda: responding(b"")),
    "connect_timeout": (faults.connect_timeout(), backlogged),
    "read_timeout": (faults.read_timeout(), silent),
    "truncated": (faults.garbled(), garbled(b'{"Arn": "arn:aws:dataexch')),
    "empty": (faults.garbled(b""), garbled(b"")),
    "list": (faults.garbled(b"[]"), garbled(b"[]")),
    "string": (faults.garbled(b'"COMPLETED"'), garbled(b'"COMPLETED"')),
    "not-utf-8": (faults.garbled(b"\xff\xfe"), garbled(b"\xff\xfe")),
    "invalid-date": (
        faults.garbled(b'{"CreatedAt":"soon"}'),
        garbled(b'{"CreatedAt":"soon"}'),
    ),
    "details-not-a-dict": (faults.garbled(b'{"Details":5}'), garbled(b'{"Details":5}')),
    "garbled-500": (
        faults.garbled(b'{"Mess', status=500),
        garbled(b'{"Mess', b"500 Internal Server Error"),
    ),
    "garbled-400": (
        faults.garbled(b"\xff", status=400),
        garbled(b"\xff", b"400 Bad Request"),
    ),
}


def client_of(url: str | None, mode: str, timeout: float) -> tuple[Any, list[str]]:
    """Return a client and the list of URLs to which it sends requests."""
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
    client.meta.events.register("request-created.dataexchange", lambda request, **_: sent.append(request.url))
    return client, sent


def outcome(client: Any) -> dict[str, Any]:
    """Return what the caller of ``get_job`` sees, without what differs between two runs."""
    result: dict[str, Any] = {"raised": None}
    try:
        response = client.get_job(JobId=ID)
    except Exception as error:
        result["raised"] = [kind.__name__ for kind in type(error).__mro__]
        result["message"] = re.sub(r"https?://[^/]+", "", str(error))
        response = getattr(error, "response", None) or {}
    metadata = dict(response.get("ResponseMetadata", {}))
    result["has request id"] = "RequestId" in metadata
    for name in ("RequestId", "HTTPHeaders"):
        metadata.pop(name, None)
    return result | {"metadata": metadata, "response": {**response, "ResponseMetadata": None}}


@pytest.fixture
def loopback(network: BlockedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow loopback connections, and make botocore's retries without waiting."""
    network.loopback_allowed = True
    without_sleep = types.SimpleNamespace(**vars(time) | {"sleep": lambda _: None})
    monkeypatch.setattr(botocore.endpoint, "time", without_sleep)
    monkeypatch.setattr(botocore.retries.bucket.TokenBucket, "acquire", lambda *_, **__: True)


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
@pytest.mark.parametrize("name", TABLE)
def test_fault_has_the_effect_of_the_same_bytes_from_a_server(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, serve = TABLE[name]
    with serve() as server:
        # The timeout is short only if no response can arrive.
        client, sent = client_of(server.url, mode, 0.03 if serve in (silent, backlogged) else 30)
        real = outcome(client), len(sent)
        client.close()
    assert server.requests in (len(sent), 0)  # 0: servers that read no request
    monkeypatch.undo()
    with dx.FakeDataExchange(strict=False) as fake:
        fake.inject(fault, requests=dx.ALWAYS)
        client, sent = client_of(None, mode, 30)
        assert (outcome(client), len(sent)) == real
        (call,) = fake.calls
    assert len(call.attempts) == len(sent)


def test_table_has_every_fault() -> None:
    tested, public = {fault.kind for fault, _ in TABLE.values()}, {*faults.__all__} - {"Fault"}
    assert public - tested == set(), "add these to TABLE, each with the bytes that a real server sends"
    assert tested - public == set(), "add these to __all__ of faults.py"
