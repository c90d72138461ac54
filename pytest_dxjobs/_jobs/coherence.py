"""Check whether the service could have sent a ``get_job`` response.

A response can fit the service model and still be impossible: two ``Details`` members, errors on a
completed job, an MD5 of seven bytes. Each rule below finds one kind of contradiction. The rules share
facts about the service with the factory (``_model.documented``, which marks the guesses), but no code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.values import is_aware
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.formats import validate_job_arn, validator_for
from pytest_dxjobs._model.service_model import Model, Shape, model
from pytest_dxjobs._model.validation import violations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Job = dict[Any, Any]


def find_problems(job: object) -> list[str]:
    """Return what is wrong with a ``get_job`` response.

    Checks it against the installed service model: types, required members, enums, patterns, lengths.
    Then checks what the service can send: the one ``Details`` member for the ``Type``, an ``Arn`` for
    the ``Id``, ``CreatedAt`` not after ``UpdatedAt``, ``Errors`` only in state ``ERROR`` and fitting
    the job, encryption, signed URLs, hashes, bucket names, keys and accounts.

    Args:
        job: The response, as ``get_job`` returns it. ``ResponseMetadata`` is ignored. Any object is
            accepted; nothing is raised.

    Returns:
        One line for each problem, ``dotted.path: what is wrong``. Empty if there is none.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    installed = model()
    if not isinstance(job, dict):
        return list(violations(installed.job, job, ""))
    # dict.items, because a subclass may override items with a method that raises.
    members = {name: value for name, value in dict.items(job) if name != "ResponseMetadata"}
    problems = [f"{name}: missing; every job has it" for name in installed.required if name not in members]
    for name, value in members.items():
        _collect(problems, violations(installed.job, {name: value}, ""), _place(name))
    for rule in _RULES:
        _collect(problems, rule(members, installed), "(response)")
    return problems


def _place(name: object) -> str:
    return name if isinstance(name, str) else f"(a name of type {type(name).__name__})"


def _collect(problems: list[str], found: Iterator[str], place: str) -> None:
    """Add what is found; if a value's own methods raise, report that instead."""
    try:
        problems.extend(found)
    except Exception as error:
        problems.append(f"{place}: cannot be checked; reading it raised {type(error).__name__}")


def _check_arn(job: Job, _model: Model) -> Iterator[str]:
    arn, job_id = job.get("Arn"), job.get("Id")
    if isinstance(arn, str) and (problem := validate_job_arn(arn)):
        yield f"Arn: {show(arn)} {problem}"
    elif isinstance(arn, str) and isinstance(job_id, str) and not arn.endswith(f":jobs/{job_id}"):
        yield f"Arn: {show(arn)} does not end in jobs/{job_id}, with the job's Id"


def _check_times(job: Job, _model: Model) -> Iterator[str]:
    created: Any
    updated: Any
    created, updated = job.get("CreatedAt"), job.get("UpdatedAt")
    if is_aware(created) and is_aware(updated) and created > updated:
        yield f"UpdatedAt: {show(updated)} is before CreatedAt, {show(created)}"


def _check_details_member(job: Job, installed: Model) -> Iterator[str]:
    details, type_ = job.get("Details"), job.get("Type")
    if not isinstance(details, dict) or not isinstance(type_, str):
        return
    expected = installed.details_members.get(type_)
    known = [name for name in details if name in installed.details.members]
    for name in known:
        if expected is not None and name != expected:
            yield f"Details.{name}: belongs to another type; {type_} has {expected}"
    if expected is None and len(known) > 1:
        yield f"Details: has {', '.join(known)}; a job has exactly one member"
    if expected is not None and expected not in details:
        yield f"Details.{expected}: missing; a job of type {type_} has it"


def _check_errors_match_state(job: Job, _model: Model) -> Iterator[str]:
    state, errors = job.get("State"), job.get("Errors")
    if state == documented.FAILED and "Errors" not in job:
        yield "Errors: missing; a job in state ERROR has at least one"
    elif state == documented.FAILED and errors == []:
        yield "Errors: empty; a job in state ERROR has at least one"
    elif state != documented.FAILED and "Errors" in job:
        yield f"Errors: present, although State is {show(state)}; only a job in state ERROR has them"


def _check_errors(job: Job, installed: Model) -> Iterator[str]:
    errors, type_ = job.get("Errors"), job.get("Type")
    for index, error in enumerate(errors if isinstance(errors, list) else ()):
        if isinstance(error, dict):
            path = f"Errors[{index}]"
            yield from _check_limit(error, type_, path)
            yield from _check_resource(error, job, installed, path)
            yield from _check_error_details(error, job, installed, path)


def _check_limit(error: Job, type_: object, path: str) -> Iterator[str]:
    code = error.get("Code")
    for name in ("LimitName", "LimitValue"):
        if name in error and code != documented.QUOTA_CODE:
            yield f"{path}.{name}: present; only an error with code {documented.QUOTA_CODE} has it"
    limit = error.get("LimitName")
    types = documented.LIMIT_TYPES.get(limit) if isinstance(limit, str) else None
    if types is not None and isinstance(type_, str) and type_ not in types:
        yield f"{path}.LimitName: {show(limit)} is not a limit of {type_}, but of {', '.join(sorted(types))}"


