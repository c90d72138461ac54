"""Generators of single shapes draw all permitted values, up to the bounds, and no others."""

from __future__ import annotations

import random
import string
from typing import Any, cast

import api_reference
import pytest
from botocore.model import ShapeResolver
from clients import MODEL
from draws import draw_examples, find_simplest
from hypothesis.strategies import DrawFn, composite

import pytest_dxjobs as dx
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._strategies.candidates import _MAX_ID_NUMBER, id_from_number
from pytest_dxjobs._strategies.generators import _BLOCK, Source, generator
from pytest_dxjobs._strategies.jobs import default_context

JOB: Any = MODEL.operation_model("GetJob").output_shape
KNOWN_TYPES = JOB.members["Type"].metadata["enum"]


def shape_of(**members: Any) -> Any:
    """Return a shape that is not in the service model."""
    text = {"shape": "Text"}
    shapes: dict[str, Any] = {
        "Text": {"type": "string"},
        "Kind": {"type": "string", "enum": ["AES256", "aws:kms"]},
        "Tag": {"type": "structure", "members": dict.fromkeys(("Key", "Value"), text)},
        "LFTag": {
            "type": "structure",
            "members": {"TagKey": text, "TagValues": {"shape": "Texts"}},
        },
        "Texts": {"type": "list", "member": text},
        "Custom": members,
    }
    return ShapeResolver(shapes).get_shape_by_name("Custom")


def list_of(element: str, **limits: int) -> Any:
    return shape_of(type="list", member={"shape": element}, **limits)


TEXT = shape_of(type="string")


def generate(shape: Any, name: str = "", owner: str = "") -> list[Any]:
    """Return 500 values of a shape, the simplest first."""
    numbers = random.Random(0)
    blocks = iter([bytes(8)] * 9)

    def draw(kind: Any, label: object = None) -> Any:
        return next(blocks, None) or numbers.randbytes(8) if kind is _BLOCK else "any"

    draw_value, context = generator(shape, name, owner), default_context("EXPORT_ASSETS_TO_S3")
    return [draw_value(Source(cast("Any", draw)), context) for _ in range(500)]


@pytest.mark.parametrize("type_", KNOWN_TYPES)
def test_first_choice_does_not_shift_later_choices(type_: str) -> None:
    installed, context = model(), default_context(type_)
    name = installed.details_members[type_]

    def next_choice(first: int) -> int:
        blocks = iter([bytes([first, 1, 2, 3, 4, 5, 6, 7])])

        def draw(kind: Any, label: object = None) -> Any:
            return next(blocks, bytes(range(8))) if kind is _BLOCK else "any"

        source = Source(cast("Any", draw))
        generator(installed.details.members[name], owner=name)(source, context)
        return source.randrange(256)

    assert len({next_choice(first) for first in range(256)}) == 1


def test_some_of_forty_values_are_in_order_and_shrink() -> None:
    values = tuple(range(40))

    @composite
    def some(draw: DrawFn) -> list[int]:
        return Source(draw).some_of(values, 1)

    subsets = draw_examples(some())
    assert {value for subset in subsets for value in subset} == {*values}
    assert all(subset == sorted(subset) for subset in subsets)
    assert find_simplest(some()) == [0]
    assert find_simplest(some(), lambda subset: 7 in subset) == [7]


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        ({}, {1, 2, 3}),
        ({"min": 0}, {1, 2, 3}),
        ({"max": 1}, {1}),
        ({"min": 1, "max": 2}, {1, 2}),
        ({"min": 2}, {2, 3, 4}),
        ({"min": 4, "max": 4}, {4}),
    ],
)
def test_list_has_up_to_two_entries_beyond_its_minimum(limits: dict[str, int], sizes: set[int]) -> None:
    found = generate(list_of("Text", **limits), "Keys")
    assert len(found[0]) == min(sizes)
    assert {len(each) for each in found} == sizes


def test_list_of_enum_values_is_any_subset_but_the_empty_one() -> None:
    found = generate(list_of("Kind"))
    assert found[0] == ["AES256"]
    assert {(*each,) for each in found} == {("AES256",), ("aws:kms",), ("AES256", "aws:kms")}


