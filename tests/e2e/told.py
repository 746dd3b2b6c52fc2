"""What readers are told of one story: its plan with authorship, its history, its events."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from deploy.examples.story import Said, Story, what_is_there
from deploy.examples.wire import Moment, contribution
from shared.contracts import discover
from tests.e2e.stack_process import StackProcess
from tests.faults.judge.published import Published

HERE = what_is_there(section.name for section in discover.sections())
"""What is declared: what a story can be told of today."""


@dataclass(frozen=True)
class Told:
    """One story, and what its reader is told of it."""

    story: Story
    stack: StackProcess
    plan: Mapping[str, Any]
    history: list[Mapping[str, Any]]
    published: Mapping[str, list[Published]]

    async def version(self, number: int, query: str = "") -> Mapping[str, Any]:
        """The plan as it was in a version."""
        path = f"/v1/plans/{self.story.plan_id}/versions/{number}{query}"
        return await read(self.stack, self.story, path)

    async def findings(self) -> set[tuple[str, str, str]]:
        """What the plan finds about itself: each code with each entry that it is about."""
        answer = await read(self.stack, self.story, f"/v1/plans/{self.story.plan_id}/findings")
        return found_in(answer["items"])

    @property
    def said(self) -> tuple[Said, ...]:
        """What has been contributed."""
        return self.story.lit(HERE)

    @property
    def entries(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Every entry of the plan, by its section and id."""
        return {
            (section, entry["entry_id"]): entry
            for section, entries in self.plan["sections"].items()
            for entry in entries
        }

    def entry(self, label: str) -> Mapping[str, Any]:
        """The entry as the plan has it."""
        return self.entries[self.story.section_of(label), self.story.entry_id(label)]

    def content(self, label: str) -> Mapping[str, Any]:
        """What the entry says."""
        content: Mapping[str, Any] = self.entry(label)["content"]
        return content

    def who_said(self, label: str, leaf: str) -> Mapping[str, Any]:
        """Who said a leaf of the entry, and when."""
        said: Mapping[str, Any] = self.entry(label)["authorship"][leaf]
        return said

    def contributions(self, label: str) -> list[Mapping[str, Any]]:
        """What has been contributed about the entry, the first first."""
        entry_id = self.story.entry_id(label)
        return [item for item in reversed(self.history) if item["entry_id"] == entry_id]

    def sent(self, said: Said) -> dict[str, Any]:
        """The contribution as it was sent, on whatever day that was."""
        return contribution(self.story, said, Moment(date.min, 0))

    async def ask(self, said: Mapping[str, Any], by: str) -> tuple[int, dict[str, Any]]:
        """Contributes something beside the story, in somebody's name."""
        token = self.stack.signer.sign(self.story.people[by].claims(self.story.plan_id))
        given = {"plan_id": self.story.plan_id, **said}
        section = str(said["command"]).split(".")[1].replace("-", "_")
        return await self.stack.contribute(section, given, token)


async def read(stack: StackProcess, story: Story, path: str) -> Mapping[str, Any]:
    """What the story's reader is answered."""
    token = stack.signer.sign(story.reader.claims(story.plan_id))
    answer = await stack.get("plan", path, token)
    assert answer.is_success, answer.text
    told: Mapping[str, Any] = answer.json()
    return told


def found_in(items: Iterable[Mapping[str, Any]]) -> set[tuple[str, str, str]]:
    """Each code with each entry that it is about."""
    return {
        (item["code"], entry["section"], entry["entry_id"])
        for item in items
        for entry in item["entries"]
    }


def scalars(given: Any) -> Iterator[tuple[str, Any]]:
    """Every text, number and truth value in it, with the key that it stands under."""
    yield from _scalars("", given)


def _scalars(key: str, given: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping):
        for name, one in given.items():
            yield from _scalars(name, one)
    elif isinstance(given, list):
        for one in given:
            yield from _scalars(key, one)
    elif given is not None:
        yield key, given
