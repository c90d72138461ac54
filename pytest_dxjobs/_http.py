"""HTTP as values: what goes in and what comes out, whoever carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    Attributes:
        method: Such as ``GET``.
        path: As it was sent, from the service's root.
        query: As it was sent.
        headers: Names in any case.
        body: None where there is none.
        region: That of the client.
        url: All of it, as it was sent.
        invocation: What the client calls the call that this is an attempt of; None where it does not say.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, Any]
    body: bytes | None
    region: str
    url: str = ""
    invocation: str | bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes
