"""A contribution of a story as it is sent: labels become ids, and the day is filled in.

In a content these stand for something else: ``{entry = "n1"}`` for a reference to that entry,
``{in_days = 11}`` for the date so many days after it is first loaded, ``{sub_of = "grace"}`` for
the subject of her token, ``{shown = "plan_version"}`` for the version that readers are shown.
``{file = "video/mp4", caption = …}`` names an invented film, which is stored first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from deploy.examples.story import Said, Story
from shared.testing.files import INVENTED, File


@dataclass(frozen=True)
class Moment:
    """What a content may depend on: the day, and the version of the plan that readers are shown."""

    today: date
    plan_version: int


def depends_on_the_moment(said: Said) -> bool:
    """True where the same contribution would say something else on another day."""
    return any(key in ("in_days", "shown") for key in _keys(said.content))


def contribution(
    story: Story, said: Said, moment: Moment, based_on: int | None = None
) -> dict[str, Any]:
    """The contribution as it is sent; one that creates is based on nothing."""
    sent: dict[str, Any] = {
        "contribution_id": said.id,
        "plan_id": story.plan_id,
        "command": said.command,
        "entry_id": story.entry_id(said.entry),
        "content": _filled_in(story, said.content, moment),
        "provenance": _provenance(story, said),
    }
    if said.visibility is not None:
        sent["visibility"] = dict(said.visibility)
    if based_on is not None:
        sent["based_on"] = based_on
    return sent


def files_of(given: Any) -> Iterator[File]:
    """The files that a content of a story names."""
    if isinstance(given, Mapping) and "file" in given:
        yield INVENTED[given["file"]]
    elif isinstance(given, Mapping | list):
        for one in given.values() if isinstance(given, Mapping) else given:
            yield from files_of(one)


def _provenance(story: Story, said: Said) -> dict[str, Any]:
    told: dict[str, Any] = {"stated_at": said.stated_at}
    for name, given in said.provenance.items():
        match name:
            case "stated_by":
                told[name] = story.people[given].as_party()
            case "supported_by":
                how = {key: one for key, one in given.items() if key != "who"}
                told[name] = (
                    story.people[given["who"]].as_supporter() if "who" in given else {}
                ) | how
            case "on_behalf_of":
                told[name] = {"kind": "person", "proxy": story.reference(given)}
            case "place":
                told["location"] = given
            case _:
                told[name] = given
    return told


def _filled_in(story: Story, given: Any, moment: Moment) -> Any:
    if isinstance(given, list):
        return [_filled_in(story, one, moment) for one in given]
    if not isinstance(given, Mapping):
        return given
    if "file" in given:
        said = {key: one for key, one in given.items() if key != "file"}
        return {**INVENTED[given["file"]].named, **said}
    if len(given) == 1:
        ((stands_for, what),) = given.items()
        if stands_for == "entry":
            return story.reference(what)
        if stands_for in ("in_days", "sub_of", "shown"):
            return _today(story, stands_for, what, moment)
    return {key: _filled_in(story, one, moment) for key, one in given.items()}


def _today(story: Story, stands_for: str, what: Any, moment: Moment) -> Any:
    if stands_for == "in_days":
        return (moment.today + timedelta(days=what)).isoformat()
    if stands_for == "sub_of":
        return story.people[what].claims(story.plan_id)["sub"]
    return getattr(moment, what)


def _keys(given: Any) -> set[str]:
    if isinstance(given, Mapping):
        return set(given).union(*(_keys(one) for one in given.values()))
    if isinstance(given, list):
        return set().union(*(_keys(one) for one in given))
    return set()
