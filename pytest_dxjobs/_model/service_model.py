"""The installed service model, read when it is first needed: shapes, enums, errors and operations.

What a job may look like is asked of the botocore that is installed and never copied, so that a newer
botocore brings new types, members and operations without a new version of this package.
"""

from __future__ import annotations

import functools
import os
import re
from typing import Any, Final, TypeAlias

from botocore import xform_name
from botocore.loaders import Loader, create_loader
from botocore.model import ServiceModel

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import did_you_mean, show
from pytest_dxjobs._core.values import bare
from pytest_dxjobs._model import documented

SERVICE = "dataexchange"

# A shape of the service model. What it has besides a type name (members, element, enum, pattern) depends
# on that name, and the published types of botocore do not tell.
Shape: TypeAlias = Any


class Model:
    """The parts of one version of the service model that deal with jobs."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.job: Shape = self.operation("GetJob").output_shape
        self.details: Shape = self.job.members["Details"]
        self.error: Shape = self.job.members["Errors"].member
        self.error_details: Shape = self.error.members["Details"]
        # GetJob declares nothing as required, ListJobs declares what every job has.
        listing: Shape = self.operation("ListJobs").output_shape
        self.required: tuple[str, ...] = tuple(listing.members["Jobs"].member.required_members)
        self.types: tuple[str, ...] = enum_of(self.job.members["Type"])
        self.states: tuple[str, ...] = enum_of(self.job.members["State"])
        self.error_codes: tuple[str, ...] = enum_of(self.error.members["Code"])

    def operation(self, name: str) -> Any:
        """The model of an operation, by its name in the API (``GetJob``)."""
        return self.service.operation_model(name)

    @functools.cached_property
    def operations_by_method(self) -> dict[str, str]:
        """The names of all operations in the API, by what a client calls them (``get_job``)."""
        return {xform_name(name): name for name in self.service.operation_names}

    def operation_called(self, place: str, method: object) -> str:
        """The name in the API of what a client calls ``method``.

        Raises:
            UsageError: There is no such operation; ``place`` is where it was written.
        """
        known, called = self.operations_by_method, bare(method)
        if not isinstance(called, str) or called not in known:
            raise UsageError(
                f"{place}: dataexchange has no operation {show(method)}; there are {', '.join(known)}"
                f"{did_you_mean(called, known)}"
            )
        return known[called]

    @functools.cached_property
    def details_members(self) -> dict[str, str]:
        """Which member of ``Details`` belongs to a type; the two differ only in how they are written."""
        by_folded_name = {name.upper(): name for name in self.details.members}
        folded_types = {type_: type_.replace("_", "") for type_ in self.types}
        return {
            type_: by_folded_name[folded]
            for type_, folded in folded_types.items()
            if folded in by_folded_name
        }

    @functools.cached_property
    def error_shapes(self) -> dict[str, Shape]:
        """The errors that the service declares, by their code."""
        return {shape.error_code: shape for shape in self.service.error_shapes}

    def error_details_member(self, type_: str) -> str | None:
        """The member of an error's ``Details`` that belongs to a type; most types have none."""
        name = f"{self.details_members.get(type_)}JobErrorDetails"
        return name if name in self.error_details.members else None


def model() -> Model:
    """The model that a client made now would use."""
    return _load(os.environ.get("AWS_DATA_PATH"))


@functools.lru_cache(maxsize=4)
def _load(data_path: str | None) -> Model:
    # By the loader, not by a session: a profile that does not exist must not keep a job from being made.
    description = loader(data_path).load_service_model(SERVICE, "service-2")
    return Model(ServiceModel(description, SERVICE))


@functools.lru_cache(maxsize=4)
def loader(data_path: str | None) -> Loader:
    """What reads models from the disk, and keeps what it has read."""
    return create_loader(data_path)


def enum_of(shape: Shape) -> tuple[str, ...]:
    """The permitted values of a string shape; empty where any value is."""
    return tuple(shape.metadata.get("enum", ()))


def members_outside(shape: Shape, within: frozenset[str]) -> dict[str, Shape]:
    """The members of a structure but for those that would begin one of these structures anew, as a list of it does."""
    return {
        name: member
        for name, member in shape.members.items()
        if not within & {member.name, getattr(getattr(member, "member", None), "name", None)}
    }


def pattern_of(shape: Shape) -> re.Pattern[str] | None:
    """The pattern of a string shape, for ``fullmatch``; none where any text will do."""
    source = shape.metadata.get("pattern") or _DOCUMENTED_PATTERNS.get(shape.name)
    return _compiled(source) if source else None


_DOCUMENTED_PATTERNS: Final = {"Id": documented.ID_PATTERN}


@functools.cache
def _compiled(source: str) -> re.Pattern[str]:
    r"""The pattern that is meant.

    The one for account ids reads ``.*/^[\d]{12}$/.*``, another language's literal within a wildcard,
    which matches nothing at all: what stands between the slashes is what was meant.
    """
    literal = re.fullmatch(r"\.\*/(\^.*\$)/\.\*", source)
    return re.compile(literal[1] if literal else source, re.ASCII)
