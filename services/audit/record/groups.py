"""The groups that say who did it, how they were authenticated, for whom they acted and where."""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from services.audit.record.checks import (
    Unfit,
    free_in,
    members_in,
    object_in,
    short_text_in,
    text_in,
    uuid_in,
)
from services.audit.record.model import Actor, Source, organisation_as_json, without_nulls
from shared.ledger import PROXY, RELATED_PERSON, instant

AUTHN: Final = ("jti", "client_id", "idp", "acr", "auth_time", "signature")
"""The facts about authentication that are kept."""

WHY: Final = (
    "purpose_of_use",
    "case",
    "relationship",
    "override",
    "decision",
    "decision_id",
    "inputs_sha256",
)
OBJECT: Final = ("what", "plan_version", "as_at", "sections", "result_count")
VIEW: Final = (
    "status",
    "via",
    "redactions",
    "body_sha256",
    "body_length",
    "media_type",
    "build",
    "delivery",
)
CHANGE: Final = ("fields", "reason", "query_raw", "kept", "count")
"""Members of a service's message that these groups take over unchanged.

What somebody was sought by stands apart from what was shown of it: it can be erased by itself, and
the rest proved without it.
"""

_LONGEST_CLAIMS: Final = 10_000
_OF_A_SPEAKER: Final = ("relationship", "team", "grade", "speciality")
_ACTOR_TYPES: Final = {
    "professional": "staff",
    "person": "person",
    "related-person": "proxy",
    "system": "service",
    "device": "service",
}


def agent_in(told: Mapping[str, Any], where: str) -> Actor:
    """One party of a provenance, or the actor of a service's record."""
    kind = short_text_in(told.get("kind"), f"{where}.kind")
    if kind is None:
        raise Unfit(f"{where}.kind is missing")
    identifier = object_in(told.get("identifier"), f"{where}.identifier") or {}
    organisation = object_in(told.get("organisation"), f"{where}.organisation") or {}
    given_id = told.get("id") if told.get("id") is not None else identifier.get("value")
    return Actor(
        kind=kind,
        id=short_text_in(given_id, f"{where}.id"),
        id_system=text_in(identifier.get("kind"), f"{where}.identifier.kind"),
        name=text_in(told.get("name"), f"{where}.name"),
        role=text_in(told.get("role"), f"{where}.role"),
        organisation=short_text_in(organisation.get("ods"), f"{where}.organisation.ods")
        or short_text_in(organisation.get("local_id"), f"{where}.organisation.local_id"),
        organisation_name=text_in(organisation.get("name"), f"{where}.organisation.name"),
    )


def actor_group(actor: Actor | None, on_behalf_of: Any) -> dict[str, Any]:
    """The group ``actor``: who did it, as the source authenticated them, and for whom."""
    if actor is None:
        return {}
    return without_nulls(
        actor_type=_ACTOR_TYPES.get(actor.kind, "unknown"),
        kind=actor.kind,
        actor_id=without_nulls(system=actor.id_system or "sub", value=actor.id)
        if actor.id is not None
        else None,
        name_at_time=actor.name,
        role=actor.role,
        org=actor.organisation,
        org_name=actor.organisation_name,
        on_behalf_of=_on_behalf_of(on_behalf_of),
    )


def authn_of_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """The group ``authn`` of an event: what its headers say about the token or the user."""
    claims = headers.get("ce_authclaims")
    told: Any = {}
    if claims is not None and len(claims) <= _LONGEST_CLAIMS:
        try:
            told = json.loads(claims)
        except (ValueError, RecursionError) as error:
            raise Unfit("ce_authclaims is not JSON") from error
    if not isinstance(told, dict) or (claims is not None and len(claims) > _LONGEST_CLAIMS):
        raise Unfit("ce_authclaims is not an object")
    type_ = text_in(headers.get("ce_authtype"), "ce_authtype")
    signature = text_in(headers.get("ce_signature"), "ce_signature")
    told = {**told, **without_nulls(signature=signature)}
    return {**without_nulls(type=type_), **members_in(told, AUTHN)}


def speaker(told: Any, where: str, read: Actor | None = None) -> dict[str, Any] | None:
    """Who said it, if that is known, without anything by which they could be reached.

    ``read`` is the same party where it has been read already.
    """
    given = object_in(told, where)
    if given is None:
        return None
    agent = read or agent_in(given, where)
    members = members_in(given, _OF_A_SPEAKER)
    members["kind"] = agent.kind
    if agent.id is not None:
        members["id"] = agent.id
    if agent.name is not None:
        members["name"] = agent.name
    if agent.role is not None:
        members["role"] = agent.role
    organisation = organisation_as_json(agent.organisation, agent.organisation_name)
    if organisation is not None:
        members["organisation"] = organisation
    return members


def voice_of(provenance: Mapping[str, Any]) -> str | None:
    """Whose voice it is: the kind of who said it; ``proxy`` where they act for the person."""
    said = provenance.get("stated_by") or provenance.get("recorded_by")
    kind = short_text_in(said.get("kind"), "stated_by.kind") if isinstance(said, dict) else None
    if kind == RELATED_PERSON and provenance.get("on_behalf_of") is not None:
        return PROXY
    return kind


def supporter(told: Any) -> dict[str, Any] | None:
    """Who helped the person to say it, and how, if anybody."""
    given = object_in(told, "supported_by")
    return None if given is None else members_in(given, ("name", "relationship", "how")) or None


def entry_in_list(section: str | None, entry_id: UUID, version: int | None) -> dict[str, Any]:
    """One entry that a record is about."""
    return without_nulls(section=section, entry_id=str(entry_id), entry_version=version)


def where_group(system: Any, location: Any, source_ref: Any = None) -> dict[str, Any]:
    """The group ``where``: the system and the place that the contributor named."""
    told = object_in(system, "system") or {}
    return without_nulls(
        app=text_in(told.get("name"), "system.name"),
        app_version=text_in(told.get("version"), "system.version"),
        app_maker=text_in(told.get("maker"), "system.maker"),
        location=free_in(location, "location"),
        source_ref=free_in(source_ref, "source_ref"),
    )


def source_group(
    source: Source, trace_id: str | None, leaf_hash: str | None = None
) -> dict[str, Any]:
    """The group ``source``: where on Kafka it was found, and what the section says of its row."""
    return without_nulls(
        topic=source.topic,
        partition=source.partition,
        offset=source.offset,
        seq=source.position,
        kafka_at=None if source.kafka_at is None else instant(source.kafka_at),
        leaf_hash=leaf_hash,
        trace_id=trace_id,
    )


def _on_behalf_of(told: Any) -> dict[str, Any] | None:
    given = object_in(told, "on_behalf_of")
    if given is None:
        return None
    proxy = object_in(given.get("proxy"), "on_behalf_of.proxy") or {}
    entry_id = uuid_in(proxy.get("entry_id"), "on_behalf_of.proxy")
    section = text_in(proxy.get("section"), "on_behalf_of.proxy.section")
    return without_nulls(
        kind=text_in(given.get("kind"), "on_behalf_of.kind"),
        name=text_in(given.get("name"), "on_behalf_of.name"),
        proxy=None if entry_id is None else {"section": section, "entry_id": str(entry_id)},
    )
