"""Each change that breaks somebody is refused, in a sentence that says what to do."""

import json
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid5

import pytest

from services.about_me.section import SECTION as ABOUT_ME
from shared.contracts.gate.baseline import committed, released
from shared.contracts.gate.compat import breaks
from shared.contracts.gate.doors import broken_doors, broken_topic
from shared.contracts.gate.judging import broken_ids
from shared.contracts.generate import CONTRACTS
from shared.contracts.topic_files import topics

Schema = dict[str, Any]

EVENT: Schema = {
    "type": "object",
    "properties": {
        "aim": {"type": "string"},
        "priority": {
            "anyOf": [{"type": "string"}, {"type": "integer"}],
            "default": 1,
            "maxLength": 5,
        },
        "who": {
            "oneOf": [
                {"type": "object", "properties": {"kind": {"const": "a"}}},
                {"type": "string"},
            ],
            "discriminator": {"propertyName": "kind", "mapping": {"a": "#/a"}},
        },
        "role": {"type": "string", "default": "nurse"},
    },
    "x-change": "created",
    "x-sets": ["aim", "priority"],
    "x-entry-type": "goal",
}
COMMAND: Schema = {"type": "object", "properties": {}, "x-may-contribute": ["person", "proxy"]}


def edited(schema: Schema, edit: Callable[[Schema], Any]) -> Schema:
    made = deepcopy(schema)
    edit(made)
    return made


def put(*path: str, to: Any) -> Callable[[Schema], Any]:
    def edit(schema: Any) -> None:
        for step in path[:-1]:
            schema = schema[step]
        schema[path[-1]] = to

    return edit


def one_of_for_any_of(schema: Schema) -> None:
    choice = schema["properties"]["priority"]
    choice["oneOf"] = choice.pop("anyOf")


