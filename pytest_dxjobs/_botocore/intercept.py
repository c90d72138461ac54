"""Interception of Data Exchange calls in botocore, for the active fake.

The seams, and why each was chosen:

- A ``before-send`` handler on the client responds. It is the last step before the socket, so parameter
  validation, request building, retry handlers, parser and exceptions are botocore's own.
- ``BaseClient._make_request`` is wrapped to register the handlers. Every call passes through it, whenever
  and however its client was created. Handlers on a session, or in botocore's list of built-in ones, do not
  reach existing clients. ``_make_api_call`` comes one step earlier, but tests patch it themselves and call
  the original that they saved. That would bypass our wrapper.
- A ``choose-signer`` handler turns signing off, which needs credentials.
- ``Session.create_client`` is wrapped, since it runs before any handler. Without a region it raises, and it
  looks for credentials on the network.
- The modules ``time`` and ``random`` are replaced where botocore's retries use them. Backoff is then
  recorded and not slept, and its draws are the same in every run.

All of it is undone when the last fake is deactivated.
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
    RandomProxy,
    TimeProxy,
    back_off,
    thread_state,
)
from pytest_dxjobs._botocore.credentials import with_local_credentials
from pytest_dxjobs._botocore.escalation import escalate
from pytest_dxjobs._botocore.retry_state import ClientRetries
from pytest_dxjobs._core.errors import PollingStopped, RunawayPolling, UnexpectedCall, UsageError
from pytest_dxjobs._core.patching import Patch
from pytest_dxjobs._model.service_model import SERVICE
from pytest_dxjobs._wire.http import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_dxjobs._botocore.retry_state import RetryState
    from pytest_dxjobs._service.backend import Backend


def activate(fake: Backend) -> None:
    """Make this fake respond to calls, in place of any that is active already."""
    global _fakes
    with _lock:
        if not _fakes:
            _patch()
        _fakes = (*_fakes, fake)


def deactivate(fake: Backend) -> None:
    """Make this fake respond to no further calls; the last one also undoes all patches."""
    global _fakes
    with _lock:
        _fakes = tuple(other for other in _fakes if other is not fake)
        if not _fakes:
            _unpatch()


def active_fake() -> Backend | None:
    """Return the fake that responds to calls; None if no fake is active."""
    active = _fakes
    return active[-1] if active else None


def notify_sleep() -> None:
    """Notify every active fake that the code under test sleeps, in this thread."""
    for fake in _fakes:
        try:
            fake.note_sleep()
        except PollingStopped as stopped:
            raise escalate(stopped, fake.remember) from None


_lock: Final = threading.RLock()
_fakes: tuple[Backend, ...] = ()
_handlers: Final[weakref.WeakKeyDictionary[BaseClient, _Handlers]] = weakref.WeakKeyDictionary()


class _Handlers:
    """The handlers of one client, which know its region and the path of its endpoint."""

    def __init__(self, client: BaseClient) -> None:
        self.running_calls = 0
        self.retries = ClientRetries(client, back_off)
        self._region = client.meta.region_name
        self._prefix_length = len(urlsplit(client.meta.endpoint_url).path.rstrip("/"))

    def register(self, client: BaseClient) -> None:
        for event, handler in self._events():
            client.meta.events.register_first(event, handler, unique_id=f"pytest-dxjobs {event}")

    def unregister(self, client: BaseClient) -> None:
        self.retries.restore()
        for event, handler in self._events():
            client.meta.events.unregister(event, handler, unique_id=f"pytest-dxjobs {event}")

    def _events(self) -> list[tuple[str, Any]]:
        events = [(f"choose-signer.{SERVICE}", self._choose_signer), (f"before-send.{SERVICE}", self._respond)]
        if self.retries.has_limiter:
            events.append((f"needs-retry.{SERVICE}", self._after_response))
        return events

    def _choose_signer(self, **_: object) -> Any:
        return None if thread_state.call is None else botocore.UNSIGNED

    def _respond(self, request: Any, **_: object) -> Any:
        call = thread_state.call
        if call is None:
            return None
        call.invocation = request.headers.get("amz-sdk-invocation-id")
        if self.retries.has_limiter:
            call.retry_state.limiter.on_sending_request(request)
        url = urlsplit(request.url)
        response = call.fake.handle(
            Request(
                request.method,
                "/" + url.path[self._prefix_length :].lstrip("/"),
                url.query,
                request.headers,
                request.body,
                self._region,
                request.url,
                call.invocation,
            )
        )
        aws_response: Any = AWSResponse(request.url, response.status, {}, None)  # type: ignore[arg-type]
        aws_response.headers = _Headers(response.headers)
        aws_response._content = response.body  # noqa: SLF001 - as if it were read, so no socket is needed
        return aws_response

    def _after_response(self, **event: Any) -> None:
        call = thread_state.call  # None for a call that began before the fake was activated
        state = self.retries.state if call is None else call.retry_state
        state.limiter.on_receiving_response(**event)


class _Headers(dict[str, str]):
    """Headers with lower-case names and case-insensitive look-up, far cheaper than botocore's."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def _attach(client: BaseClient, epoch: object) -> tuple[_Handlers, RetryState]:
    """Count one more call of a client, register the handlers at its first one, and install the retry state."""
    with _lock:
        handlers = _handlers.get(client)
        if handlers is None:
            handlers = _Handlers(client)
            handlers.register(client)
            _handlers[client] = handlers
        handlers.running_calls += 1
        if handlers.retries.epoch is not epoch:
            handlers.retries.install(epoch)
        return handlers, handlers.retries.state


