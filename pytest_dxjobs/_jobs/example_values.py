"""A valid value for any shape of the service model, so that no list of members is kept here.

A sampler is compiled once for a shape and then only fills in ids and times: a job costs microseconds,
and a type that only a newer botocore knows is filled by the same code as the nine known ones.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pytest_dxjobs._model import documented
from pytest_dxjobs._model.formats import validator_for
from pytest_dxjobs._model.service_model import Shape, enum_of, members_outside, pattern_of
from pytest_dxjobs._model.validation import violations


@dataclass(frozen=True, slots=True)
class ExampleContext:
    """What differs from one sample to the next."""

    region: str
    account_id: str
    data_set_id: str
    revision_id: str
    asset_id: str
    at: datetime.datetime
    url_expires_at: datetime.datetime


ExampleBuilder = Callable[[ExampleContext], Any]


@functools.cache
def example_builder(
    shape: Shape, name: str = "", within: frozenset[str] = frozenset()
) -> ExampleBuilder:
    """Compile the function that makes a complete value of a shape, with every member there is.

    Args:
        shape: Any shape of the service model.
        name: The name of the member that has this shape; an element of a list goes by the list's name.
        within: The structures around it. A member that would begin one of them anew is left out.
    """
    if shape.type_name == "structure":
        within |= {shape.name}
        parts = [
            (key, example_builder(member, key, within))
            for key, member in members_outside(shape, within).items()
        ]
        return lambda context: {key: part(context) for key, part in parts}
    if shape.type_name == "list":
        element = example_builder(shape.member, name, within)
        count = range(max(1, shape.metadata.get("min", 1)))
        return lambda context: [element(context) for _ in count]
    if shape.type_name == "map":
        key, value = example_builder(shape.key), example_builder(shape.value, name, within)
        return lambda context: {key(context): value(context)}
    if shape.type_name == "timestamp":
        return (lambda b: b.url_expires_at) if name.endswith("ExpiresAt") else (lambda b: b.at)
    if shape.type_name in ("string", "character"):
        return _text(shape, name)
    constant = _SCALARS.get(shape.type_name, shape.metadata.get("min", 1))
    return lambda _: constant


def _text(shape: Shape, name: str) -> ExampleBuilder:
    permitted = enum_of(shape)
    if permitted:
        return lambda _: permitted[0]
    named = _BY_NAME.get(name) or next(
        (make for suffix, make in _BY_SUFFIX.items() if name.endswith(suffix)), None
    )
    validate = validator_for(name)
    for make in (named, lambda _: name or "example", *_ANY_TEXT):
        if make is not None and _fits(shape, validate, make(PROBE)):
            return make
    text = _shortest_match(shape)
    return lambda _: text


def _fits(shape: Shape, validate: Callable[[str], str] | None, text: str) -> bool:
    return not any(violations(shape, text, "")) and not (validate and validate(text))


def _shortest_match(shape: Shape) -> str:
    """A text for a pattern or a length that no candidate meets; only a newer model has such a member."""
    low: int = shape.metadata.get("min", 0)
    high: int | None = shape.metadata.get("max")
    pattern = pattern_of(shape)
    if pattern is None:
        return "x" * low
    from concurrent.futures import ThreadPoolExecutor

    from hypothesis import find, settings, strategies as st

    # In a thread of its own, since it may be asked for while Hypothesis runs a test in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(
            find,
            st.from_regex(pattern, fullmatch=True),
            lambda text: len(text) >= low and (high is None or len(text) <= high),
            settings=settings(database=None, derandomize=True, deadline=None),
        ).result()


_SCALARS: Final = {"boolean": True, "blob": b"example"}
PROBE: Final = ExampleContext(
    region=documented.REGION,
    account_id=documented.ACCOUNT_ID,
    data_set_id="0" * 32,
    revision_id="0" * 32,
    asset_id="0" * 32,
    at=datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc),
    url_expires_at=datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc),
)
_BUCKET: Final = "example-bucket"
_KEY: Final = "prices/2024-01.csv"
_UUID: Final = "11111111-2222-4333-8444-555555555555"
_MD5_OF_NOTHING: Final = "1B2M2Y8AsgTpgAmY7PhCfg=="

_BY_NAME: Final[dict[str, Callable[[ExampleContext], str]]] = {
    "DataSetId": lambda b: b.data_set_id,
    "RevisionId": lambda b: b.revision_id,
    "AssetId": lambda b: b.asset_id,
    "CatalogId": lambda b: b.account_id,
    "ApiId": lambda _: "a1b2c3d4e5",
    "ApiKey": lambda _: "example-api-key",
    "Stage": lambda _: "prod",
    "AssetName": lambda _: _KEY,
    "Bucket": lambda _: _BUCKET,
    "Key": lambda _: _KEY,
    "Keys": lambda _: _KEY,
    "KeyPrefixes": lambda _: "prices/",
    "KeyPattern": lambda _: "${Asset.Name}",
    "KmsKeyArn": lambda b: f"arn:aws:kms:{b.region}:{b.account_id}:key/{_UUID}",
    "RoleArn": lambda b: f"arn:aws:iam::{b.account_id}:role/example",
    "EventActionArn": lambda b: (
        f"arn:aws:dataexchange:{b.region}:{b.account_id}:event-actions/{b.data_set_id}"
    ),
    "DataShareArn": lambda b: (
        f"arn:aws:redshift:{b.region}:{b.account_id}:datashare:{_UUID}/example"
    ),
}
_BY_SUFFIX: Final[dict[str, Callable[[ExampleContext], str]]] = {
    "Md5Hash": lambda _: _MD5_OF_NOTHING,
    "Url": lambda b: (
        f"https://{_BUCKET}.s3.{b.region}.amazonaws.com/{_KEY}?X-Amz-Signature=example"
    ),
    "Arn": lambda b: f"arn:aws:dataexchange:{b.region}:{b.account_id}:examples/{b.data_set_id}",
    "Id": lambda b: b.data_set_id,
}
_ANY_TEXT: Final[tuple[Callable[[ExampleContext], str], ...]] = (
    lambda b: b.data_set_id,
    lambda b: b.account_id,
    lambda _: "example",
    lambda _: "1",
    lambda _: "example@example.com",
    lambda _: _UUID,
)
