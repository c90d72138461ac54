"""REST-JSON, as the service writes it, and as botocore reads it.

What goes where and under which name comes from the service model. Nothing here knows a client or a job.
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
    """A response with the headers that the service sends with each."""
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


def success_response(
    installed: Model, operation: str, value: Mapping[str, object], stamp: Stamp
) -> Response:
    """The response of an operation, with the status that the model gives it.

    Raises:
        ValueError: JSON has no form for something in the value.
    """
    shape, status = (
        installed.operation(operation).output_shape,
        success_status(installed, operation),
    )
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
    """The HTTP status with which the model has an operation succeed."""
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
    """An error, with the status that the model gives it, or 400 where the model does not know it."""
    shape = installed.error_shapes.get(code)
    if shape is None:
        body = json.dumps({"message": members.get("Message", "")}).encode()
    else:
        body = encode(shape, members)
    return json_response(
        status or error_status(installed, code), body, stamp, **{"x-amzn-errortype": code}
    )


def error_status(installed: Model, code: str) -> int:
    """The status that the model gives an error; 400 where the model does not know it."""
    shape = installed.error_shapes.get(code)
    return shape.metadata["error"]["httpStatusCode"] if shape is not None else 400


def error_code(response: Response) -> str:
    """The code by which botocore calls an error: the service's, or that of the status without one."""
    usual = response.headers.get("x-amzn-errortype", ":")
    if ":" not in usual:
        return usual
    try:
        return str(_parser().parse(_parts(response), None)["Error"]["Code"])
    except Exception:  # what botocore's parser makes of a garbled body
        return str(response.status)


def parse_response(installed: Model, operation: str, response: Response) -> dict[str, Any]:
    """What botocore makes of a response; a new dict each time."""
    parser, parts = _parser(), _parts(response)
    parsed: dict[str, Any] = parser.parse(parts, installed.operation(operation).output_shape)
    modelled = installed.error_shapes.get(parsed.get("Error", {}).get("Code"))
    if modelled is not None:
        parsed.update(parser.parse(parts, modelled))
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
    """The JSON body for a value of a shape.

    What does not fit the shape is written as it is, so that a test can send what the service never would.

    Raises:
        ValueError: JSON has no form for something in the value.
    """
    try:
        return json.dumps(_jsonable(shape, value), separators=(",", ":"), default=_plain).encode()
    except Exception as error:  # also what an object's own methods raise
        raise ValueError(f"JSON cannot hold it: {error}") from error


def _jsonable(shape: Shape, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        known = {name: member for name, member in shape.members.items() if name in value}
        unknown = {name: part for name, part in value.items() if name not in known}
        return unknown | {
            member.serialization.get("name", name): _jsonable(member, value[name])
            for name, member in known.items()
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
    raise TypeError(f"a {type(value).__name__} is no JSON value")


def _iso8601(moment: datetime.datetime) -> str:
    """With milliseconds and Z, as the service writes it; finer, or without a zone, only if the test is."""
    fine = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    if moment.utcoffset() is None:
        return moment.isoformat(timespec=fine)
    try:
        moment = moment.astimezone(datetime.timezone.utc)
    except OverflowError:
        return moment.isoformat(timespec=fine)
    return moment.replace(tzinfo=None).isoformat(timespec=fine) + "Z"
