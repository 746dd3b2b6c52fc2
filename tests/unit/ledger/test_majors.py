"""A second major version of a command and of an event stands beside the first."""

from typing import Any, Self
from uuid import uuid4

import pytest
from eventsourcing.domain import event
from eventsourcing.persistence import StoredEvent

from shared.chassis.contribute.prepare import contribution_from_json, prepare
from shared.chassis.kafka.event_message import EventPublisher
from shared.chassis.store.mapper import EntryMapper
from shared.chassis.wire.problem import Problem
from shared.ledger import (
    Contributor,
    Creation,
    Entry,
    Organisation,
    Provenance,
    Section,
    command,
    creates,
)

TOM = Contributor("professional", "tom", "Tom Okafor-Synth", "nurse", Organisation("ZZC01"))


class Kite(Entry):
    """Once it had a length in feet; now it has one in metres."""

    class FlownInMetres(Creation):
        wire_name = "Flown"
        major = 2
        metres: int

    class Flown(Creation):
        followed_by = "FlownInMetres"
        feet: int

        @staticmethod
        def upcast(state: dict[str, Any]) -> dict[str, Any]:
            left = {name: value for name, value in state.items() if name != "feet"}
            return {**left, "metres": state["feet"] * 3 // 10}

    @command("Fly a kite")
    @classmethod
    def fly(cls, provenance: Provenance, feet: int) -> Self:
        return cls._create(cls.FlownInMetres, metres=feet * 3 // 10, provenance=provenance)

    @creates(FlownInMetres, "Fly a kite", major=2, of="fly")
    @staticmethod
    def fly_in_metres(said: FlownInMetres) -> None:
        """How far up it is, in metres."""

    @event(FlownInMetres)
    def __init__(self, metres: int) -> None:
        self.metres = metres


KITES = Section("kites", "Kites", (Kite,))
V1, V2 = (f"careplan.kites.commands.fly.v{number}" for number in (1, 2))


def flown(command: str, content: dict[str, Any]) -> Any:
    given = {
        "contribution_id": str(uuid4()),
        "plan_id": str(uuid4()),
        "command": command,
        "content": content,
    }
    prepared = prepare(KITES, contribution_from_json(given), TOM)
    return prepared.command.create(prepared.provenance, frozenset(), prepared.arguments)


def test_each_has_its_own_type() -> None:
    assert {V1, V2} <= KITES.commands.keys()
    assert KITES.events["careplan.kites.flown.v1"] is Kite.Flown
    assert KITES.events["careplan.kites.flown.v2"] is Kite.FlownInMetres


def test_both_commands_are_taken_each_in_its_own_shape() -> None:
    assert flown(V1, {"feet": 100}).metres == flown(V2, {"metres": 30}).metres == 30
    for type_, content in ((V1, {"metres": 30}), (V2, {"feet": 100})):
        with pytest.raises(Problem, match="content-invalid"):
            flown(type_, content)


def test_what_was_stored_in_the_old_version_is_read_in_the_new() -> None:
    mapper = EntryMapper()
    (said,) = flown(V2, {"metres": 30}).collect_events()
    new = mapper.to_stored_event(said)
    state = mapper.transcoder.decode(new.state)
    del state["metres"]
    old = StoredEvent(
        new.originator_id,
        1,
        "careplan.kites.flown.v1",
        mapper.transcoder.encode({**state, "feet": 100}),
    )
    assert mapper.to_domain_event(old) == mapper.to_domain_event(new) == said
    assert mapper.to_domain_event(old).mutate(None).metres == 30


def test_each_event_names_the_contract_of_its_own_version() -> None:
    publisher = EventPublisher(KITES)
    schemas = {type_: facts.schema[1].decode() for type_, facts in publisher._facts.items()}
    assert schemas["careplan.kites.flown.v1"] == "urn:careplan:contract:careplan.kites.flown:1.0"
    assert schemas["careplan.kites.flown.v2"] == "urn:careplan:contract:careplan.kites.flown:2.0"
