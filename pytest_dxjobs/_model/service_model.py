"""The installed service model: shapes, enums, errors and operations.

It is read from the installed botocore when first needed and never copied, so that a newer botocore brings
new types, members and operations without a new version of this package.
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
from pytest_dxjobs._core.messages import choose_from, show
from pytest_dxjobs._core.values import plain_str
from pytest_dxjobs._model import documented

SERVICE = "dataexchange"

# A shape of the service model. Its attributes (members, member, key, value) depend on its ``type_name``,
# which botocore's published types do not express.
Shape: TypeAlias = Any


class Model:
    """One version of the service model, with shortcuts to the parts about jobs."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.job: Shape = self.operation("GetJob").output_shape
        self.new_job: Shape = self.operation("CreateJob").input_shape
        self.details: Shape = self.job.members["Details"]
        self.error: Shape = self.job.members["Errors"].member
        self.error_details: Shape = self.error.members["Details"]
        # GetJob declares no member as required; ListJobs declares those that every job has.
        job_list: Shape = self.operation("ListJobs").output_shape.members["Jobs"]
        self.required: tuple[str, ...] = tuple(job_list.member.required_members)
        self.types: tuple[str, ...] = enum_of(self.job.members["Type"])
        self.states: tuple[str, ...] = enum_of(self.job.members["State"])
        self.error_codes: tuple[str, ...] = enum_of(self.error.members["Code"])

    def describes_job(self, shape: Shape) -> bool:
        """Return whether a shape is a response about one job."""
        return shape.type_name == "structure" and all(name in shape.members for name in self.required)

    def operation(self, name: str) -> Any:
        """Return the model of an operation by its API name, such as ``GetJob``."""
        return self.service.operation_model(name)

    @functools.cached_property
    def operations_by_method(self) -> dict[str, str]:
        """The API names of all operations by the client's methods, such as ``get_job``."""
        return {xform_name(name): name for name in self.service.operation_names}

    def operation_for_method(self, place: str, method: object) -> str:
        """Return the API name of the operation of a client's method.

        Raises:
            UsageError: There is no such operation; the message begins with ``place``.
        """
        known, name = self.operations_by_method, plain_str(method)
        if not isinstance(name, str) or name not in known:
            raise UsageError(f"{place}: dataexchange has no operation {show(method)}{choose_from(name, known)}")
        return known[name]

    @functools.cached_property
    def details_members(self) -> dict[str, str]:
        """The member of ``Details`` for each type; the names differ only in case and underscores."""
        by_folded_name = {name.upper(): name for name in self.details.members}
        folded_types = {type_: type_.replace("_", "") for type_ in self.types}
        return {type_: by_folded_name[folded] for type_, folded in folded_types.items() if folded in by_folded_name}

    @functools.cached_property
    def error_shapes(self) -> dict[str, Shape]:
        """The errors that the service declares, by code."""
        return {shape.error_code: shape for shape in self.service.error_shapes}

    def error_details_member(self, type_: str) -> str | None:
        """Return the member of an error's ``Details`` for a type; most types have none."""
        name = f"{self.details_members.get(type_)}JobErrorDetails"
        return name if name in self.error_details.members else None


def model() -> Model:
    """Return the model that a client would use if it were created now."""
    return _load(os.environ.get("AWS_DATA_PATH"))


@functools.lru_cache(maxsize=4)
def _load(data_path: str | None) -> Model:
    # Not from a session, which would raise if the configured profile does not exist.
    description = loader(data_path).load_service_model(SERVICE, "service-2")
    return Model(ServiceModel(description, SERVICE))


@functools.lru_cache(maxsize=4)
def loader(data_path: str | None) -> Loader:
    """Return botocore's loader of models from the disk, which caches what it reads."""
    return create_loader(data_path)


def enum_of(shape: Shape) -> tuple[str, ...]:
    """Return the permitted values of a string shape; an empty tuple permits any value."""
    return tuple(shape.metadata.get("enum", ()))


def non_recursive_members(shape: Shape, ancestors: frozenset[str]) -> dict[str, Shape]:
    """Return the members of a structure, except those of an ancestor's shape and lists of it."""
    return {
        name: member
        for name, member in shape.members.items()
        if not ancestors & {member.name, getattr(getattr(member, "member", None), "name", None)}
    }


def pattern_of(shape: Shape) -> re.Pattern[str] | None:
    """Return the pattern of a string shape, for ``fullmatch``; None permits any text."""
    source = shape.metadata.get("pattern") or _DOCUMENTED_PATTERNS.get(shape.name)
    return _compiled(source) if source else None


_DOCUMENTED_PATTERNS: Final = {"Id": documented.ID_PATTERN}


@functools.cache
def _compiled(source: str) -> re.Pattern[str]:
    r"""Compile a pattern of the model.

    The pattern for account ids is ``.*/^[\d]{12}$/.*``, which matches nothing: a regular expression literal
    of another language within wildcards. The part between the slashes is meant.
    """
    literal = re.fullmatch(r"\.\*/(\^.*\$)/\.\*", source)
    return re.compile(literal[1] if literal else source, re.ASCII)
