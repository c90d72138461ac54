"""Where calls are taken out of botocore, and given to the fake that is active.

A ``before-send`` handler answers at the last moment before the socket, so that parameter validation,
request building, retry handlers, parser and exceptions are botocore's own. A handler on a session or on
botocore's list of built-in ones does not reach clients that exist already. What every call that is
about to be sent passes through, whenever and however its client was made, is
``BaseClient._make_request``: while a fake is active, the method is wrapped, and a call to dataexchange
puts our handlers on its client, once. (``_make_api_call``, one step earlier, is what tests like to patch
by themselves, calling the method that they have kept from before: ours would be left out.)

``Session.create_client`` is wrapped as well: without a region no client can be made, and without
credentials botocore looks for them on the network, before any handler of ours is asked. And what botocore
waits before it tries a call again is noted and not waited.

All of it is undone when the last fake goes.
"""

from __future__ import annotations

import functools
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import botocore
import botocore.endpoint
import botocore.retryhandler
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import NoRegionError
from botocore.session import Session

from pytest_dxjobs._botocore.call_context import (
    CallContext,
    Random,
    Time,
    back_off,
    memory,
    thread_state,
)
from pytest_dxjobs._botocore.credentials import with_local_credentials
from pytest_dxjobs._botocore.pool_workers import escalate
from pytest_dxjobs._botocore.retry_state import ClientRetries
from pytest_dxjobs._core import watchdog
from pytest_dxjobs._core.errors import (
    PollingStopped,
    RunawayPolling,
    UnexpectedCall,
    UsageError,
)
from pytest_dxjobs._core.patching import Patch
from pytest_dxjobs._model.service_model import SERVICE
from pytest_dxjobs._wire.http import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_dxjobs._service.backend import Backend


def activate(fake: Backend) -> None:
    """Let this fake answer, before those that are active already."""
    global _fakes
    with _lock:
        watchdog.arrive()
        if not _fakes:
            _patch()
        _fakes = (*_fakes, fake)


def deactivate(fake: Backend) -> None:
    """Let this fake answer no more; with the last one every trace of ours goes."""
    global _fakes
    with _lock:
        _fakes = tuple(other for other in _fakes if other is not fake)
        if not _fakes:
            try:
                watchdog.leave()
            finally:
                _unpatch()


def active_fake() -> Backend | None:
    """The fake that answers; None where none is active."""
    active = _fakes
    return active[-1] if active else None


def notify_sleep() -> None:
    """Tell the fakes that the code under test sleeps, in this thread."""
    for fake in _fakes:
        try:
            fake.sleep()
        except PollingStopped as stopped:
            raise escalate(stopped, fake.remember) from None


_lock: Final = threading.RLock()
_fakes: tuple[Backend, ...] = ()
_handlers: Final[weakref.WeakKeyDictionary[BaseClient, _Handlers]] = weakref.WeakKeyDictionary()


class _Handlers:
    """What is registered on one client; it knows where the client believes the service to be."""

    def __init__(self, client: BaseClient) -> None:
        self.calls = 0  # that have not ended
        self.retries = ClientRetries(client, memory, back_off)
        self._region = client.meta.region_name
        self._root = len(urlsplit(client.meta.endpoint_url).path.rstrip("/"))

    def register(self, client: BaseClient) -> None:
        self.retries.install(client)
        for event, handler in self._events():
            client.meta.events.register_first(event, handler, unique_id=f"pytest-dxjobs {event}")

    def unregister(self, client: BaseClient) -> None:
        self.retries.restore(client)
        for event, handler in self._events():
            client.meta.events.unregister(event, handler, unique_id=f"pytest-dxjobs {event}")

    def _events(self) -> tuple[tuple[str, Any], ...]:
        return (f"choose-signer.{SERVICE}", self._unsigned), (f"before-send.{SERVICE}", self._send)

    def _unsigned(self, **_: object) -> Any:
        """Signing would ask for credentials, and there may be none."""
        return None if thread_state.call is None else botocore.UNSIGNED

    def _send(self, request: Any, **_: object) -> Any:
        call = thread_state.call
        if call is None:
            return None
        call.invocation = request.headers.get("amz-sdk-invocation-id")
        self.retries.before_sending(request)
        url = urlsplit(request.url)
        response = call.fake.handle(
            Request(
                request.method,
                "/" + url.path[self._root :].lstrip("/"),
                url.query,
                request.headers,
                request.body,
                self._region,
                request.url,
                call.invocation,
            )
        )
        answer: Any = AWSResponse(request.url, response.status, {}, None)  # type: ignore[arg-type]
        answer.headers = _Headers(response.headers)
        answer._content = response.body  # noqa: SLF001 - read already, so that no socket is needed
        return answer


