"""Build a valid example value for any shape of the service model.

A builder is compiled once for each shape and then only fills in ids and times, so a job costs
microseconds. Types that only a newer botocore knows need no code of their own.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pytest_dxjobs._model import documented
from pytest_dxjobs._model.formats import validator_for
from pytest_dxjobs._model.service_model import Shape, enum_of, non_recursive_members, pattern_of
from pytest_dxjobs._model.validation import violations


@dataclass(frozen=True, slots=True)
class ExampleContext:
    """The values that differ from one example to the next."""

    region: str
    account_id: str
    data_set_id: str
    revision_id: str
    asset_id: str
    at: datetime.datetime
    url_expires_at: datetime.datetime


ExampleBuilder = Callable[[ExampleContext], Any]


@functools.cache
def example_builder(shape: Shape, name: str = "", within: frozenset[str] = frozenset()) -> ExampleBuilder:
    """Return a function that makes a value of a shape, with every member.

    Args:
        shape: Any shape of the service model.
        name: The name of the member that has this shape; a list's elements have the list's name.
        within: The structures around the shape. A member that would contain one of them again is omitted.
    """
    if shape.type_name == "structure":
        within |= {shape.name}
        parts = [
            (key, example_builder(member, key, within)) for key, member in non_recursive_members(shape, within).items()
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
        return (lambda c: c.url_expires_at) if name.endswith("ExpiresAt") else (lambda c: c.at)
    if shape.type_name in ("string", "character"):
        return _text_builder(shape, name)
    constant = _CONSTANTS.get(shape.type_name, shape.metadata.get("min", 1))
    return lambda _: constant


def _text_builder(shape: Shape, name: str) -> ExampleBuilder:
    permitted = enum_of(shape)
    if permitted:
        return lambda _: permitted[0]
    named = _BY_NAME.get(name) or next((build for suffix, build in _BY_SUFFIX.items() if name.endswith(suffix)), None)
    validate = validator_for(name)
    for build in (named, lambda _: name or "example", *_FALLBACKS):
        if build is not None and _fits(shape, validate, build(PROBE_CONTEXT)):
            return build
    text = _shortest_match(shape)
    return lambda _: text


def _fits(shape: Shape, validate: Callable[[str], str] | None, text: str) -> bool:
    return not any(violations(shape, text, "")) and not (validate and validate(text))


def _shortest_match(shape: Shape) -> str:
    """Return a string for a shape that no candidate fits; only newer models have such members."""
    low: int = shape.metadata.get("min", 0)
    high: int | None = shape.metadata.get("max")
    pattern = pattern_of(shape)
    if pattern is None:
        return "x" * low
    from concurrent.futures import ThreadPoolExecutor

    from hypothesis import find, settings, strategies as st

    # In another thread, because Hypothesis may be running a test in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(
            find,
            st.from_regex(pattern, fullmatch=True),
            lambda text: len(text) >= low and (high is None or len(text) <= high),
            settings=settings(database=None, derandomize=True, deadline=None),
        ).result()


_CONSTANTS: Final = {"boolean": True, "blob": b"example"}
PROBE_CONTEXT: Final = ExampleContext(
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

_BY_NAME: Final[dict[str, ExampleBuilder]] = {
    "DataSetId": lambda c: c.data_set_id,
    "RevisionId": lambda c: c.revision_id,
    "AssetId": lambda c: c.asset_id,
    "CatalogId": lambda c: c.account_id,
    "ApiId": lambda _: "a1b2c3d4e5",
    "ApiKey": lambda _: "example-api-key",
    "Stage": lambda _: "prod",
    "AssetName": lambda _: _KEY,
    "Bucket": lambda _: _BUCKET,
    "Key": lambda _: _KEY,
    "Keys": lambda _: _KEY,
    "KeyPrefixes": lambda _: "prices/",
    "KeyPattern": lambda _: "${Asset.Name}",
    "KmsKeyArn": lambda c: f"arn:aws:kms:{c.region}:{c.account_id}:key/{_UUID}",
    "RoleArn": lambda c: f"arn:aws:iam::{c.account_id}:role/example",
    "EventActionArn": lambda c: f"arn:aws:dataexchange:{c.region}:{c.account_id}:event-actions/{c.data_set_id}",
    "DataShareArn": lambda c: f"arn:aws:redshift:{c.region}:{c.account_id}:datashare:{_UUID}/example",
}
_BY_SUFFIX: Final[dict[str, ExampleBuilder]] = {
    "Md5Hash": lambda _: _MD5_OF_NOTHING,
    "Url": lambda c: f"https://{_BUCKET}.s3.{c.region}.amazonaws.com/{_KEY}?X-Amz-Signature=example",
    "Arn": lambda c: f"arn:aws:dataexchange:{c.region}:{c.account_id}:examples/{c.data_set_id}",
    "Id": lambda c: c.data_set_id,
}
_FALLBACKS: Final[tuple[ExampleBuilder, ...]] = (
    lambda c: c.data_set_id,
    lambda c: c.account_id,
    lambda _: "example",
    lambda _: "1",
    lambda _: "example@example.com",
    lambda _: _UUID,
)
