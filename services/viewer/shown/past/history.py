"""How a plan came about: each contribution, who made it, and what it said."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.viewer.shown.values import Json, Key, Showing, Shown, anchor
from services.viewer.shown.who import Who, who_said
from services.viewer.shown.words import Field, Words, plain


@dataclass(frozen=True)
class Changed:
    """One thing that a contribution did: in words, and what each field says since.

    A field that says nothing any more has an empty value.
    """

    words: str
    version: int
    fields: tuple[tuple[str, Shown], ...]


@dataclass(frozen=True)
class Contributed:
    """One contribution to one entry; ``withheld`` where a reader may not know what it was."""

    key: Key
    kind: str
    title: str
    who: Who
    reason: str
    changes: tuple[Changed, ...]
    version: int
    withheld: bool = False

    @property
    def anchor(self) -> str:
        """Where its entry stands on the page of the plan."""
        return anchor(self.key)


def contributions(items: Iterable[Json], words: Words, showing: Showing) -> Iterator[Contributed]:
    """The items of a plan's history, laid out."""
    for item in items:
        versions = item.get("plan_versions") or (0,)
        key = str(item.get("section", "")), str(item.get("entry_id", ""))
        kind = words.entry(key[0], str(item.get("entry_type", "")))
        hidden = bool(item.get("withheld"))
        changes = tuple(
            _changed(event, kind.fields, words, showing) for event in item.get("events") or ()
        )
        yield Contributed(
            key=key,
            kind=kind.title,
            title=showing.titles.get(key, ""),
            who=who_said(item, showing.clock),
            reason=str(item.get("reason") or ""),
            changes=changes,
            version=int(max(versions)),
            withheld=hidden,
        )


def _changed(event: Json, fields: Mapping[str, Field], words: Words, showing: Showing) -> Changed:
    content = event.get("content") or {}
    said = []
    for path in event.get("fields") or ():
        name, _, rest = str(path).partition(".")
        if name in ("visibility", "plan_state"):
            continue
        field, value = fields.get(name, Field()), content.get(name)
        if rest:
            field = field.inside(rest)
            value = value.get(rest) if isinstance(value, Mapping) else None
        said.append((field.title or plain(rest or name), showing.value(value, field)))
    return Changed(
        words.event(str(event.get("type"))), int(event.get("plan_version") or 0), tuple(said)
    )