class _Headers(dict[str, str]):
    """Headers whose names are in lower case, looked up in any: botocore's own kind costs as much as an answer."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """What a header says."""
        return super().get(name.lower(), default)


def _attach(client: BaseClient) -> _Handlers:
    """Put our handlers on a client for one more call."""
    with _lock:
        handlers = _handlers.get(client)
        if handlers is None:
            handlers = _Handlers(client)
            handlers.register(client)
            _handlers[client] = handlers
        handlers.calls += 1
        return handlers


def _detach(client: BaseClient, handlers: _Handlers) -> None:
    """A call has ended; with the last one our handlers go, if no fake is active."""
    with _lock:
        handlers.calls -= 1
        if not _fakes:
            _leave(client)


def _leave(client: BaseClient) -> None:
    if _handlers[client].calls == 0:  # else the call that ends last does it
        _handlers.pop(client).unregister(client)


def _note_end(call: CallContext, metadata: dict[str, Any]) -> None:
    """Tell the fake what botocore says of the end of a call, beyond what can be seen of its attempts."""
    if not _USUAL.issuperset(metadata):
        more = {name: part for name, part in metadata.items() if name not in _USUAL}
        call.fake.note_end(call.invocation or "", more)


def _faked_requests(make_request: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make_request)
    def wrapper(client: BaseClient, *args: Any, **kwargs: Any) -> Any:
        fake = active_fake()
        outer = thread_state.call  # where an answer is computed by a call of its own
        if fake is None or client.meta.service_model.service_name != SERVICE:
            thread_state.call = None
            try:
                return make_request(client, *args, **kwargs)
            finally:
                thread_state.call = outer
        handlers = _attach(client)
        thread_state.memory = handlers.retries.memory(fake.epoch)
        call = thread_state.call = CallContext(fake, thread_state.memory)
        try:
            http, parsed = make_request(client, *args, **kwargs)
            _note_end(call, parsed.get("ResponseMetadata", {}))
            return http, parsed
        except PollingStopped as stopped:
            raise escalate(stopped, fake.remember).with_traceback(None) from None
        except (RunawayPolling, UnexpectedCall, UsageError) as failure:
            if isinstance(failure, RunawayPolling):
                watchdog.watch(failure, fake.remember)
            # Raised within botocore, not by it: what it did on the way here is of no interest.
            raise failure.with_traceback(None) from failure.__cause__
        finally:
            thread_state.call = outer
            _detach(client, handlers)

    return wrapper


def _faked_clients(create_client: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create_client)
    def wrapper(
        session: Any, service_name: str, region_name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        fake = active_fake()
        if service_name != SERVICE or fake is None:
            return create_client(session, service_name, region_name, *args, **kwargs)
        session = with_local_credentials(session)
        try:
            return create_client(session, service_name, region_name, *args, **kwargs)
        except NoRegionError:
            return create_client(session, service_name, fake.region, *args, **kwargs)

    return wrapper


_USUAL: Final = frozenset({"HTTPHeaders", "HTTPStatusCode", "HostId", "RequestId", "RetryAttempts"})
_patches: tuple[Patch, ...] = ()


def _patch() -> None:
    global _patches
    _patches = (
        Patch(BaseClient, "_make_request", _faked_requests),
        Patch(Session, "create_client", _faked_clients),
        Patch(botocore.endpoint, "time", Time),
        Patch(botocore.retryhandler, "random", Random),
    )


def _unpatch() -> None:
    global _patches
    for patch in _patches:
        patch.undo()
    _patches = ()
    for client in list(_handlers):
        _leave(client)
