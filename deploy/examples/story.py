"""A story: one person's plan as it grew, read from a file that a clinician can read too."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.cli.token import person, professional, related_person, system

STORIES: Final = Path(__file__).with_name("stories")

_PROVENANCE: Final = ("stated_by", "on_behalf_of", "supported_by", "place", "system")
_OF_THE_ONE_CONTRIBUTION: Final = ("source_ref",)


class StoryUnusable(Exception):
    """A story cannot be told; the text says which, where, and what would be right."""


@dataclass(frozen=True)
class Somebody:
    """Whoever contributes, is quoted, or helps the person to say something."""

    label: str
    name: str
    kind: str = "professional"
    role: str = ""
    organisation: Mapping[str, str] = field(default_factory=dict)
    relationship: str = ""
    contact: str = ""
    team: str = ""
    grade: str = ""
    speciality: str = ""
    identifier: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The code of their organisation; empty where they belong to none."""
        return self.organisation.get("ods") or self.organisation.get("local_id") or ""

    def claims(self, plan_id: str) -> dict[str, Any]:
        """What their token says of them."""
        name = self.organisation.get("name")
        match self.kind:
            case "person":
                return person(plan_id, self.name)
            case "related-person":
                return related_person(plan_id, self.name)
            case "system":
                return system(self.code, self.name, role=self.role, org_name=name)
        return professional(self.code, self.role, self.name, org_name=name)

    def as_party(self) -> dict[str, Any]:
        """They, as a provenance names who said something."""
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "label"}
        return {name: said for name, said in told.items() if said}

    def as_supporter(self) -> dict[str, str]:
        """They, as a provenance names who helped."""
        told = {
            "name": self.name,
            "relationship": self.relationship or self.role,
            "contact": self.contact,
        }
        return {name: said for name, said in told.items() if said}


@dataclass(frozen=True)
class Said:
    """One contribution: a command about one entry, who recorded it, and what they say of it.

    ``creates`` is true of the first that names its entry; ``id`` is the same in every run.
    """

    id: str
    step: int
    by: Somebody
    stated_at: str
    command: str
    entry: str
    creates: bool
    content: Mapping[str, Any]
    visibility: Mapping[str, Any] | None
    provenance: Mapping[str, Any]

    @property
    def section(self) -> str:
        """The section that is asked, as the wire names it."""
        return self.command.split(".")[1]


@dataclass(frozen=True)
class Story:
    """One person's plan: who is in it, what each said on which occasion, what it should lead to."""

    id: str
    person: str
    about: str
    reader: Somebody
    look: Mapping[str, str]
    people: Mapping[str, Somebody]
    said: tuple[Said, ...]
    findings: tuple[Mapping[str, Any], ...]

    @property
    def plan_id(self) -> str:
        """The same in every run."""
        return str(uuid5(_ids(self.id), "plan"))

    @property
    def sections(self) -> dict[str, str]:
        """The section of each entry that is named, by the label of the entry."""
        return {said.entry: said.section for said in self.said if said.creates}

    def entry_id(self, label: str) -> str:
        """The id of an entry; where a plan has only one such entry, its id follows."""
        plan_id = UUID(self.plan_id)
        if label == "person":
            return self.plan_id
        if label == "about-me":
            return str(uuid5(plan_id, "about-me"))
        subject = label.removeprefix("review-of-")
        if subject == label:
            return str(uuid5(_ids(self.id), label))
        if subject != "plan":
            subject = f"{self.section_of(subject)}/{self.entry_id(subject)}"
        return str(uuid5(plan_id, f"review/{subject}"))

    def reference(self, label: str) -> dict[str, str]:
        """An entry, as a contribution refers to it."""
        return {"section": self.section_of(label), "entry_id": self.entry_id(label)}

    def section_of(self, label: str) -> str:
        """The section of an entry; ``StoryUnusable`` where nothing creates it."""
        found = self.sections.get(label)
        if found is None:
            raise StoryUnusable(f"{self.id}: no contribution creates the entry {label!r}")
        return found

    def asks(self, said: Said) -> set[str]:
        """The sections that have to be there: its own, and that of the Proxy it names."""
        proxy = said.provenance.get("on_behalf_of")
        return {said.section} | ({self.section_of(proxy)} if proxy else set())

    def lit(self, sections: set[str]) -> tuple[Said, ...]:
        """What can be contributed where these sections are, by their names on the wire."""
        return tuple(said for said in self.said if self.asks(said) <= sections)

    def dark(self, sections: set[str]) -> tuple[Said, ...]:
        """Those that cannot, yet."""
        return tuple(said for said in self.said if not self.asks(said) <= sections)


