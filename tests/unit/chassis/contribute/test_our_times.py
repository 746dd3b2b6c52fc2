"""What the section's clock says of a content: nobody sends it, and it is not moved on.

The kind: a fact that only the section knows, taken over from whoever contributes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from services.about_me.section import SECTION
from shared.chassis.contribute.decisions import Decisions
from shared.chassis.contribute.prepare import contribution_from_json, prepare
from shared.chassis.policy.decide import Decision
from shared.chassis.settings import Settings
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import command_shape, event_schema
from shared.contracts import discover
from shared.ledger import Contributor, Entry

IDS = "0199c0de-0000-7000-8000-0000000000"
EDITH = Contributor("person", "edith", "Edith Marlow-Synth", plan_id=UUID(f"{IDS}a1"))
FILM = {"media_id": f"{IDS}d1", "sha256": "6" * 64}
PHOTO = {"media_id": f"{IDS}d2", "sha256": "7" * 64}


class Held:
    """A store with the one entry."""

    def __init__(self) -> None:
        self.entry: Entry | None = None

    async def load(self, _: UUID, *, afresh: bool) -> Entry | None:  # noqa: ARG002
        return self.entry

    async def say(self, command: str, content: dict[str, Any]) -> Any:
        given: dict[str, Any] = {
            "contribution_id": f"{IDS}c1",
            "plan_id": f"{IDS}a1",
            "command": f"careplan.about-me.commands.{command}.v1",
            "content": content,
        }
        if self.entry is not None:
            given["based_on"] = self.entry.version
        prepared = prepare(SECTION, contribution_from_json(given), EDITH)
        store = cast("Any", self)
        decided = await Decisions(SECTION, store, Settings()).decide(prepared, Decision(True))
        assert decided.moved is not None, decided.refused
        self.entry = decided.moved.entry
        self.entry.collect_events()
        return self.entry

    def added(self, heading: str) -> dict[str, datetime]:
        about_me: Any = self.entry
        return {str(one.media_id): one.added_at for one in about_me.responses[heading].media}


@pytest.mark.asyncio
async def test_media_have_the_time_at_which_the_entry_first_had_them() -> None:
    held, before = Held(), datetime.now(UTC)
    await held.say("begin", {"responses": {"my_wellness": {"text": "Well", "media": [FILM]}}})
    began = held.added("my_wellness")[FILM["media_id"]]
    assert before <= began <= datetime.now(UTC)
    # A later moment, without waiting for one.
    await held.say("add-media", {"heading": "my_wellness", "media": PHOTO})
    assert held.added("my_wellness")[FILM["media_id"]] == began
    added = held.added("my_wellness")[PHOTO["media_id"]]
    assert began < added <= datetime.now(UTC)
    # Said again under whatever heading it is what was there, but for other bytes.
    another = {**PHOTO, "sha256": "8" * 64, "caption": "Another"}
    under = {"how_i_communicate": {"media": [{**FILM, "caption": "Yes and no"}, another]}}
    await held.say("reword", {"responses": under})
    again = held.added("how_i_communicate")
    assert again[FILM["media_id"]] == began
    assert added < again[PHOTO["media_id"]] < before + timedelta(hours=1)


@pytest.mark.parametrize(
    ("command", "content", "pointer"),
    [
        ("add-media", {"heading": "my_wellness", "media": {**FILM, "added_at": None}},
         "/content/media/added_at"),
        ("add-media",
         {"heading": "my_wellness", "media": {**FILM, "added_at": "2020-01-01T00:00:00Z"}},
         "/content/media/added_at"),
        ("begin",
         {"responses": {"my_wellness": {"media": [{**FILM, "added_at": "2020-01-01T00:00:00Z"}]}}},
         "/content/responses/my_wellness/media/0/added_at"),
    ],
)  # fmt: skip
def test_sent_by_anybody_it_is_an_unknown_key(
    command: str, content: dict[str, Any], pointer: str
) -> None:
    shape = command_shape(SECTION.commands[f"careplan.about-me.commands.{command}.v1"])
    with pytest.raises(Problem) as caught:
        shape.read(content)
    assert [(one["pointer"], one["rule"]) for one in caught.value.errors] == [
        (pointer, "unknown-key")
    ]


@pytest.mark.parametrize("section", discover.sections(), ids=lambda one: one.name)
def test_no_command_offers_it_and_every_event_with_media_has_it(section: Any) -> None:
    for command in section.commands.values():
        asked = set(_asked(command_shape(command).json_schema()))
        assert ({"media_id", "sha256"} <= asked) == command.takes_media
        assert "added_at" not in asked
    for event in section.events.values():
        told = set(_asked(event_schema(event)))
        assert ("media_id" in told) == ("added_at" in told)


def _asked(schema: Any) -> Iterator[str]:
    """The names of all properties that a schema has, at any depth."""
    match schema:
        case dict():
            yield from schema.get("properties", ())
            for inner in schema.values():
                yield from _asked(inner)
        case list():
            for inner in schema:
                yield from _asked(inner)