OF_SCHEMAS: dict[str, tuple[Schema, Callable[[Schema], Any], str]] = {
    "what an event does to the plan": (EVENT, put("x-change", to="amended"), "x-change-changed"),
    "the fields that an event sets": (EVENT, put("x-sets", to=["aim"]), "x-sets-changed"),
    "the kind of entry": (EVENT, put("x-entry-type", to="action"), "x-entry-type-changed"),
    "fewer may contribute": (
        COMMAND, put("x-may-contribute", to=["person"]), "may-contribute-narrowed"
    ),
    "another default": (
        EVENT, put("properties", "role", "default", to="gp"), "default-changed"
    ),
    "another default of a choice": (
        EVENT, put("properties", "priority", "default", to=2), "default-changed"
    ),
    "a keyword beside anyOf": (
        EVENT, put("properties", "priority", "maxLength", to=3), "maxLength-changed"
    ),
    "a new keyword beside anyOf": (
        EVENT, put("properties", "priority", "minLength", to=3), "minLength-changed"
    ),
    "a field beside anyOf that is required": (
        EVENT, put("properties", "priority", "required", to=["x"]), "newly-required"
    ),
    "oneOf for anyOf": (EVENT, one_of_for_any_of, "choice-changed"),
    "another discriminator": (
        EVENT,
        put("properties", "who", "discriminator", "propertyName", to="sort"),
        "discriminator-changed",
    ),
    "another mapping": (
        EVENT, put("properties", "who", "discriminator", "mapping", to={}), "discriminator-changed"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_SCHEMAS)
def test_a_schema_that_breaks_somebody_is_refused(case: str) -> None:
    schema, edit, rule = OF_SCHEMAS[case]
    assert breaks(schema, schema) == []
    (found,) = breaks(schema, edited(schema, edit))
    must_say(found, rule)


def must_say(found: object, rule: str) -> None:
    """The place, the rule, what changed, who is affected and what to do: three sentences."""
    text = str(found)
    assert f": {rule}: " in text
    assert text.count(". ") >= 2, text
    assert text.endswith(".")


def test_more_may_contribute() -> None:
    wider = {**COMMAND, "x-may-contribute": ["person", "proxy", "professional"]}
    assert breaks(COMMAND, wider) == []


def goals() -> Schema:
    return cast("Schema", json.loads((CONTRACTS / "openapi/goals.json").read_text("utf-8")))


def codes(document: Schema) -> Schema:
    problem = document["components"]["schemas"]["Problem"]
    return cast("Schema", problem["x-status-of-code"])


def receipt(document: Schema) -> Schema:
    return cast("Schema", document["paths"]["/v1/contributions/{contribution_id}"]["get"])


def renamed_route(document: Schema) -> None:
    document["paths"]["/v1/receipts"] = document["paths"].pop("/v1/contributions")


def parameter(document: Schema) -> Schema:
    return cast("Schema", document["paths"]["/v1/contributions"]["post"]["parameters"][0])


OF_DOORS: dict[str, tuple[Callable[[Schema], Any], str]] = {
    "a renamed code": (
        lambda d: codes(d).update({"goal-lacks-an-aim": codes(d).pop("goal-needs-an-aim")}),
        "code-removed",
    ),
    "another status of a code": (
        lambda d: codes(d).update({"goal-needs-an-aim": 422}),
        "status-changed",
    ),
    "a renamed route": (renamed_route, "route-removed"),
    "another status of an answer": (
        lambda d: receipt(d)["responses"].update({"203": receipt(d)["responses"].pop("200")}),
        "answer-removed",
    ),
    "another type of an answer": (
        lambda d: receipt(d)["responses"]["200"].update(content={"text/plain": {"schema": {}}}),
        "answer-removed",
    ),
    "a parameter that is gone": (
        lambda d: d["paths"]["/v1/contributions"]["post"]["parameters"].pop(0),
        "parameter-removed",
    ),
    "a parameter that must be sent": (
        lambda d: parameter(d).update(required=True),
        "parameter-required",
    ),
}


@pytest.mark.parametrize("case", OF_DOORS)
def test_a_door_that_breaks_somebody_is_refused(case: str) -> None:
    edit, rule = OF_DOORS[case]
    old = goals()
    assert [*broken_doors(old, old)] == []
    (found,) = broken_doors(old, edited(old, edit))
    must_say(found, rule)


TOPIC = (CONTRACTS / "topics/careplan.goals.events.v1.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("partitions: 24", "partitions: 48", "partitions-changed"),
        ("retention_ms: -1", "retention_ms: 1209600000", "retention-changed"),
        ('key: "plan_id"', 'key: "entry_id"', "key-changed"),
        ('cleanup.policy: "delete"', 'cleanup.policy: "compact"', "retention-changed"),
    ],
)
def test_a_topic_that_breaks_somebody_is_refused(old: str, new: str, rule: str) -> None:
    assert old in TOPIC
    assert [*broken_topic(TOPIC, TOPIC)] == []
    (found,) = broken_topic(TOPIC, TOPIC.replace(old, new))
    must_say(found, rule)


def test_a_topic_that_is_gone_is_refused() -> None:
    assert topics(["goals"])
    (found,) = broken_topic(TOPIC, None)
    must_say(found, "topic-removed")


def test_another_derivation_of_a_fixed_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    history = json.loads((CONTRACTS / "histories/about-me.json").read_text("utf-8"))
    assert [*broken_ids(ABOUT_ME, history)] == []
    (entry,) = ABOUT_ME.entries

    def otherwise(plan_id: UUID) -> UUID:
        return uuid5(plan_id, "about_me")

    monkeypatch.setattr(entry, "fixed_id", otherwise)
    (found,) = broken_ids(ABOUT_ME, history)
    must_say(found, "fixed-id-changed")


def git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=Nobody-Synth", "-c", "user.email=nobody@example.org")
    subprocess.run(  # noqa: S603 - arguments of ours
        ["git", *own, *arguments],  # noqa: S607 - whichever git is there
        cwd=folder,
        check=True,
        capture_output=True,
    )


def test_the_baseline_is_the_last_release_so_that_deleting_a_file_lifts_nothing(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "contracts"
    schema = folder / "careplan.goals.agreed" / "1.0.json"
    schema.parent.mkdir(parents=True)
    schema.write_text('{"a": 1}')
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "One")
    assert released(folder) == {}
    git(tmp_path, "tag", "v0.1.0")
    schema.write_text('{"a": 2}')
    (folder / "topics").mkdir()
    (folder / "topics" / "one.yaml").write_text("partitions: 24\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "Two")
    schema.unlink()
    assert released(folder) == {"careplan.goals.agreed/1.0.json": '{"a": 1}'}
    assert committed(folder) == {"topics/one.yaml": "partitions: 24\n"}
