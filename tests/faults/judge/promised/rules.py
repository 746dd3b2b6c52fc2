"""What an event says that is not simply what was sent: a rule for each command.

Whatever no rule gives and nobody sent is wrong in an event. A section whose commands lead to
something else gets its rules here; that its examples need them, a unit test says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

Content = Mapping[str, Any]
Json = dict[str, Any]

# A section's clock and its database's may: one of the faults sets them back by an hour.
_CLOCKS_DIFFER: Final = timedelta(hours=2)
_LONGEST_CLAIM: Final = timedelta(days=31)
_REGISTRATION: Final = "registration-service"
_RAISED_BY: Final = {"person": "person", "related-person": "carer"}
_OF_A_PARTY: Final = ("name", "relationship", "organisation", "team")


@dataclass(frozen=True)
class Case:
    """What was sent, what the entry was before, who said it when, and what the event says of it."""

    given: Content
    before: Content
    said: Content
    contribution_id: UUID
    recorded_at: datetime
    stated_at: str | None
    stated_by: Content
    recorded_by: Content

    def made_id(self, path: str) -> str:
        """The ``item_id`` of an item that was sent without one."""
        return str(uuid5(self.contribution_id, path))

    def when(self, *path: str) -> str:
        """When it was stated; of what nobody dated, the section's own clock says when it came."""
        told: Any = self.said
        for name in path:
            told = told.get(name) if isinstance(told, Mapping) else None
        is_of_its_clock = self.stated_at is None and is_about(told, self.recorded_at)
        return str(told) if is_of_its_clock else str(self.stated_at)

    def rest(self, *names: str) -> Json:
        """What was sent beside these."""
        return {name: one for name, one in self.given.items() if name not in names}


Rule = Callable[[Case], Json]


def is_about(said: Any, at: datetime) -> bool:
    """True for a time of a clock that may differ from the one that recorded it."""
    try:
        return abs(datetime.fromisoformat(said) - at) < _CLOCKS_DIFFER
    except (TypeError, ValueError):
        return False


def said_by(command: str, case: Case) -> Json:
    """What the event of this command says of it, but for what is the same for all events."""
    name = command.removeprefix("careplan.").rpartition(".v")[0].replace(".commands.", ".")
    own = _OWN.get(name)
    if own is not None:
        return own(case)
    if f"-{name}".endswith(("-restrict", ".restrict")):
        return {"visibility": dict(case.given)}
    if name.endswith(("-lift-restriction", ".lift-restriction")):
        return {**case.given, "visibility": None}
    return dict(case.given)


def _with(**said: Any) -> Rule:
    """Beside what was sent, always this."""
    return lambda case: {**case.given, **said}


def _or(**usual: Any) -> Rule:
    """This, where nothing else was sent."""
    return lambda case: {**usual, **case.rest(*(n for n in usual if case.given.get(n) is None))}


def _opened(case: Case) -> Json:
    """Only the national service verifies a number, and it sends nothing here."""
    number = dict(case.given["nhs_number"])
    if "value" in number:
        number["verification"] = "present-not-verified"
    return {**case.given, "nhs_number": number, "plan_state": "open"}


def _refreshed(case: Case) -> Json:
    """Only the connection to PDS speaks for it; those of other schemes are another system."""
    is_of_pds = case.recorded_by.get("role") == "pds-connection"
    source = {
        "system": "PDS" if is_of_pds else "other",
        "traced_at": case.given["traced_at"],
    }
    return {**case.rest("traced_at"), "source": source}


def _merged(case: Case) -> Json:
    return {**case.rest("plan_id"), "plan_state": "merged", "merged_into": case.given["plan_id"]}


def _registered(case: Case) -> Json:
    held = case.before.get("gp_practices", ())
    made = {"item_id": case.made_id("gp_practices/0")}
    return {"gp_practices": [*held, {**case.given["practice"], **made}]}


def _left(case: Case) -> Json:
    held = case.before.get("gp_practices", ())
    return {"gp_practices": [one for one in held if one["ods"] != case.given["ods"]]}


def _cleared(case: Case) -> Json:
    return {"responses": {case.given["heading"]: None}, "reason": case.given.get("reason")}


def _media_added(case: Case) -> Json:
    heading, added = case.given["heading"], case.given["media"]
    held = case.before.get("responses", {}).get(heading, {})
    others = [one for one in held.get("media", ()) if one["media_id"] != added["media_id"]]
    return {"responses": {heading: {**held, "media": [*others, added]}}}


def _media_removed(case: Case) -> Json:
    after_it: Json = {}
    for heading, held in case.before.get("responses", {}).items():
        media = held.get("media", ())
        left = [one for one in media if one["media_id"] != case.given["media_id"]]
        if len(left) < len(media):
            rest = {name: one for name, one in held.items() if name != "media"}
            after_it[heading] = {**rest, **({"media": left} if left else {})} or None
    return {"responses": after_it, "reason": case.given.get("reason")}


def _commented(case: Case) -> Json:
    return {"person_comment": case.given["text"]}


def _identified(case: Case) -> Json:
    return {**case.given, "raised_by": _RAISED_BY.get(case.stated_by["kind"], "professional")}


def _reworded(case: Case) -> Json:
    """A code that comes alone stands beside the words that there are."""
    what = case.given.get("what")
    words = case.before.get("what", {}).get("text")
    if what is None or words is None or what.get("text") is not None:
        return dict(case.given)
    return {**case.given, "what": {**what, "text": words}}


def _held_back(case: Case) -> Json:
    held_back = {"state": "withheld", "reason": case.given.get("reason")}
    return {**case.given, "shared_with_person": held_back}


