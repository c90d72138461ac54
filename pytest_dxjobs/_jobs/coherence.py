"""Whether a response is one that the service could have sent.

A response can be valid by the service model and still be impossible: two ``Details`` members, errors on
a completed job, a MD5 of seven bytes. A test built on such a response proves nothing, so each rule here
names what does not fit together. The rules look at the finished response only: they share the facts about
the service (``_service``, where the guesses among them are told) with the factory, and no code.
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
    """Say what is wrong with a ``get_job`` response.

    Checks it against the installed service model (types, required members, enums, patterns, lengths)
    and against what the service can send: the one ``Details`` member for its ``Type``, an ``Arn`` for
    its ``Id``, ``CreatedAt`` not after ``UpdatedAt``, ``Errors`` exactly in state ``ERROR`` and fitting
    the job, encryption, signed URLs, hashes, bucket names, keys and accounts.

    Args:
        job: The response, as ``get_job`` returns it. ``ResponseMetadata`` is passed over. Anything may be
            given; nothing is raised.

    Returns:
        One line for each problem, ``dotted.path: what is wrong``; an empty list where there is none.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    installed = model()
    if not isinstance(job, dict):
        return list(violations(installed.job, job, ""))
    # By dict's own method: one that is overridden may raise.
    members = {name: value for name, value in dict.items(job) if name != "ResponseMetadata"}
    problems = [
        f"{name}: missing; every job has it" for name in installed.required if name not in members
    ]
    for name, value in members.items():
        _collect(problems, violations(installed.job, {name: value}, ""), show(name))
    for rule in _RULES:
        _collect(problems, rule(members, installed), "(response)")
    return problems


def _collect(problems: list[str], found: Iterator[str], place: str) -> None:
    """Take what is found; where an object's own methods raise, say so and lose nothing else."""
    try:
        problems.extend(found)
    except Exception as error:
        problems.append(
            f"{place}: it cannot be examined, looking at it raised {type(error).__name__}"
        )


def _arn_is_for_the_id(job: Job, _model: Model) -> Iterator[str]:
    arn, job_id = job.get("Arn"), job.get("Id")
    if isinstance(arn, str) and (problem := validate_job_arn(arn)):
        yield f"Arn: {show(arn)} {problem}"
    elif isinstance(arn, str) and isinstance(job_id, str) and not arn.endswith(f":jobs/{job_id}"):
        yield f"Arn: {show(arn)} does not end in jobs/{job_id}, as the Id asks"


def _times_are_in_order(job: Job, _model: Model) -> Iterator[str]:
    created: Any
    updated: Any
    created, updated = job.get("CreatedAt"), job.get("UpdatedAt")
    both = (created, updated)
    if all(map(is_aware, both)) and created > updated:
        yield f"UpdatedAt: {show(updated)} is before CreatedAt, {show(created)}"


def _details_fit_the_type(job: Job, installed: Model) -> Iterator[str]:
    details, type_ = job.get("Details"), job.get("Type")
    if not isinstance(details, dict) or not isinstance(type_, str):
        return
    wanted = installed.details_members.get(type_)
    known = [name for name in details if name in installed.details.members]
    for name in known:
        if wanted is not None and name != wanted:
            yield f"Details.{name}: belongs to another type; {type_} has {wanted}"
    if wanted is None and len(known) > 1:
        yield f"Details: has {', '.join(known)}, and a job has exactly one"
    if wanted is not None and wanted not in details:
        yield f"Details.{wanted}: missing; a job of type {type_} has it"


def _errors_come_with_the_state(job: Job, _model: Model) -> Iterator[str]:
    state, errors = job.get("State"), job.get("Errors")
    if state == documented.FAILED and "Errors" not in job:
        yield "Errors: missing; a job in state ERROR has at least one"
    elif state == documented.FAILED and errors == []:
        yield "Errors: empty; a job in state ERROR has at least one"
    elif state != documented.FAILED and "Errors" in job:
        yield f"Errors: present, although State is {show(state)}; only a job in state ERROR has them"


def _errors_fit_the_job(job: Job, installed: Model) -> Iterator[str]:
    errors, type_ = job.get("Errors"), job.get("Type")
    for index, error in enumerate(errors if isinstance(errors, list) else ()):
        if isinstance(error, dict):
            path = f"Errors[{index}]"
            yield from _limit_fits(error, type_, path)
            yield from _resource_occurs(error, job, installed, path)
            yield from _error_details_fit(error, job, installed, path)


