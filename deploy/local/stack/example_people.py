"""The people of the examples, as the viewer lists them for signing in to a development stack."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from deploy.examples.story import Somebody, Story

VALID_FOR: Final = 7 * 86_400
"""Seconds for which their tokens are good; each start of the stack makes new ones."""

_SIGNS_IN: Final = ("person", "related-person", "professional")
_PARAMEDIC: Final = Somebody(
    "paramedic",
    "Ash Reed-Synth",
    role="paramedic",
    organisation={"ods": "ZZA01", "name": "Northmoor Ambulance (synthetic)"},
)

Sign = Callable[[dict[str, Any]], str]


def example_people(stories: Iterable[Story], sign: Sign) -> list[dict[str, Any]]:
    """Each example plan with the people around it, the person first, and a paramedic last."""
    return [
        {
            "plan_id": story.plan_id,
            "about": story.about,
            "people": [_person(who, story, sign) for who in _around(story)],
        }
        for story in stories
    ]


def _around(story: Story) -> Iterator[Somebody]:
    people: Mapping[str, Somebody] = story.people
    yield people[story.person]
    yield story.reader
    shown = {story.person, story.reader.label}
    of_the_story = [who for label, who in people.items() if label not in shown]
    of_the_story.sort(key=lambda who: who.kind != "related-person")
    yield from (who for who in of_the_story if who.kind in _SIGNS_IN)
    yield _PARAMEDIC


def _person(who: Somebody, story: Story, sign: Sign) -> dict[str, Any]:
    is_what = who.relationship or who.role.replace("-", " ").replace("gp", "GP")
    return {
        "id": f"{story.id}/{who.label}",
        "name": who.name,
        "kind": who.kind,
        "is_what": is_what or ("the person whose plan it is" if who.kind == "person" else ""),
        "organisation": who.organisation.get("name", ""),
        "token": sign(who.claims(story.plan_id)),
    }