@pytest.mark.parametrize("kind", ["integer", "double"])
@pytest.mark.parametrize(
    ("limits", "simplest", "highest"),
    [
        ({}, 0, None),
        ({"min": 1}, 1, None),
        ({"max": 50}, 0, 50),
        ({"min": 2, "max": 5}, 2, 5),
        ({"min": -5, "max": -1}, -5, -1),
    ],
)
def test_number_reaches_both_bounds(kind: str, limits: dict[str, int], simplest: int, highest: int | None) -> None:
    found = generate(shape_of(type=kind, **limits))
    assert found[0] == simplest == min(found)
    assert max(found) == highest or highest is None
    assert len({*found}) > 1


@pytest.mark.parametrize(
    ("limits", "varied"),
    [
        ({}, True),
        ({"min": 1, "max": 1024}, True),
        ({"min": 2, "max": 1024}, False),
        ({"min": 1, "max": 200}, False),
    ],
)
def test_text_varies_if_all_candidates_fit_its_length(limits: dict[str, int], varied: bool) -> None:
    shape = shape_of(type="string", **limits)
    found = {*generate(shape, "Key")}
    assert [problem for text in found for problem in violations(shape, text, "")] == []
    assert (len(found) > 1) == varied


@pytest.mark.parametrize(
    ("name", "shape", "longest"),
    [
        ("Bucket", TEXT, {"Bucket": 63}),
        ("Stage", TEXT, {"Stage": 128}),
        ("AssetId", JOB.members["Id"], {"AssetId": 40}),
        ("Tags", list_of("Tag"), {"Key": 128, "Value": 256}),
        ("Expression", list_of("LFTag"), {"TagKey": 128, "TagValues": 256}),
    ],
)
def test_longest_permitted_value_is_drawn(name: str, shape: Any, longest: dict[str, int]) -> None:
    found = api_reference.scalars(generate(shape, name), name)
    assert {name: max(len(text) for key, text in found if key == name) for name in longest} == longest


def test_longest_key_fills_1024_bytes() -> None:
    longest = max(generate(TEXT, "Key"), key=len)
    assert len(longest.encode()) <= 1024 < len(longest.encode()) + len(longest[-1].encode())


def test_asset_ids_have_every_form() -> None:
    found = {*generate(JOB.members["Id"], "AssetId")}
    assert [each for each in found if not api_reference.ID.fullmatch(each)] == []
    assert {dx.job_id("0"), "z" * 30, "Z" * 40} <= found


def test_kms_key_is_present_only_with_kms_encryption() -> None:
    text, members = {"shape": "Text"}, {"Type": {"shape": "Kind"}, "KmsKeyArn": {"shape": "Text"}}
    encryption = shape_of(type="structure", required=["Type"], members={**members, "Note": text})
    found = generate(encryption)
    assert all(("KmsKeyArn" in value) == (value["Type"] == "aws:kms") for value in found)
    assert {"Note" in value for value in found} == {True, False}
    key_alone = shape_of(type="structure", members={"KmsKeyArn": text})
    assert {"KmsKeyArn" in value for value in generate(key_alone)} == {True, False}


def test_some_of_nine_values_is_any_subset_but_the_empty_one() -> None:
    def some(number: int) -> list[int]:
        source = Source(cast("Any", lambda _: number.to_bytes(2, "big")))
        return source.some_of(tuple(range(9)), 1)

    subsets = {(*some(number),) for number in range(1024)}
    assert len(subsets) == 511
    assert () not in subsets


def test_numbered_ids_are_unique_and_include_all_of_the_service() -> None:
    ids = [id_from_number(number) for number in range(8000)]
    assert [job_id for job_id in ids if not api_reference.ID.fullmatch(job_id)] == []
    assert len({*ids}) == 8000
    assert {len(job_id) for job_id in ids} == {*range(30, 41)}
    assert {job_id[-1] for job_id in ids} == {*string.digits, *string.ascii_letters}
    assert {f"{number:032x}" for number in range(7000)} <= {*ids}
    assert id_from_number(_MAX_ID_NUMBER) == "f" * 32
