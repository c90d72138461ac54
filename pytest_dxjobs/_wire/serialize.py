"""Writing of REST-JSON responses, and parsing them as botocore does.

The place and name of each member come from the service model.
"""

from __future__ import annotations

import base64
import datetime
import json
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_dxjobs._model.service_model import Model, Shape
    from pytest_dxjobs._wire.http import Stamp


def json_response(status: int, body: bytes, stamp: Stamp, **headers: str) -> Response:
    """Return a response with the headers that the service always sends."""
    return Response(
        status,
        {
            **stamp.headers(),
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "keep-alive",
            **headers,
        },
        body,
    )


def success_response(installed: Model, operation: str, value: Mapping[str, object], stamp: Stamp) -> Response:
    """Return the response of an operation, with the status of the service model.

    Raises:
        ValueError: The value contains something that JSON cannot hold.
    """
    shape = installed.operation(operation).output_shape
    status = success_status(installed, operation)
    if shape is None or not shape.members:
        return json_response(status, b"", stamp)
    headers = {
        (part.serialization["name"] + name).lower(): str(text)
        for member, part in shape.members.items()
        if part.serialization.get("location") == "headers"
        for name, text in _mapping(value.get(member)).items()
    }
    payload = shape.serialization.get("payload")
    if payload is not None:
        return json_response(status, str(value.get(payload, "")).encode(), stamp, **headers)
    return json_response(status, encode(shape, value), stamp, **headers)


def success_status(installed: Model, operation: str) -> int:
    """Return the HTTP status of a successful response, 200 if the service model has none."""
    return int(installed.operation(operation).http.get("responseCode", 200))


def _mapping(value: Any) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def error_response(
    installed: Model,
    code: str,
    stamp: Stamp,
    members: Mapping[str, object],
    status: int | None = None,
) -> Response:
    """Return an error response, with the status of ``error_status`` if none is given."""
    shape = installed.error_shapes.get(code)
    if shape is None:
        body = json.dumps({"message": members.get("Message", "")}).encode()
    else:
        body = encode(shape, members)
    return json_response(status or error_status(installed, code), body, stamp, **{"x-amzn-errortype": code})


def error_status(installed: Model, code: str) -> int:
    """Return the status of an error in the service model, or 400 for an unknown error."""
    shape = installed.error_shapes.get(code)
    return shape.metadata["error"]["httpStatusCode"] if shape is not None else 400


def error_code(response: Response) -> str:
    """Return the error code that botocore reads: the service's, or else the status."""
    code = response.headers.get("x-amzn-errortype", ":")
    if ":" not in code:
        return code
    try:
        return str(_parser().parse(_parts(response), None)["Error"]["Code"])
    except Exception:  # botocore's parser fails on a garbled body
        return str(response.status)


def parse_response(installed: Model, operation: str, response: Response) -> dict[str, Any]:
    """Return what botocore's parser returns for a response, in a new dict."""
    parser, parts = _parser(), _parts(response)
    parsed: dict[str, Any] = parser.parse(parts, installed.operation(operation).output_shape)
    modelled = installed.error_shapes.get(parsed.get("Error", {}).get("Code"))
    if modelled is not None:
        parsed.update(parser.parse(parts, modelled))
    return parsed


def decode(shape: Shape, body: bytes) -> dict[str, Any]:
    """Return what botocore's parser makes of a JSON body of a shape."""
    parsed: dict[str, Any] = _parser().parse(_parts(Response(200, {}, body)), shape)
    del parsed["ResponseMetadata"]
    return parsed


def _parser() -> Any:
    from botocore.parsers import create_parser

    return create_parser("rest-json")


def _parts(response: Response) -> dict[str, object]:
    from botocore.awsrequest import HeadersDict

    return {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": response.body,
    }


def encode(shape: Shape, value: object) -> bytes:
    """Return the JSON body for a value of a shape.

    Parts that do not fit the shape are written as they are, so that a test can send invalid responses.

    Raises:
        ValueError: The value contains something that JSON cannot hold.
    """
    try:
        return json.dumps(_jsonable(shape, value), separators=(",", ":"), default=_plain).encode()
    except Exception as error:  # methods of the value may raise anything
        raise ValueError(f"JSON cannot hold it: {error}") from error


def _jsonable(shape: Shape, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        known = {name: member for name, member in shape.members.items() if name in value}
        unknown = {name: part for name, part in value.items() if name not in known}
        return unknown | {
            member.serialization.get("name", name): _jsonable(member, value[name]) for name, member in known.items()
        }
    if kind == "list" and isinstance(value, list):
        return [_jsonable(shape.member, element) for element in value]
    if kind == "map" and isinstance(value, dict):
        return {key: _jsonable(shape.value, part) for key, part in value.items()}
    if (
        kind == "timestamp"
        and isinstance(value, datetime.datetime)
        and shape.serialization.get("timestampFormat") != "iso8601"
    ):
        return value.timestamp()
    return value


def _plain(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return _iso8601(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"a {type(value).__name__} is not a JSON value")


def _iso8601(at: datetime.datetime) -> str:
    """Write milliseconds and Z, as the service does, but keep microseconds and a missing time zone."""
    precision = "microseconds" if at.microsecond % 1000 else "milliseconds"
    if at.utcoffset() is None:
        return at.isoformat(timespec=precision)
    try:
        at = at.astimezone(datetime.timezone.utc)
    except OverflowError:
        return at.isoformat(timespec=precision)
    return at.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