def _detach(client: BaseClient, handlers: _Handlers) -> None:
    """End a call; if no fake is active, unregister the handlers that no call needs."""
    with _lock:
        handlers.running_calls -= 1
        if not _fakes:
            _unregister_unused(client)


def _unregister_unused(client: BaseClient) -> None:
    if _handlers[client].running_calls == 0:  # else the last call to end does it
        _handlers.pop(client).unregister(client)


def _note_end(call: CallContext, metadata: dict[str, Any]) -> None:
    """Pass response metadata that only some calls have, such as ``MaxAttemptsReached``, on to the fake."""
    if not _COMMON.issuperset(metadata):
        more = {name: value for name, value in metadata.items() if name not in _COMMON}
        call.fake.note_end(call.invocation or "", more)


def _wrap_make_request(make_request: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make_request)
    def wrapper(client: BaseClient, *args: Any, **kwargs: Any) -> Any:
        fake = active_fake()
        outer = thread_state.call  # a function of the test may make a call to compute its response
        if fake is None or client.meta.service_model.service_name != SERVICE:
            thread_state.call = None
            try:
                return make_request(client, *args, **kwargs)
            finally:
                thread_state.call = outer
        handlers, retry_state = _attach(client, fake.epoch)
        call = thread_state.call = CallContext(fake, retry_state)
        try:
            http, parsed = make_request(client, *args, **kwargs)
            _note_end(call, parsed.get("ResponseMetadata", {}))
            return http, parsed
        except PollingStopped as stopped:
            raise escalate(stopped, fake.remember).with_traceback(None) from None
        except (RunawayPolling, UnexpectedCall, UsageError) as failure:
            # Drop botocore's frames: the failure is raised within botocore, not by it.
            raise failure.with_traceback(None) from failure.__cause__
        finally:
            thread_state.call = outer
            _detach(client, handlers)

    return wrapper


def _wrap_create_client(create_client: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create_client)
    def wrapper(session: Any, service_name: str, region_name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        fake = active_fake()
        if service_name != SERVICE or fake is None:
            return create_client(session, service_name, region_name, *args, **kwargs)
        session = with_local_credentials(session)
        try:
            return create_client(session, service_name, region_name, *args, **kwargs)
        except NoRegionError:
            return create_client(session, service_name, fake.region, *args, **kwargs)

    return wrapper


_COMMON: Final = frozenset({"HTTPHeaders", "HTTPStatusCode", "HostId", "RequestId", "RetryAttempts"})
_patches: tuple[Patch, ...] = ()


def _patch() -> None:
    global _patches
    _patches = (
        Patch(BaseClient, "_make_request", _wrap_make_request),
        Patch(Session, "create_client", _wrap_create_client),
        Patch(botocore.endpoint, "time", TimeProxy),
        Patch(botocore.retryhandler, "random", RandomProxy),
    )


def _unpatch() -> None:
    global _patches
    for patch in _patches:
        patch.undo()
    _patches = ()
    for client in list(_handlers):
        _unregister_unused(client)