def what_is_there(services: Iterable[str]) -> set[str]:
    """The sections that stories can ask for where these run, as on the wire."""
    return {name.replace("_", "-") for name in services}


def stories() -> tuple[Story, ...]:
    """Every story, in the order of their ids."""
    return tuple(sorted(map(read, STORIES.glob("*.toml")), key=lambda story: story.id))


def read(path: Path) -> Story:
    """The story in a file; ``StoryUnusable`` says what in it cannot be understood."""
    try:
        told = tomllib.loads(path.read_text("utf-8"))
        return _story(told)
    except tomllib.TOMLDecodeError as error:
        raise StoryUnusable(f"{path.name} is not TOML: {error}") from None
    except KeyError as missing:
        raise StoryUnusable(f"{path.name}: {missing} is missing, or nobody has that name") from None
    except (TypeError, ValueError) as error:
        raise StoryUnusable(f"{path.name}: {error}") from None


def _story(told: dict[str, Any]) -> Story:
    people = {
        label: Somebody(label=label, **somebody) for label, somebody in told.pop("people").items()
    }
    occasions, id_ = told.pop("occasion"), told.pop("id")
    story = Story(
        id=id_,
        person=told.pop("person"),
        about=told.pop("about"),
        reader=people[told.pop("reader")],
        look=told.pop("look"),
        people=people,
        said=tuple(_said_on(occasions, people, id_)),
        findings=tuple(told.pop("finding", ())),
    )
    _nothing_left(told, "the story")
    return story


def _said_on(
    occasions: list[dict[str, Any]], people: Mapping[str, Somebody], id_: str
) -> Iterator[Said]:
    known: set[str] = set()
    ids: set[str] = set()
    for occasion in occasions:
        step, by, at = occasion.pop("step"), people[occasion.pop("by")], occasion.pop("at")
        of_all = {name: occasion.pop(name) for name in _PROVENANCE if name in occasion}
        contributions = occasion.pop("said")
        _nothing_left(occasion, f"step {step}")
        for one in contributions:
            section, _, command = one.pop("command").partition(".")
            entry = one.pop("entry")
            where = f"step-{step}/{section}.{command}/{entry}"
            own = (*_PROVENANCE, *_OF_THE_ONE_CONTRIBUTION)
            beside, recorded_by = of_all, by
            if "by" in one:
                recorded_by, beside = people[one.pop("by")], {}
            provenance = beside | {name: one.pop(name) for name in own if name in one}
            if where in ids:
                raise ValueError(f"{where} stands there twice")
            yield Said(
                id=str(uuid5(_ids(id_), where)),
                step=step,
                by=recorded_by,
                stated_at=one.pop("at", at),
                command=f"careplan.{section}.commands.{command}.v1",
                entry=entry,
                creates=entry not in known,
                content=one.pop("content", {}),
                visibility=one.pop("visibility", None),
                provenance=provenance,
            )
            _nothing_left(one, where)
            known.add(entry)
            ids.add(where)


def _nothing_left(told: Mapping[str, Any], where: str) -> None:
    if told:
        raise ValueError(f"{where} has {', '.join(sorted(told))}, which nothing reads")


def _ids(story: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"careplan-example/{story}")
