"""Reading of REST-JSON requests: the operation and its parameters.

Routes, and the place and name of each parameter, come from the service model.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from pytest_dxjobs._model.service_model import Model, Shape
    from pytest_dxjobs._wire.http import Request


@functools.lru_cache(maxsize=1024)
def route(installed: Model, method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """Return the operation and the path parameters of a request, or None if there is no such operation.

    Results are cached, since polls repeat one path: do not change them.
    """
    segments = path.split("/")
    for literals, labels, operation in _routes(installed).get((method, len(segments)), ()):
        if all(segments[index] == literal for index, literal in literals):
            return operation, {name: unquote(segments[index]) for index, name in labels}
    return None


_Places = list[tuple[int, str]]


@functools.lru_cache(maxsize=4)
def _routes(installed: Model) -> dict[tuple[str, int], list[tuple[_Places, _Places, str]]]:
    """Return literal segments, labels and operation, by method and number of segments."""
    routes: dict[tuple[str, int], list[tuple[_Places, _Places, str]]] = {}
    for name in installed.service.operation_names:
        http = installed.operation(name).http
        template = list(enumerate(http["requestUri"].split("?")[0].split("/")))
        # The last segments first: paths differ there.
        literals = [(index, part) for index, part in template[::-1] if not part.startswith("{")]
        labels = [(index, part.strip("{+}")) for index, part in template if part.startswith("{")]
        routes.setdefault((http["method"], len(template)), []).append((literals, labels, name))
    return routes


@functools.lru_cache(maxsize=256)
def takes_headers(installed: Model, operation: str) -> bool:
    """Return whether the operation has parameters that are sent as headers; most have none."""
    shape = installed.operation(operation).input_shape
    members = shape.members.values() if shape is not None else ()
    return any(part.serialization.get("location") in ("header", "headers") for part in members)


def parse_parameters(installed: Model, operation: str, uri: dict[str, str], request: Request) -> dict[str, Any]:
    """Return the parameters of a call, as its caller named and typed them, in a new dict."""
    shape = installed.operation(operation).input_shape
    return dict(_parameters(shape, uri, request)) if shape is not None else {}


def _parameters(shape: Shape, uri: dict[str, str], request: Request) -> Iterator[tuple[str, object]]:
    query = parse_qsl(request.query, keep_blank_values=True)
    placed = {name: part for name, part in shape.members.items() if "location" in part.serialization}
    named = {part.serialization["name"] for part in placed.values() if part.type_name != "map"}
    for name, part in placed.items():
        location, key = part.serialization["location"], part.serialization.get("name", name)
        if location == "uri":
            yield name, _scalar(part, uri[key])
        elif location == "querystring" and part.type_name == "map":
            if rest := {other: value for other, value in query if other not in named}:
                yield name, rest
        elif location == "querystring":
            found = [value for other, value in query if other == key]
            if found:
                yield name, found if part.type_name == "list" else _scalar(part, found[0])
        elif location == "header" and key in request.headers:
            yield name, _scalar(part, _text(request.headers[key]))
        elif location == "headers":
            headers = {
                other[len(key) :]: _text(value)
                for other, value in request.headers.items()
                if other.lower().startswith(key.lower())
            }
            if headers:
                yield name, headers
    payload = shape.serialization.get("payload")
    if payload is not None and request.body:
        yield payload, _text(request.body)
    elif payload is None and request.body:
        body = {name: part for name, part in shape.members.items() if name not in placed}
        yield from _members(body, json.loads(request.body))


def _members(members: dict[str, Shape], given: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for name, part in members.items():
        key = part.serialization.get("name", name)
        if key in given:
            yield name, _value(part, given[key])


def _value(shape: Shape, given: Any) -> Any:
    if shape.type_name == "structure" and isinstance(given, dict):
        return dict(_members(shape.members, given))
    if shape.type_name == "list" and isinstance(given, list):
        return [_value(shape.member, element) for element in given]
    if shape.type_name == "timestamp":
        return _timestamp(given)
    return given


def _scalar(shape: Shape, given: str) -> object:
    if shape.type_name not in ("integer", "long"):
        return given
    try:
        return int(given)
    except ValueError:  # from a client without parameter validation
        return given


def _timestamp(given: Any) -> datetime.datetime:
    from botocore.utils import parse_timestamp

    return parse_timestamp(given)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
