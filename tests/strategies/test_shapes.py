"""Drawers of single shapes: everything that is permitted, up to its borders, and nothing else."""

from __future__ import annotations

import random
import string
from typing import Any, cast

import pytest
import service_page
from botocore.model import ShapeResolver
from clients import MODEL
from draws import drawn, simplest
from hypothesis.strategies import DrawFn, composite

import pytest_dxjobs as dx
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._strategies.jobs import default_context
from pytest_dxjobs._strategies.shapes import _BLOCK, Source, generator
from pytest_dxjobs._strategies.values import _LAST, id_of

JOB: Any = MODEL.operation_model("GetJob").output_shape
KNOWN_TYPES = JOB.members["Type"].metadata["enum"]


def shape_of(**members: Any) -> Any:
    """A shape that no model has."""
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
        "Own": members,
    }
    return ShapeResolver(shapes).get_shape_by_name("Own")


def list_of(element: str, **limits: int) -> Any:
    return shape_of(type="list", member={"shape": element}, **limits)


TEXT = shape_of(type="string")


def values(shape: Any, name: str = "", owner: str = "") -> list[Any]:
    """The simplest value of a shape, and many others."""
    numbers = random.Random(0)
    blocks = iter([bytes(8)] * 9)

    def draw(kind: Any, label: object = None) -> Any:
        return next(blocks, None) or numbers.randbytes(8) if kind is _BLOCK else "any"

    make, context = generator(shape, name, owner), default_context("EXPORT_ASSETS_TO_S3")
    return [make(Source(cast("Any", draw)), context) for _ in range(500)]


@pytest.mark.parametrize("type_", KNOWN_TYPES)
def test_the_first_choice_shifts_nothing_that_comes_after_it(type_: str) -> None:
    installed, context = model(), default_context(type_)
    name = installed.details_members[type_]

    def after(first: int) -> int:
        blocks = iter([bytes([first, 1, 2, 3, 4, 5, 6, 7])])

        def draw(kind: Any, label: object = None) -> Any:
            return next(blocks, bytes(range(8))) if kind is _BLOCK else "any"

        source = Source(cast("Any", draw))
        generator(installed.details.members[name], owner=name)(source, context)
        return source.number(256)

    assert len({after(first) for first in range(256)}) == 1


def test_some_of_more_values_than_can_be_told_one_by_one_are_drawn_and_shrink_too() -> None:
    values = tuple(range(40))

    @composite
    def some(draw: DrawFn) -> list[int]:
        return Source(draw).some_of(values, 1)

    found = drawn(some())
    assert {each for several in found for each in several} == {*values}
    assert all(several == sorted(several) for several in found)
    assert simplest(some()) == [0]
    assert simplest(some(), lambda several: 7 in several) == [7]


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
def test_a_list_has_a_few_entries_and_as_many_as_permitted(
    limits: dict[str, int], sizes: set[int]
) -> None:
    found = values(list_of("Text", **limits), "Keys")
    assert len(found[0]) == min(sizes)
    assert {len(each) for each in found} == sizes


def test_a_list_of_what_is_told_one_by_one_has_at_least_one_of_each_kind() -> None:
    found = values(list_of("Kind"))
    assert found[0] == ["AES256"]
    assert {(*each,) for each in found} == {("AES256",), ("aws:kms",), ("AES256", "aws:kms")}


@pytest.mark.parametrize("kind", ["integer", "double"])
@pytest.mark.parametrize(
    ("limits", "simple", "highest"),
    [
        ({}, 0, None),
        ({"min": 1}, 1, None),
        ({"max": 50}, 0, 50),
        ({"min": 2, "max": 5}, 2, 5),
        ({"min": -5, "max": -1}, -5, -1),
    ],
)
def test_a_number_reaches_both_borders(
    kind: str, limits: dict[str, int], simple: int, highest: int | None
) -> None:
    found = values(shape_of(type=kind, **limits))
    assert found[0] == simple == min(found)
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
def test_a_text_is_varied_where_its_length_permits(limits: dict[str, int], varied: bool) -> None:
    shape = shape_of(type="string", **limits)
    found = {*values(shape, "Key")}
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
def test_the_longest_that_the_service_permits_is_drawn(
    name: str, shape: Any, longest: dict[str, int]
) -> None:
    found = service_page.every(values(shape, name), name)
    assert {name: max(len(text) for of, text in found if of == name) for name in longest} == longest


def test_a_key_is_drawn_to_which_no_other_letter_could_be_added() -> None:
    longest = max(values(TEXT, "Key"), key=len)
    assert len(longest.encode()) <= 1024 < len(longest.encode()) + len(longest[-1].encode())


def test_ids_of_assets_are_of_every_kind() -> None:
    found = {*values(JOB.members["Id"], "AssetId")}
    assert [each for each in found if not service_page.ID.fullmatch(each)] == []
    assert {dx.job_id("0"), "z" * 30, "Z" * 40} <= found


def test_a_key_of_its_own_goes_with_the_encryption_by_it_alone() -> None:
    text, members = {"shape": "Text"}, {"Type": {"shape": "Kind"}, "KmsKeyArn": {"shape": "Text"}}
    encryption = shape_of(type="structure", required=["Type"], members={**members, "Note": text})
    found = values(encryption)
    assert all(("KmsKeyArn" in each) == (each["Type"] == "aws:kms") for each in found)
    assert {"Note" in each for each in found} == {True, False}
    key = shape_of(type="structure", members={"KmsKeyArn": text})
    assert {"KmsKeyArn" in each for each in values(key)} == {True, False}


def test_some_of_nine_values_are_any_of_them_but_never_none() -> None:
    def some(number: int) -> list[int]:
        source = Source(cast("Any", lambda _: number.to_bytes(2, "big")))
        return source.some_of(tuple(range(9)), 1)

    every = {(*some(number),) for number in range(1024)}
    assert len(every) == 511
    assert () not in every


def test_numbered_ids_miss_none_that_the_service_makes() -> None:
    found = [id_of(number) for number in range(8000)]
    assert [each for each in found if not service_page.ID.fullmatch(each)] == []
    assert len({*found}) == 8000
    assert {len(each) for each in found} == {*range(30, 41)}
    assert {each[-1] for each in found} == {*string.digits, *string.ascii_letters}
    assert {f"{number:032x}" for number in range(7000)} <= {*found}
    assert id_of(_LAST) == "f" * 32