def _limit_fits(error: Job, type_: object, path: str) -> Iterator[str]:
    code = error.get("Code")
    for name in ("LimitName", "LimitValue"):
        if name in error and code != documented.QUOTA_CODE:
            yield f"{path}.{name}: only an error with the code {documented.QUOTA_CODE} has it"
    limit = error.get("LimitName")
    fitting = documented.LIMIT_TYPES.get(limit) if isinstance(limit, str) else None
    if fitting is not None and isinstance(type_, str) and type_ not in fitting:
        yield f"{path}.LimitName: {show(limit)} is no limit of {type_}, but of {', '.join(sorted(fitting))}"


def _resource_occurs(error: Job, job: Job, installed: Model, path: str) -> Iterator[str]:
    kind, resource = error.get("ResourceType"), error.get("ResourceId")
    member = documented.RESOURCE_MEMBERS.get(kind) if isinstance(kind, str) else None
    if kind is not None and member is None:
        return  # an ill-typed or unknown resource type was told already, or is newer than this package
    wanted = {member} if member is not None else set(documented.RESOURCE_MEMBERS.values())
    found = {
        value
        for _, name, value in _leaves(job.get("Details"), installed.details, "Details")
        if name in wanted and isinstance(value, str)
    }
    if member is not None and not found:
        yield f"{path}.ResourceType: {kind} does not fit {show(job.get('Type'))}, whose Details name no {member}"
    elif isinstance(resource, str) and resource not in found:
        yield f"{path}.ResourceId: {show(resource)} does not occur in Details"


def _error_details_fit(error: Job, job: Job, installed: Model, path: str) -> Iterator[str]:
    details, type_ = error.get("Details"), job.get("Type")
    if not isinstance(details, dict) or not isinstance(type_, str):
        return
    fitting = installed.error_details_member(type_)
    of_the_job = _mapping(_mapping(job.get("Details")).get(installed.details_members.get(type_)))
    for name, value in details.items():
        if name not in installed.error_details.members:
            continue
        place = f"{path}.Details.{name}"
        if name != fitting:
            yield f"{place}: does not fit {type_}, {f'which has {fitting}' if fitting else 'which has none'}"
        elif isinstance(value, list):
            sources = of_the_job.get("AssetSources")
            for index, source in enumerate(value):
                if isinstance(sources, list) and source not in sources:
                    yield f"{place}[{index}]: {show(source)} is not among the job's AssetSources"
        elif isinstance(value, dict):
            for key, part in value.items():
                if key in of_the_job and of_the_job[key] != part:
                    yield f"{place}.{key}: {show(part)} is not the job's own, {show(of_the_job[key])}"


def _key_comes_with_kms(job: Job, _model: Model) -> Iterator[str]:
    for name, details in _mapping(job.get("Details")).items():
        encryption = _mapping(details).get("Encryption")
        if isinstance(encryption, dict):
            place, kms = f"Details.{name}.Encryption.KmsKeyArn", encryption.get("Type") == "aws:kms"
            if kms and "KmsKeyArn" not in encryption:
                yield f"{place}: missing; encryption with aws:kms names its key"
            elif not kms and "KmsKeyArn" in encryption:
                yield f"{place}: only encryption with aws:kms has a key"


def _signed_url_comes_in_time(job: Job, installed: Model) -> Iterator[str]:
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


def _values_are_of_their_kind(job: Job, installed: Model) -> Iterator[str]:
    for path, name, value in _leaves(job.get("Details"), installed.details, "Details"):
        validate = validator_for(name)
        if validate is not None and isinstance(value, str) and (problem := validate(value)):
            yield f"{path}: {show(value)} {problem}"


def _mapping(value: object) -> Job:
    return value if isinstance(value, dict) else {}


def _leaves(
    value: object, shape: Shape, path: str, name: str = ""
) -> Iterator[tuple[str, str, object]]:
    """Path, member name and value of every scalar below ``value`` that the shape knows.

    An element of a list goes by the name of the list. Members that the shape does not have are passed
    over, so the walk ends even where the value contains itself.
    """
    if shape.type_name == "structure":
        members = value if isinstance(value, dict) else {}
        for key, member in shape.members.items():
            if key in members:
                yield from _leaves(members[key], member, f"{path}.{key}", key)
    elif shape.type_name == "list":
        for index, element in enumerate(value if isinstance(value, list) else ()):
            yield from _leaves(element, shape.member, f"{path}[{index}]", name)
    else:
        yield path, name, value


_RULES: Final[tuple[Callable[[Job, Model], Iterator[str]], ...]] = (
    _arn_is_for_the_id,
    _times_are_in_order,
    _details_fit_the_type,
    _errors_come_with_the_state,
    _errors_fit_the_job,
    _key_comes_with_kms,
    _signed_url_comes_in_time,
    _values_are_of_their_kind,
)
