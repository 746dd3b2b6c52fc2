"""Reading a content: typed arguments, or a pointer to what is wrong."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, cast
from uuid import UUID

import pytest
from eventsourcing.domain import event

from shared.chassis.store.mapper import content_of
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import (
    claim_shape,
    command_shape,
    event_schema,
    event_shape,
    visibility_shape,
)
from shared.chassis.wire.validation_errors import SAID_OF_A_PATTERN
from shared.contracts import discover
from shared.ledger import (
    KEEP,
    Agent,
    Amendment,
    Claim,
    CodedText,
    Creation,
    Entry,
    EntryRef,
    Instant,
    Keep,
    OnBehalfOf,
    Organisation,
    Provenance,
    Score,
    Section,
    Shape,
    Status,
    When,
    command,
)
from shared.ledger.times import INSTANT
from shared.ledger.values.known import pattern_of_fields, section_names


class Sample(Entry):
    class Begun(Creation):
        aim: CodedText
        needs: tuple[EntryRef, ...] = ()
        why: str | None = None

    class Altered(Amendment):
        aim: CodedText | Keep = KEEP
        why: str | Keep | None = KEEP

    @command("Begin")
    @classmethod
    def begin(
        cls,
        provenance: Provenance,
        aim: CodedText,
        needs: tuple[EntryRef, ...],
        why: str | None = None,
        score: Score | None = None,
        status: Status[Literal["open", "shut"]] | None = None,
        at: Instant | None = None,
        when: When | None = None,
        code: Annotated[str, Shape(pattern="^[A-Z]+$")] | None = None,
        marked: bool = False,
        words: dict[str, CodedText] | None = None,
    ) -> Self:
        del needs, score, status, at, when, code, marked, words
        return cls._create(cls.Begun, aim=aim, why=why, provenance=provenance)

    @command("Alter")
    def alter(
        self,
        provenance: Provenance,
        aim: CodedText | Keep = KEEP,
        why: str | Keep | None = KEEP,
        score: Score | Keep | None = KEEP,
    ) -> None:
        del score
        self.trigger_event(self.Altered, aim=aim, why=why, provenance=provenance)

    @command("Finish")
    def finish(self, provenance: Provenance) -> None:
        """Nothing to say."""

    @event(Begun)
    def __init__(self) -> None:
        pass


SECTION = Section("shape_tests", "For this test", (Sample,))
NEED = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}
BEGUN = {"aim": {"text": "Walk"}, "needs": [NEED]}


def read(command: str, content: Any) -> dict[str, Any]:
    type_ = f"careplan.shape-tests.commands.sample-{command}.v1"
    return command_shape(SECTION.commands[type_]).read(content)


def test_a_content_becomes_typed_arguments() -> None:
    given = read(
        "begin",
        {
            **BEGUN,
            "score": 9,
            "status": {"value": "open", "text": "begun"},
            "at": "2026-03-10T14:00:00+02:00",
            "when": {"date": "2026-03"},
            "words": {"a": {"text": "b"}},
        },
    )
    assert given == {
        "aim": CodedText("Walk"),
        "needs": (EntryRef("needs", UUID(NEED["entry_id"])),),
        "score": 9,
        "status": Status("open", "begun"),
        "at": datetime(2026, 3, 10, 12, tzinfo=UTC),
        "when": When(date="2026-03"),
        "words": {"a": CodedText("b")},
    }


def test_a_null_in_a_creating_command_is_left_out() -> None:
    assert "why" not in read("begin", {**BEGUN, "why": None})


@pytest.mark.parametrize(
    ("command", "content", "pointer"),
    [
        ("begin", {**BEGUN, "whyy": None}, "/content/whyy"),
        ("begin", {**BEGUN, "aim": {"text": "Walk", "words": None}}, "/content/aim/words"),
        ("begin", {**BEGUN, "needs": [{**NEED, "from": None}]}, "/content/needs/0/from"),
        ("alter", {"why": "x", "whyy": None}, "/content/whyy"),
        ("finish", {"whyy": None}, "/content/whyy"),
    ],
)
def test_an_unknown_key_is_refused_also_when_it_is_null(
    command: str, content: Any, pointer: str
) -> None:
    with pytest.raises(Problem) as caught:
        read(command, content)
    assert [(e["pointer"], e["rule"]) for e in caught.value.errors] == [(pointer, "unknown-key")]


@pytest.mark.parametrize(
    ("provenance", "pointer"),
    [
        ({"recorded_at": None}, "/provenance/recorded_at"),
        ({"stated_by": {"kind": "person", "naem": None}}, "/provenance/stated_by/naem"),
        ({"system": {"name": "EPR", "colour": None}}, "/provenance/system/colour"),
        (
            {"on_behalf_of": {"proxy": {**NEED, "section": "care-team", "from": None}}},
            "/provenance/on_behalf_of/proxy/from",
        ),
    ],
)
def test_a_claim_takes_no_unknown_key_that_is_null(provenance: Any, pointer: str) -> None:
    with pytest.raises(Problem) as caught:
        claim_shape().read(provenance)
    assert [(e["pointer"], e["rule"]) for e in caught.value.errors] == [(pointer, "unknown-key")]


@pytest.mark.parametrize(
    ("content", "known"),
    [
        ({**BEGUN, "whyy": "x"}, "`aim`, "),
        ({**BEGUN, "aim": "Walk"}, "`text` and `code`."),
        ({**BEGUN, "aim": {"words": "Walk"}}, "`text` and `code`."),
        ({**BEGUN, "needs": ["a"]}, "`section` and `entry_id`."),
        ({**BEGUN, "words": {"a/b": {"words": "x"}}}, "`text` and `code`."),
    ],
)
def test_a_key_that_is_not_known_is_told_which_are(content: Any, known: str) -> None:
    """Whoever mistypes a key, or sends a text for an object, need not look into the contract."""
    with pytest.raises(Problem) as caught:
        read("begin", content)
    (message,) = (error["message"] for error in caught.value.errors)
    assert f"an object here may have {known}" in message


def test_a_null_for_a_known_key_is_left_out_at_every_depth() -> None:
    with_nulls = {**BEGUN, "aim": {"text": "Walk", "code": None}, "marked": None, "words": None}
    assert read("begin", with_nulls) == read("begin", BEGUN)


def test_a_null_in_a_changing_command_removes_and_what_is_left_out_stays() -> None:
    assert read("alter", {"why": None}) == {"why": None}


def test_a_command_without_content_takes_none() -> None:
    assert read("finish", {}) == {}


@pytest.mark.parametrize(
    ("command", "content", "pointer", "rule"),
    [
        ("begin", {"needs": []}, "/content/aim", "required"),
        ("begin", {**BEGUN, "aim": None}, "/content/aim", "required"),
        ("begin", {**BEGUN, "aim": "Walk"}, "/content/aim", "object"),
        ("begin", {**BEGUN, "aim": {"text": 1}}, "/content/aim/text", "text"),
        ("begin", {**BEGUN, "aim": {"words": "x"}}, "/content/aim/words", "unknown-key"),
        ("begin", {**BEGUN, "more": 1}, "/content/more", "unknown-key"),
        ("begin", {**BEGUN, "needs": NEED}, "/content/needs", "list"),
        ("begin", {**BEGUN, "needs": [{**NEED, "section": "N"}]}, "/content/needs/0/section",
         "one-of"),
        ("begin", {**BEGUN, "needs": [{**NEED, "entry_id": "x"}]}, "/content/needs/0/entry_id",
         "uuid"),
        ("begin", {**BEGUN, "score": True}, "/content/score", "integer"),
        ("begin", {**BEGUN, "score": 9.5}, "/content/score", "integer"),
        ("begin", {**BEGUN, "score": "9"}, "/content/score", "integer"),
        ("begin", {**BEGUN, "score": 11}, "/content/score", "maximum"),
        ("begin", {**BEGUN, "marked": 1}, "/content/marked", "true-or-false"),
        ("begin", {**BEGUN, "status": {"value": "ajar"}}, "/content/status/value", "one-of"),
        ("begin", {**BEGUN, "at": "2026-03-10T14:00:00"}, "/content/at", "instant-offset"),
        ("begin", {**BEGUN, "at": 1773000000}, "/content/at", "instant"),
        ("begin", {**BEGUN, "at": "1773000000"}, "/content/at", "instant"),
        ("begin", {**BEGUN, "at": "2026-03-10 14:00:00Z"}, "/content/at", "instant"),
        ("begin", {**BEGUN, "when": {"date": "2026-03", "timing": "x"}}, "/content/when", "rule"),
        ("begin", {**BEGUN, "code": "abc"}, "/content/code", "pattern"),
        ("begin", {**BEGUN, "words": {"a": "b"}}, "/content/words/a", "object"),
        ("alter", {}, "/content", "something-to-change"),
        ("alter", {"aim": None}, "/content/aim", "not-removable"),
        ("finish", {"why": "x"}, "/content/why", "unknown-key"),
        ("finish", [], "/content", "object"),
    ],
)  # fmt: skip
def test_what_has_another_shape_is_pointed_at(
    command: str, content: Any, pointer: str, rule: str
) -> None:
    with pytest.raises(Problem) as caught:
        read(command, content)
    assert caught.value.code == "content-invalid"
    assert (pointer, rule) in {(e["pointer"], e["rule"]) for e in caught.value.errors}


def test_a_claim_takes_nulls_as_left_out() -> None:
    given = {"stated_at": None, "on_behalf_of": {"kind": None, "name": "E"}, "system": None}
    assert claim_shape().read(given) == Claim(on_behalf_of=OnBehalfOf(name="E"))
    assert claim_shape().read(None) == Claim()


@pytest.mark.parametrize(
    ("provenance", "pointer"),
    [
        ([], "/provenance"),
        ({"recorded_by": {"kind": "person"}}, "/provenance/recorded_by"),
        ({"stated_by": {"kind": "doctor"}}, "/provenance/stated_by/kind"),
        ({"stated_by": {"name": "E"}}, "/provenance/stated_by/kind"),
        ({"location": {}}, "/provenance/location"),
    ],
)
def test_a_claim_is_pointed_into(provenance: Any, pointer: str) -> None:
    with pytest.raises(Problem) as caught:
        claim_shape().read(provenance)
    assert pointer in {error["pointer"] for error in caught.value.errors}


def test_the_schema_of_a_command_is_closed_and_of_an_event_open() -> None:
    command = command_shape(SECTION.commands["careplan.shape-tests.commands.sample-begin.v1"])
    closed = command.json_schema()
    assert closed["additionalProperties"] is False
    assert closed["required"] == ["aim", "needs"]
    assert closed["$defs"]["CodedText"]["additionalProperties"] is False
    opened = event_schema(Sample.Begun)
    assert "additionalProperties" not in str(opened)
    assert opened["required"] == ["aim"]
    assert "provenance" not in opened["properties"]


def test_a_change_must_name_something_in_its_schema_too() -> None:
    command = command_shape(SECTION.commands["careplan.shape-tests.commands.sample-alter.v1"])
    assert command.json_schema()["minProperties"] == 1
    assert "required" not in command.json_schema()


def test_the_content_of_an_event_is_what_it_says_and_reads_back() -> None:
    said = Provenance(
        plan_id=UUID(int=1),
        entry_id=UUID(int=2),
        contribution_id=UUID(int=3),
        recorded_by=Agent("professional", organisation=Organisation(ods="ZZG01")),
        stated_by=Agent("person"),
    )
    sample = Sample.begin(said, aim=CodedText("Walk"), needs=())
    sample.alter(said, why=None)
    begun, altered = cast("Sequence[Entry.Event]", sample.collect_events())
    assert content_of(begun) == {"aim": {"text": "Walk"}}, "an empty list is not stored"
    assert content_of(altered) == {"why": None}
    read_back = event_shape(Sample.Begun).validate_python(
        {"aim": CodedText("Walk"), "needs": ()}, strict=True
    )
    assert read_back["aim"] == CodedText("Walk")


def test_every_text_of_a_provenance_says_something_and_is_bounded() -> None:
    """The plan repeats them for each leaf: the kind is a text that is free, empty or endless."""
    free = [
        where
        for where, of in texts_in(claim_shape().exact.json_schema())
        if "enum" not in of and "const" not in of and "format" not in of
        if not (of.get("pattern") and (of.get("maxLength") or of["pattern"].startswith("^")))
    ]
    assert free == []


def texts_in(schema: Any, where: str = "") -> list[tuple[str, dict[str, Any]]]:
    if isinstance(schema, list):
        return [found for one in schema for found in texts_in(one, where)]
    if not isinstance(schema, dict):
        return []
    own = [(where, schema)] if schema.get("type") == "string" else []
    return own + [found for key, of in schema.items() for found in texts_in(of, f"{where}/{key}")]


@pytest.mark.parametrize(
    ("provenance", "pointer", "rule"),
    [
        ({"stated_by": {"kind": "person", "name": "\u200b"}}, "stated_by/name", "says-something"),
        ({"stated_by": {"kind": "person", "team": "x" * 256}}, "stated_by/team", "max-length"),
        ({"supported_by": {"name": " "}}, "supported_by/name", "says-something"),
        ({"supported_by": {"how": "x" * 10_001}}, "supported_by/how", "max-length"),
        ({"on_behalf_of": {"name": ""}}, "on_behalf_of/name", "says-something"),
        ({"location": {"ods": "ZZG01", "text": "\u00ad"}}, "location/text", "says-something"),
        ({"reason": "\u2060"}, "reason", "says-something"),
        ({"answers": NEED}, "answers/section", "one-of"),
        ({"on_behalf_of": {"proxy": NEED}}, "on_behalf_of/proxy/section", "one-of"),
    ],
    ids=str,
)
def test_what_is_said_of_somebody_can_be_read_and_has_an_end(
    provenance: dict[str, Any], pointer: str, rule: str
) -> None:
    with pytest.raises(Problem) as caught:
        claim_shape().read(provenance)
    (error,) = caught.value.errors
    assert (error["pointer"], error["rule"]) == (f"/provenance/{pointer}", rule)


def test_every_pattern_of_a_contract_is_said_in_words() -> None:
    """The kind: a regular expression in a sentence for people."""
    commands = [one for section in discover.sections() for one in section.commands.values()]
    schemas = [command_shape(command).json_schema() for command in commands]
    schemas += [claim_shape().exact.json_schema(), visibility_shape().exact.json_schema()]
    found = set(_patterns_in(schemas))
    assert found
    said_by_the_value = {pattern_of_fields(section) for section in section_names()}
    assert found - {INSTANT} - said_by_the_value <= SAID_OF_A_PATTERN.keys()
    for _, predicate in SAID_OF_A_PATTERN.values():
        assert "^" not in predicate


def _patterns_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            yield from _patterns_in(item)


def lists_of_references(schema: Any, root: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Each array in a schema whose items name an entry and say nothing else, with its place."""
    if isinstance(schema, dict):
        items = schema.get("items")
        if isinstance(items, dict) and "$ref" in items:
            named = root["$defs"][items["$ref"].removeprefix("#/$defs/")]
            if {*named.get("properties", {})} == {"section", "entry_id"}:
                yield place, schema
        for key, inner in schema.items():
            yield from lists_of_references(inner, root, f"{place}/{key}")
    elif isinstance(schema, list):
        for inner in schema:
            yield from lists_of_references(inner, root, place)


def test_every_list_of_references_that_a_command_takes_names_each_entry_once() -> None:
    found = [
        (type_, place, schema)
        for section in discover.sections()
        for type_, command in section.commands.items()
        for whole in [command_shape(command).json_schema()]
        for place, schema in lists_of_references(whole, whole)
    ]
    assert {place.split("/")[2] for _, place, _ in found} == {
        "need_ids", "strength_ids", "goal_ids", "action_ids",
    }  # fmt: skip
    assert [(type_, place) for type_, place, one in found if not one.get("uniqueItems")] == []