def _excluded(case: Case) -> Json:
    excluded = {"reason": case.given.get("reason"), "stated_at": case.when("excluded", "stated_at")}
    return {**case.given, "excluded": excluded}


def _established(case: Case) -> Json:
    """What an organisation says of itself, whomever it quotes, is a claim and ends by itself."""
    claimed = case.given["kind"] == "self-claimed" or not _is_said_by_others(case)
    said = {**case.given, "self_claimed": claimed}
    if not claimed or case.given.get("live_until") is not None:
        return said
    begins = max(datetime.fromisoformat(case.given["live_from"]), case.recorded_at)
    until = case.said.get("live_until")
    is_of_its_clock = is_about(until, begins + _LONGEST_CLAIM)
    return {**said, "live_until": until if is_of_its_clock else "a month later"}


def _extended(case: Case) -> Json:
    return {**case.given, "self_claimed": case.recorded_by.get("role") != _REGISTRATION}


def _confirmed(case: Case) -> Json:
    return {"live_until": None, **case.given, "self_claimed": False}


def _is_said_by_others(case: Case) -> bool:
    by = case.recorded_by
    return by.get("kind") in ("person", "related-person") or by.get("role") == _REGISTRATION


def _objected(case: Case) -> Json:
    objection = {"stated_at": case.when("objection", "stated_at"), **case.given}
    return {**case.rest("scope"), "objection": objection}


def _released(case: Case) -> Json:
    return {**case.rest("approved_by", "until"), "released": dict(case.given)}


def _strategy_added(case: Case) -> Json:
    named = case.given.get("item_id") or case.made_id("coping_strategies/0")
    held = case.before.get("coping_strategies", ())
    others = [one for one in held if one["item_id"] != named]
    return {"coping_strategies": [*others, {**case.given, "item_id": named}]}


def _strategy_ended(case: Case) -> Json:
    held = case.before.get("coping_strategies", ())
    ended = {"ends_at": case.given["ends_at"]}
    return {
        "coping_strategies": [
            {**one, **ended} if one["item_id"] == case.given["item_id"] else one for one in held
        ]
    }


def _stated(case: Case) -> Json:
    return {"advance_statement": dict(case.given)}


def _held(case: Case) -> Json:
    by = {name: one for name, one in case.stated_by.items() if name in _OF_A_PARTY}
    if case.stated_by["kind"] != "system":
        by["kind"] = case.stated_by["kind"]
    if "role" in case.stated_by:
        by["role"] = {"text": case.stated_by["role"]}
    review = {**case.given, "by": by, "item_id": case.made_id("held/0")}
    return {"held": [*case.before.get("held", ()), review], "due_on": case.given.get("next")}


def _answered(case: Case) -> Json:
    return {"answer": {**case.given, "by": case.stated_by.get("name")}}


def _shared(case: Case) -> Json:
    return {**case.given, "owner": case.recorded_by["organisation"]}


def _revised(case: Case) -> Json:
    """What was announced is here with it."""
    return {**case.given, **({"newer": None} if "newer" in case.before else {})}


def _announced(case: Case) -> Json:
    return {"newer": {"announced_at": case.when("newer", "announced_at"), **case.given}}


def _handed_over(case: Case) -> Json:
    return {**case.rest("to"), "owner": case.given["to"]}


_OWN: Final[Mapping[str, Rule]] = {
    "person.open-plan": _opened,
    "person.refresh-demographics": _refreshed,
    "person.register-with-practice": _registered,
    "person.leave-practice": _left,
    "person.end-plan": _with(plan_state="ended"),
    "person.reopen-plan": _with(plan_state="open"),
    "person.merge-into": _merged,
    "person.unmerge": _with(plan_state="open", merged_into=None),
    "about-me.clear": _cleared,
    "about-me.add-media": _media_added,
    "about-me.remove-media": _media_removed,
    "needs.identify": _identified,
    "needs.reword": _reworded,
    "needs.strength-reword": _reworded,
    "needs.formulation-formulate": _or(shared_with_person={"state": "discuss-first"}),
    "needs.formulation-share-with-person": _with(shared_with_person={"state": "shared"}),
    "needs.formulation-hold-back": _held_back,
    "goals.outcome-add-person-comment": _commented,
    "contingency-plans.add-coping-strategy": _strategy_added,
    "contingency-plans.end-coping-strategy": _strategy_ended,
    "contingency-plans.record-advance-statement": _stated,
    "contingency-plans.withdraw-advance-statement": _with(advance_statement=None),
    "support-plans.share": _shared,
    "support-plans.revise": _revised,
    "support-plans.announce-newer-version": _announced,
    "support-plans.hand-over": _handed_over,
    "stewardship.review-plan": _or(cause="planned"),
    "stewardship.review-request": _with(cause="requested"),
    "stewardship.review-ask-for": _with(cause="requested"),
    "stewardship.review-ask-again": _with(cause="requested"),
    "stewardship.review-hold": _held,
    "stewardship.comment-answer": _answered,
    "care-team.professional-contact-name-key-worker": _with(key_worker=True),
    "care-team.professional-contact-stand-down-key-worker": _with(key_worker=False),
    "care-team.professional-contact-rejoin": _with(ends_at=None),
    "care-team.personal-contact-exclude": _excluded,
    "care-team.personal-contact-lift-exclusion": _with(excluded=None),
    "care-team.relationship-establish": _established,
    "care-team.relationship-extend": _extended,
    "care-team.relationship-confirm": _confirmed,
    "care-team.relationship-object": _objected,
    "care-team.relationship-lift-objection": _with(objection=None, released=None),
    "care-team.relationship-release": _released,
    "care-team.proxy-suspend": _with(suspended=True),
    "care-team.proxy-reinstate": _with(suspended=False),
}
"""By section and command."""
