"""Where calls are taken out of botocore: the only place that touches the internals of its clients.

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

import copy
import functools
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import botocore
import botocore.endpoint
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.credentials import CredentialResolver
from botocore.exceptions import BotoCoreError, NoRegionError
from botocore.session import Session

from pytest_dxjobs._errors import (
    PollingStopped,
    RunawayPolling,
    UnexpectedCall,
    UsageError,
)
from pytest_dxjobs._http import Request, Response
from pytest_dxjobs._model import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable


class Answering(Protocol):
    """A fake, as far as this module knows it."""

    @property
    def region(self) -> str:
        """The region for clients that have none."""
        ...

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        ...

    def settle(self, invocation: str | bytes, metadata: dict[str, Any]) -> None:
        """Note that a call is over, and what botocore says of it."""
        ...

    def back_off(self, invocation: str | bytes, seconds: float) -> None:
        """Note that botocore waits before it tries a call again."""
        ...


def push(fake: Answering) -> None:
    """Let this fake answer, before those that are active already."""
    global _fakes
    with _lock:
        if not _fakes:
            _patch()
        _fakes = (*_fakes, fake)


def remove(fake: Answering) -> None:
    """Let this fake answer no more; with the last one every trace of ours goes."""
    global _fakes
    with _lock:
        _fakes = tuple(other for other in _fakes if other is not fake)
        if not _fakes:
            _unpatch()


_lock: Final = threading.RLock()
_fakes: tuple[Answering, ...] = ()
_sending: Final = (
    threading.local()
)  # .invocation: what botocore calls the call that this thread makes
_handlers: Final[weakref.WeakKeyDictionary[BaseClient, _Handlers]] = weakref.WeakKeyDictionary()


class _Handlers:
    """What is registered on one client; it knows where the client believes the service to be."""

    def __init__(self, client: BaseClient) -> None:
        self._region = client.meta.region_name
        self._root = len(urlsplit(client.meta.endpoint_url).path.rstrip("/"))

    def register(self, client: BaseClient) -> None:
        for event, handler in self._events():
            client.meta.events.register_first(event, handler, unique_id=f"pytest-dxjobs {event}")

    def unregister(self, client: BaseClient) -> None:
        for event, handler in self._events():
            client.meta.events.unregister(event, handler, unique_id=f"pytest-dxjobs {event}")

    def _events(self) -> tuple[tuple[str, Any], ...]:
        return (f"choose-signer.{SERVICE}", self._unsigned), (f"before-send.{SERVICE}", self._send)

    def _unsigned(self, **_: object) -> Any:
        """Signing would ask for credentials, and there may be none."""
        return botocore.UNSIGNED if _fakes else None

    def _send(self, request: Any, **_: object) -> Any:
        active = _fakes
        if not active:
            return None
        invocation = _sending.invocation = request.headers.get("amz-sdk-invocation-id")
        url = urlsplit(request.url)
        response = active[-1].handle(
            Request(
                request.method,
                "/" + url.path[self._root :].lstrip("/"),
                url.query,
                request.headers,
                request.body,
                self._region,
                invocation,
            )
        )
        answer: Any = AWSResponse(request.url, response.status, response.headers, None)  # type: ignore[arg-type]
        answer._content = response.body  # noqa: SLF001 - read already, so that no socket is needed
        return answer


def _attach(client: BaseClient) -> None:
    if client in _handlers:  # and then they are registered, so that most calls need no lock
        return
    with _lock:
        if _fakes and client not in _handlers:
            handlers = _Handlers(client)
            handlers.register(client)
            _handlers[client] = handlers


def _settle(metadata: dict[str, Any]) -> None:
    """Tell the fake what botocore says of the end of a call, beyond what can be seen of its attempts."""
    invocation, active = getattr(_sending, "invocation", None), _fakes
    if active and invocation is not None and not _USUAL.issuperset(metadata):
        more = {name: part for name, part in metadata.items() if name not in _USUAL}
        active[-1].settle(invocation, more)


def _faked_requests(make_request: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make_request)
    def wrapper(client: BaseClient, *args: Any, **kwargs: Any) -> Any:
        if client.meta.service_model.service_name != SERVICE:
            return make_request(client, *args, **kwargs)
        _attach(client)
        try:
            http, parsed = make_request(client, *args, **kwargs)
            _settle(parsed.get("ResponseMetadata", {}))
            return http, parsed
        except (PollingStopped, RunawayPolling, UnexpectedCall, UsageError) as failure:
            # Raised within botocore, not by it: what it did on the way here is of no interest.
            raise failure.with_traceback(None) from failure.__cause__
        finally:
            _sending.invocation = None

    return wrapper


def _faked_clients(create_client: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create_client)
    def wrapper(
        session: Any, service_name: str, region_name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        active = _fakes
        if service_name != SERVICE or not active:
            return create_client(session, service_name, region_name, *args, **kwargs)
        session = _without_network(session)
        try:
            return create_client(session, service_name, region_name, *args, **kwargs)
        except NoRegionError:
            return create_client(session, service_name, active[-1].region, *args, **kwargs)

    return wrapper


def _without_network(session: Any) -> Any:
    """The session, but looking for credentials only where no network is needed.

    Those that are found stay with the client, so that it is a good one when the fake is gone.
    """
    if getattr(session.get_credentials, "__func__", None) is not Session.get_credentials:
        return session  # it has its own way
    twin = copy.copy(session)
    twin.get_credentials = functools.partial(_local_credentials, session)
    return twin


def _local_credentials(session: Any) -> Any:
    if session._credentials is not None:  # noqa: SLF001 - found earlier
        return session.get_credentials()
    resolver = session.get_component("credential_provider")
    if isinstance(resolver, CredentialResolver):
        local = [each for each in resolver.providers if each.METHOD not in _FAR_PROVIDERS]
        resolver = CredentialResolver(local)
    try:
        return resolver.load_credentials()
    except BotoCoreError:  # half configured: of no concern to a call that is not signed
        return None


class _Time:
    """What ``botocore.endpoint`` takes for the module ``time``: the backoff of our calls takes none."""

    def __init__(self, original: Any) -> None:
        self.__wrapped__ = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def sleep(self, seconds: float) -> None:
        """Note it where it is ours, and sleep where it is not."""
        invocation, active = getattr(_sending, "invocation", None), _fakes
        if invocation is None or not active:
            self.__wrapped__.sleep(seconds)
        else:
            active[-1].back_off(invocation, seconds)


class _Patch:
    """A method, or another attribute, that is replaced until ``undo``."""

    def __init__(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        self._owner, self._name = owner, name
        original = owner.__dict__[name]
        while getattr(original, _OURS, False):  # put back by a patch of others that outlived a fake
            original = original.__wrapped__
        self._original = original
        self._replacement = wrap(original)
        setattr(self._replacement, _OURS, True)
        setattr(owner, name, self._replacement)

    def undo(self) -> None:
        # Where another tool has wrapped our method in the meantime, taking ours away would take its
        # wrapper away, too. Ours then stays beneath it, and without a fake it only passes calls on.
        if self._owner.__dict__[self._name] is self._replacement:
            setattr(self._owner, self._name, self._original)


# They ask the network, or another program, when they are asked themselves.
_FAR_PROVIDERS: Final = ("iam-role", "container-role", "assume-role", "custom-process")
_USUAL: Final = frozenset({"HTTPHeaders", "HTTPStatusCode", "HostId", "RequestId", "RetryAttempts"})
_OURS: Final = "_of_pytest_dxjobs"
_patches: tuple[_Patch, ...] = ()


def _patch() -> None:
    global _patches
    _patches = (
        _Patch(BaseClient, "_make_request", _faked_requests),
        _Patch(Session, "create_client", _faked_clients),
        _Patch(botocore.endpoint, "time", _Time),
    )


def _unpatch() -> None:
    global _patches
    for patch in _patches:
        patch.undo()
    _patches = ()
    while _handlers:
        client, handlers = _handlers.popitem()
        handlers.unregister(client)
