"""The entries that leave with an export, where each belongs, and which of them have no place."""

from collections.abc import Iterator, Mapping
from typing import Final

from shared.standard.carried import SAID_OTHERWISE, Given, carriers_in
from shared.standard.coverage import Coverage
from shared.standard.released import files_of, released, without_excluded
from shared.standard.standing import At

_STANDS_UNDER: Final = {
    ("goals", "goal"): "need_ids",
    ("goals", "action"): "goal_ids",
    ("goals", "stage-goal"): "action_ids",
    ("goals", "outcome"): "goal_id",
}
_ABOUT: Final = (("stewardship", "agreement"), ("stewardship", "review"))
"""What stands where its subject does, one of each subject."""

NO_TREE: Final = "It stands under nothing that is on the plan, and the standard has no other place."
EARLIER: Final = (
    "The standard has one place for it, and a later one of the same subject stands there."
)
NO_SUBJECT: Final = "The standard has no place for one about this."
ONLY_THE_NEXT: Final = "The standard has a place for the next review, and none for those held."


class Leaving:
    """What is on a plan and may leave it, each entry said as the standard can.

    ``stays`` is what may not leave, or has no form there, and why.
    """

    def __init__(self, plan: Given, coverage: Coverage) -> None:
        self.stays: list[Given] = []
        self._entries: dict[tuple[str, str], list[Given]] = {}
        self._placed: set[tuple[str, str]] = set()
        carriers = coverage.carriers.values()
        kinds = frozenset(one.kind for said in carriers for one in carriers_in(said))
        for section, entries in plan["sections"].items():
            for entry in entries:
                if entry.get("current", True):
                    self._let_go(section, entry, kinds)

    def belonging(self, kind: tuple[str, str], at: At) -> list[Given]:
        """The entries of a kind that belong to where an export is."""
        entries = self._entries.get(kind, [])
        if at.entry is not None and (at.section, at.entry["entry_type"]) == kind:
            return [at.entry]
        if kind in _STANDS_UNDER and at.entry is not None:
            refs = (one["content"].get(_STANDS_UNDER[kind]) for one in entries)
            return [
                one
                for one, given in zip(entries, refs, strict=True)
                if any(
                    at.is_named_by(ref) for ref in (given if isinstance(given, list) else [given])
                )
            ]
        if kind in _ABOUT:
            about = [one for one in entries if at.is_named_by(one["content"].get("subject"))]
            # The one that was said last, which may have been written down before another.
            last = sorted(about, key=lambda one: str(one.get("stated_at") or ""))[-1:]
            for one in last:
                self.place(kind[0], one)
            return last
        return entries

    def place(self, section: str, entry: Given) -> None:
        """Remember that an entry has its place in the document."""
        self._placed.add((section, entry["entry_id"]))

    def without_a_place(self) -> Iterator[Given]:
        """The entries that have none in the end, and which reviews of those that have were held."""
        for (section, entry_type), entries in self._entries.items():
            for entry in entries:
                is_in_the_tree = (section, entry_type) in _STANDS_UNDER
                if is_in_the_tree and not self._is_placed(section, entry):
                    yield {"section": section, "entry_id": entry["entry_id"], "why": NO_TREE}
        for kind in _ABOUT:
            yield from self._of_other_subjects(kind)

    def _of_other_subjects(self, kind: tuple[str, str]) -> Iterator[Given]:
        entries = self._entries.get(kind, [])
        section = kind[0]
        placed = [one for one in entries if self._is_placed(section, one)]
        subjects = [one["content"].get("subject") for one in placed]
        for one in entries:
            ref, content = {"section": section, "entry_id": one["entry_id"]}, one["content"]
            if one not in placed:
                why = EARLIER if content.get("subject") in subjects else NO_SUBJECT
                yield {**ref, "why": why, "whole": content}
            elif held := content.get("held"):
                yield {**ref, "field": "held", "why": ONLY_THE_NEXT, "whole": held}

    def _is_placed(self, section: str, entry: Given) -> bool:
        return (section, entry["entry_id"]) in self._placed

    def _let_go(self, section: str, entry: Given, kinds: frozenset[tuple[str, str]]) -> None:
        kind = (section, entry["entry_type"])
        content, stays = released(entry["content"])
        if content is not None and kind in kinds:
            shut_out = (entry.get("derived") or {}).get("not_to_be_called") or ()
            content, not_called = without_excluded(content, shut_out)
            stays = [*stays, *not_called, *files_of(content)]
        ref = {"section": section, "entry_id": entry["entry_id"]}
        self.stays.extend({**ref, **one} for one in stays)
        if content is not None:
            said: Mapping[str, object] = SAID_OTHERWISE.get(kind, dict)(content)
            self._entries.setdefault(kind, []).append({**entry, "content": said})
