"""From a contribution as it came to a command with typed arguments and a provenance."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as DriversUUID  # noqa: N811 - made, hashed, written in C
from msgspec import Struct
from uuid_utils import uuid7

from shared.chassis.wire.plain_json import plain_json
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import claim_shape, command_shape, leaves_of, visibility_shape
from shared.chassis.wire.validation_errors import error_at, pointer
from shared.ledger import (
    RELATED_PERSON,
    SYSTEM,
    Agent,
    Claim,
    Command,
    Contribution,
    Contributor,
    ItemIdUnusable,
    Provenance,
    Section,
    Visibility,
    is_blank,
    with_item_ids,
)
from shared.ledger.codes.code_list import Fill, fills_of, with_terms
from shared.ledger.names import is_id
from shared.ledger.values.visibility import FROM_WHOM, restricts_somebody

_COMMAND = re.compile(r"(?=careplan\.([a-z-]+)\.)(careplan\.[a-z-]+\.commands\.[a-z-]+)\.v[0-9]+")
ValueT = TypeVar("ValueT")
_KEYS = frozenset(
    {
        "contribution_id",
        "plan_id",
        "command",
        "entry_id",
        "based_on",
        "content",
        "visibility",
        "provenance",
    }
)

_MAY_HAVE = f"a contribution may have {', '.join(f'`{key}`' for key in sorted(_KEYS))}"
_MOST_NAMED = 3
"""How many commands are named to whoever asked for one that there is not."""


class Prepared(Struct, frozen=True):
    """A contribution that can be read: what to call, on which entry of which plan, by whom."""

    contribution_id: UUID
    command: Command
    arguments: dict[str, Any]
    plan_id: UUID
    entry_id: UUID
    entry_is_chosen: bool
    asked_plan_id: UUID | None
    based_on: int | None
    visibility: Visibility | None
    provenance: Provenance
    contributor: Contributor
    content_hash: bytes


def contribution_from_json(given: Any) -> Contribution:
    """A contribution from a JSON value; raises ``Problem("content-invalid")`` with pointers."""
    if not isinstance(given, dict):
        raise _invalid("", "object", "This must be an object.")
    errors = [
        error_at(pointer(key), "unknown-key", f"This is not known here; {_MAY_HAVE}.")
        for key in given
        if key not in _KEYS
    ]
    ids = {key: _id(given, key, errors) for key in ("contribution_id", "plan_id", "entry_id")}
    contribution_id = ids["contribution_id"]
    if given.get("contribution_id") is None:
        errors.append(error_at("/contribution_id", "required", "This is missing."))
    command = given.get("command")
    if command is None:
        errors.append(error_at("/command", "required", "This is missing."))
    elif not isinstance(command, str):
        errors.append(error_at("/command", "text", "This must be a text."))
    based_on = given.get("based_on")
    if based_on is not None and (type(based_on) is not int or based_on < 1):
        message = "This must be an entry version, a whole number from 1."
        errors.append(error_at("/based_on", "version", message))
    content = given.get("content")
    if content is not None and not isinstance(content, dict):
        errors.append(error_at("/content", "object", "This must be an object."))
    if errors or contribution_id is None:
        raise Problem("content-invalid", errors=errors)
    return _made(
        Contribution,
        contribution_id=contribution_id,
        command=str(command),
        plan_id=ids["plan_id"],
        entry_id=ids["entry_id"],
        based_on=based_on,
        content=content or {},
        visibility=visibility_shape().read(given.get("visibility")),
        provenance=claim_shape().read(given.get("provenance")),
    )


def _made(kind: type[ValueT], **members: Any) -> ValueT:
    # Not by its own constructor: a frozen class sets each of its fields by a call.
    made = object.__new__(kind)
    vars(made).update(members)
    return made


def prepare(section: Section, contribution: Contribution, contributor: Contributor) -> Prepared:
    """Judge what can be judged without the entry; raises ``Problem`` for what cannot be read."""
    command = section.commands.get(contribution.command)
    if command is None:
        message = no_such_command(section, contribution.command)
        raise Problem(
            "command-unknown", message, errors=[error_at("/command", "unknown-command", message)]
        )
    arguments = _arguments(command, contribution.content)
    plan_id = contribution.plan_id
    if plan_id is None:
        if not command.opens_plan:
            raise _invalid("/plan_id", "required", "This is missing.")
        plan_id = _new_id()
    entry_id, is_chosen = _entry_id(command, contribution, plan_id, arguments)
    if command.creates and contribution.based_on is not None:
        raise _invalid("/based_on", "creates", "This must be left out in a command that creates.")
    if not command.creates and contribution.visibility is not None:
        message = (
            "This may stand only in a command that creates; otherwise send the command `restrict`."
        )
        raise _invalid("/visibility", "changes", message)
    _judge_visibility(command, contribution.visibility)
    provenance = _provenance(contribution, contributor, plan_id, entry_id)
    return Prepared(
        contribution_id=contribution.contribution_id,
        command=command,
        arguments=_as_kept(command, arguments, contribution.contribution_id),
        plan_id=plan_id,
        entry_id=entry_id,
        entry_is_chosen=is_chosen,
        asked_plan_id=contribution.plan_id,
        based_on=contribution.based_on,
        visibility=contribution.visibility,
        provenance=provenance,
        contributor=contributor,
        content_hash=_content_hash(contribution, arguments),
    )


def _arguments(command: Command, content: Mapping[str, Any]) -> dict[str, Any]:
    """What the content says; whoever sent none is told so, and not only what it lacks."""
    try:
        return command_shape(command).read(content)
    except Problem as problem:
        lacking = [
            name.rpartition("/")[2]
            for error in problem.errors
            if error["rule"] == "required" and (name := error["pointer"])
        ]
        if content or not lacking:
            raise
        needed = ", ".join(f"`{name}`" for name in lacking)
        message = f"`content` is missing or says nothing; this command needs {needed} in it."
        raise Problem(problem.code, message, errors=problem.errors) from None


def _judge_visibility(command: Command, visibility: Visibility | None) -> None:
    """What is withheld from the start is something of this entry, and from somebody."""
    if visibility is None:
        return
    leaves = leaves_of(command.entry)
    errors = [
        error_at(pointer("visibility", "fields", at), "one-of", _one_of(leaves))
        for at, field in enumerate(visibility.fields)
        if field not in leaves
    ]
    if not restricts_somebody(vars(visibility)):
        errors.append(error_at("/visibility", "from-somebody", FROM_WHOM))
    if errors:
        raise Problem("content-invalid", errors=errors)


def _one_of(leaves: tuple[str, ...]) -> str:
    *others, last = (f"`{leaf}`" for leaf in leaves)
    return (
        f"This must be one of {', '.join(others)} or {last}." if others else f"This must be {last}."
    )


def section_of(sections: Iterable[Section], type_: str) -> Section:
    """The section that has this command; raises ``Problem("command-unknown")``."""
    declared = tuple(sections)
    for section in declared:
        if type_ in section.commands:
            return section
    for section in declared:
        if type_.startswith(f"careplan.{section.wire_name}."):
            message = no_such_command(section, type_)
            break
    else:
        known = ", ".join(sorted(section.wire_name for section in declared))
        message = (
            "The type of a command is `careplan.<section>.commands.<command>.v<major>`; the "
            f"sections are {known}."
        )
    raise Problem(
        "command-unknown", message, errors=[error_at("/command", "unknown-command", message)]
    )


def no_such_command(section: Section, type_: str) -> str:
    """What would be right, without a word of what was sent."""
    found = _COMMAND.fullmatch(type_)
    if found is None:
        example = min(section.commands)
        return (
            "The type of a command is `careplan.<section>.commands.<command>.v<major>`, "
            f"as `{example}`."
        )
    if found[1] != section.wire_name:
        return (
            f"This is the section {section.wire_name}. Send the command to the section that its "
            "type names."
        )
    others = [known for known in section.commands if known.rpartition(".v")[0] == found[2]]
    if others:
        named = " and ".join(f"`{known}`" for known in others)
        return f"The section {section.wire_name} has no such version of this command, only {named}."
    near = get_close_matches(type_, section.commands, n=_MOST_NAMED)
    said = f"The section {section.wire_name} has no such command."
    named = " or ".join(f"`{known}`" for known in near)
    return f"{said} Is it {named}?" if near else said


def _entry_id(
    command: Command, contribution: Contribution, plan_id: UUID, arguments: Mapping[str, Any]
) -> tuple[UUID, bool]:
    fixed = command.entry.id_following_from(plan_id, arguments)
    chosen = contribution.entry_id
    if fixed is not None:
        if chosen is not None and chosen != fixed:
            raise _invalid(
                "/entry_id",
                "follows-from-plan",
                "This must be left out, or the id that follows from `plan_id` and the subject.",
            )
        return fixed, True
    if chosen is not None:
        return chosen, True
    if not command.creates:
        raise _invalid("/entry_id", "required", "This is missing; name the entry to change.")
    return _new_id(), False


def _provenance(
    contribution: Contribution, contributor: Contributor, plan_id: UUID, entry_id: UUID
) -> Provenance:
    claim = contribution.provenance
    recorded_by = contributor.agent
    if contributor.kind == SYSTEM and claim.system:
        recorded_by = replace(recorded_by, name=claim.system.name)
    return _made(
        Provenance,
        plan_id=plan_id,
        entry_id=entry_id,
        contribution_id=contribution.contribution_id,
        recorded_by=recorded_by,
        stated_by=_stated_by(claim, recorded_by),
        stated_at=claim.stated_at,
        on_behalf_of=claim.on_behalf_of,
        supported_by=claim.supported_by,
        location=claim.location,
        reason=claim.reason,
        system=claim.system,
        source_ref=claim.source_ref,
        answers=claim.answers,
    )


def _stated_by(claim: Claim, recorded_by: Agent) -> Agent:
    stated_by = claim.stated_by
    if stated_by is None:
        return recorded_by
    if stated_by.kind == "professional" and is_blank(stated_by.role):
        raise _invalid(
            "/provenance/stated_by/role", "required", "This is missing; a professional has a role."
        )
    if stated_by.kind == RELATED_PERSON and is_blank(stated_by.relationship):
        raise _invalid(
            "/provenance/stated_by/relationship",
            "required",
            "This is missing; a related person has a relationship.",
        )
    return stated_by


@cache
def _fills_of(command: Command) -> dict[str, Fill]:
    return fills_of({name: one.annotation for name, one in command.parameters.items()})


def _as_kept(command: Command, arguments: dict[str, Any], contribution_id: UUID) -> dict[str, Any]:
    """What was sent, with an id for each item and the term of each code that came without one."""
    try:
        return with_item_ids(with_terms(arguments, _fills_of(command)), contribution_id)
    except ItemIdUnusable as error:
        steps = re.split(r"[./]", error.path)
        rule = steps[-1].replace("_", "-")
        raise _invalid(pointer("content", *steps), rule, str(error)) from None


def _content_hash(contribution: Contribution, arguments: dict[str, Any]) -> bytes:
    """SHA-256 of what makes two contributions the same, typed values in one form."""
    same = {
        "command": contribution.command,
        "plan_id": contribution.plan_id,
        "entry_id": contribution.entry_id,
        "based_on": contribution.based_on,
        "content": arguments,
        "visibility": contribution.visibility,
        "provenance": contribution.provenance,
    }
    return hashlib.sha256(plain_json(same, sort_keys=True)).digest()


def _id(given: dict[str, Any], key: str, errors: list[dict[str, str]]) -> UUID | None:
    value = given.get(key)
    if value is None:
        return None
    if not is_id(value):
        errors.append(
            error_at(
                f"/{key}",
                "uuid",
                "This must be a UUID in lower case, as 0199c0de-0000-7000-8000-000000000001.",
            )
        )
        return None
    made: UUID = DriversUUID(value)
    return made


def _new_id() -> UUID:
    made: UUID = DriversUUID(uuid7().bytes)
    return made


def _invalid(where: str, rule: str, message: str) -> Problem:
    return Problem("content-invalid", errors=[error_at(where, rule, message)])