def _check_resource(error: Job, job: Job, installed: Model, path: str) -> Iterator[str]:
    kind, resource = error.get("ResourceType"), error.get("ResourceId")
    member = documented.RESOURCE_MEMBERS.get(kind) if isinstance(kind, str) else None
    if kind is not None and member is None:
        return  # the model check has reported it, or the resource type is newer than this package
    names = {member} if member is not None else set(documented.RESOURCE_MEMBERS.values())
    found = {
        value
        for _, name, value in _scalars(job.get("Details"), installed.details, "Details")
        if name in names and isinstance(value, str)
    }
    if member is not None and not found:
        yield f"{path}.ResourceType: {kind} does not fit {show(job.get('Type'))}; its Details have no {member}"
    elif isinstance(resource, str) and resource not in found:
        yield f"{path}.ResourceId: {show(resource)} does not occur in Details"


def _check_error_details(error: Job, job: Job, installed: Model, path: str) -> Iterator[str]:
    error_details, type_ = error.get("Details"), job.get("Type")
    if not isinstance(error_details, dict) or not isinstance(type_, str):
        return
    expected = installed.error_details_member(type_)
    job_details = _mapping(_mapping(job.get("Details")).get(installed.details_members.get(type_)))
    for name, value in error_details.items():
        if name not in installed.error_details.members:
            continue
        place = f"{path}.Details.{name}"
        if name != expected:
            yield f"{place}: does not fit {type_}, which has {expected or 'no error details'}"
        elif isinstance(value, list):
            sources = job_details.get("AssetSources")
            for index, source in enumerate(value):
                if isinstance(sources, list) and source not in sources:
                    yield f"{place}[{index}]: {show(source)} is not among the job's AssetSources"
        elif isinstance(value, dict):
            for key, part in value.items():
                if key in job_details and job_details[key] != part:
                    yield f"{place}.{key}: {show(part)} differs from the job's Details, {show(job_details[key])}"


def _check_encryption_key(job: Job, _model: Model) -> Iterator[str]:
    for name, details in _mapping(job.get("Details")).items():
        encryption = _mapping(details).get("Encryption")
        if isinstance(encryption, dict):
            place, kms = f"Details.{name}.Encryption.KmsKeyArn", encryption.get("Type") == "aws:kms"
            if kms and "KmsKeyArn" not in encryption:
                yield f"{place}: missing; encryption with aws:kms has a key"
            elif not kms and "KmsKeyArn" in encryption:
                yield f"{place}: present; only encryption with aws:kms has a key"


def _check_signed_url(job: Job, installed: Model) -> Iterator[str]:
    type_, state = job.get("Type"), job.get("State")
    if not isinstance(type_, str) or not isinstance(state, str):
        return
    member = installed.details_members.get(type_)
    details = _mapping(job.get("Details")).get(member)
    if not isinstance(details, dict):
        return
    present = [name for name in documented.SIGNED_URL_MEMBERS if name in details]
    for name in documented.SIGNED_URL_MEMBERS:
        place = f"Details.{member}.{name}"
        if name in present and not documented.may_have_signed_url(type_, state):
            yield f"{place}: present, although a job of type {type_} has none in state {state}"
        elif name not in present and state in documented.SIGNED_URL_REQUIRED.get(type_, ()):
            yield f"{place}: missing; a job of type {type_} has it in state {state}"
        elif name not in present and present:
            yield f"{place}: missing; a signed URL and its expiry come together"


def _check_formats(job: Job, installed: Model) -> Iterator[str]:
    for path, name, value in _scalars(job.get("Details"), installed.details, "Details"):
        validate = validator_for(name)
        if validate is not None and isinstance(value, str) and (problem := validate(value)):
            yield f"{path}: {show(value)} {problem}"


def _mapping(value: object) -> Job:
    return value if isinstance(value, dict) else {}


def _scalars(value: object, shape: Shape, path: str, name: str = "") -> Iterator[tuple[str, str, object]]:
    """Yield path, member name and value of every scalar in ``value``.

    A list's elements have the list's name. Only members of the shape are visited, so a value that
    contains itself does not recurse for ever.
    """
    if shape.type_name == "structure":
        members = value if isinstance(value, dict) else {}
        for key, member in shape.members.items():
            if key in members:
                yield from _scalars(members[key], member, f"{path}.{key}", key)
    elif shape.type_name == "list":
        for index, element in enumerate(value if isinstance(value, list) else ()):
            yield from _scalars(element, shape.member, f"{path}[{index}]", name)
    else:
        yield path, name, value


_RULES: Final[tuple[Callable[[Job, Model], Iterator[str]], ...]] = (
    _check_arn,
    _check_times,
    _check_details_member,
    _check_errors_match_state,
    _check_errors,
    _check_encryption_key,
    _check_signed_url,
    _check_formats,
)
