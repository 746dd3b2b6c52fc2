"""Where the value of an element stands in a plan as it is read, by what carries the element."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.ledger import kebab

Given = Mapping[str, Any]

_CARRIER: Final = re.compile(r"(\w+)\.(\w+)(?:\.([^ ]+))?(?: provenance\.(.+))?")
_IN_A_LIST: Final = "[]"
_WHO_MAY_SEE: Final = ("visibility", "shared_with_person")


@dataclass(frozen=True)
class Carrier:
    """An entry's type, the path of a field in it, and the path in the provenance of either."""

    section: str
    entry: str
    path: tuple[str, ...] = ()
    provenance: tuple[str, ...] = ()

    @property
    def kind(self) -> tuple[str, str]:
        """The section and the type of entry, as the wire names them."""
        return kebab(self.section), kebab(self.entry)

    @property
    def is_whole(self) -> bool:
        """True where an entry stands for the element."""
        return not self.path and not self.provenance


def carriers_in(said: Sequence[str]) -> Iterator[Carrier]:
    """What carries an element, without what is derived."""
    for one in said:
        found = None if one.startswith("derived:") else _CARRIER.fullmatch(one)
        if found is not None:
            section, entry, path, provenance = found.groups()
            yield Carrier(section, entry, _steps(path), _steps(provenance))


def values_at(given: Any, path: Sequence[str]) -> Iterator[Any]:
    """What stands at a path and is no blank; each item of a list that the path goes through."""
    if isinstance(given, list):
        for item in given:
            yield from values_at(item, path)
    elif not path:
        if given not in (None, "", {}):
            yield given
    elif isinstance(given, Mapping):
        inner = given.get(path[0])
        if inner is None and path[0] == "text" and len(path) == 1:
            inner = given.get("value")  # a status that was said by its value alone
        yield from values_at(inner, path[1:])


def said_of(entry: Given, field: str | None) -> Given:
    """The provenance of an entry, or of one of its fields.

    Of an entry it is that of what stands in it: the last professional who said some of it, else
    whoever said it last, and each place where some of it was said. Whoever only says who may see
    it says nothing of it.
    """
    said = authorship_of(entry)
    if field is not None:
        of_the_field = (entry.get("authorship") or {}).get(field) or {}
        return {**of_the_field, "recorded_by": _as_they_say(of_the_field.get("recorded_by"), said)}
    professionals = (one["stated_by"] for one in said if _is_a_professionals(one))
    last = said[0] if said else {}
    return {
        "stated_by": next(professionals, entry.get("stated_by")),
        "recorded_by": _as_they_say(entry.get("by"), said),
        "stated_at": last.get("stated_at", entry.get("stated_at")),
        "recorded_at": entry.get("recorded_at"),
        "location": each_once(one.get("location") for one in said),
    }


def authorship_of(entry: Given, under: str = "") -> list[Given]:
    """Who said what stands in an entry, or in its fields whose names begin so; the latest first."""
    said = (
        one
        for name, one in (entry.get("authorship") or {}).items()
        if name.startswith(under) and name.partition(".")[0] not in _WHO_MAY_SEE
    )
    return sorted(said, key=lambda one: one.get("plan_version") or 0, reverse=True)


def _as_they_say(by: Any, said: Sequence[Given]) -> Any:
    """Whoever recorded something, with what they say of themselves where they say something."""
    if not isinstance(by, Mapping):
        return by
    stated_by = (one.get("stated_by") or {} for one in said)
    named = ("kind", "name")
    as_themselves = (one for one in stated_by if all(one.get(of) == by.get(of) for of in named))
    return {**next(as_themselves, {}), **by}


def each_once(given: Iterable[Given | None]) -> list[Given]:
    """What is given, in its order and without what stands there already."""
    found: list[Given] = []
    for one in given:
        if one and one not in found:
            found.append(one)
    return found


def _is_a_professionals(said: Given) -> bool:
    return bool((said.get("stated_by") or {}).get("kind") == "professional")


def _joined(*texts: Any, by: str = "; ") -> str:
    return by.join(str(text) for text in texts if text)


def _document(said: Given) -> str:
    told = (said.get(name) for name in ("title", "created", "held_at", "url"))
    return _joined(*told, _file(said) if said.get("sha256") else None)


def _media(said: Given) -> str:
    return _joined(*(said.get(name) for name in ("caption", "transcript", "url")), _file(said))


def _file(said: Given) -> str | None:
    """That there is a file which does not go with the words; nothing where they say its address."""
    if said.get("url"):
        return None
    named = _joined(said.get("filename"), said.get("mime"), by=", ")
    return _joined("File kept by the sender", named, by=": ")


def _body(said: Given) -> str:
    parts = (_joined(one.get("title"), one.get("text"), by=": ") for one in said.get("parts") or ())
    tables = map(_table, said.get("tables") or ())
    media = map(_media, said.get("media") or ())
    return _joined(said.get("text"), *parts, *tables, *media, by="\n")


def _table(said: Given) -> str:
    rows = [said.get("columns") or (), *(said.get("rows") or ())]
    return _joined(said.get("title"), *(_joined(*row, by=" | ") for row in rows), by="\n")


def _instruction(said: Given) -> Given:
    """What should happen; to avoid is said in words, since a code alone would read as to do."""
    what = said.get("what") or {}
    if not said.get("avoid"):
        return what
    code = what.get("code") or {}
    return {"text": f"Avoid: {what.get('text') or code.get('display') or code.get('code')}"}


def _strategy(said: Given) -> Given:
    return {**said, "text": _joined(said.get("text"), said.get("tools"))}


def _contact(said: Given) -> Given:
    """A personal contact; that somebody must not be called stands first in the comments."""
    shut_out = said.get("excluded")
    if not shut_out:
        return said
    warning = _joined("Must not be contacted or asked", shut_out.get("reason"), by=": ")
    return {**said, "comments": _joined(warning, said.get("comments"))}


def _formulation(said: Given) -> Given:
    """A formulation; that the person is to hear of it first stands before its words."""
    if (said.get("shared_with_person") or {}).get("state") != "discuss-first":
        return said
    return {**said, "text": _joined("Discuss with the person first", said.get("text"), by=": ")}


SAID_OTHERWISE: Final[Mapping[tuple[str, str], Callable[[Given], Given]]] = {
    ("care-team", "personal-contact"): _contact,
    ("needs", "formulation"): _formulation,
    ("contingency-plans", "contingency-plan"): lambda said: {
        **said,
        "instructions": [{"what": _instruction(one)} for one in said.get("instructions") or ()],
        "coping_strategies": [*map(_strategy, said.get("coping_strategies") or ())],
        "contacts": sorted(said.get("contacts") or (), key=lambda one: one.get("order") or 0),
    },
}
"""What has no element of its own and may not be lost, by the kind of entry that says it."""


def _when(said: Given) -> Any:
    period = said.get("period") or {}
    return (
        said.get("date")
        or said.get("at")
        or _joined(period.get("start"), period.get("end"), by="/")
        or said.get("interval")
        or said.get("timing")
        or ("as needed" if said.get("as_needed") else None)
    )


AS_TEXT: Final[Mapping[tuple[str, ...], Callable[[Given], Any]]] = {
    ("nhs_number",): lambda said: said.get("value"),
    ("other_identifiers",): lambda said: said.get("value"),
    ("when",): _when,
    ("document",): _document,
    ("documents",): _document,
    ("body",): _body,
    ("equipment",): lambda said: _joined(said.get("what"), said.get("where"), by=", kept: "),
}
"""What is an object here and one value in the standard, by its path in the entry."""

JOINED: Final[Mapping[tuple[str, ...], str]] = {
    ("strategies",): "; ",
    ("roles",): "; ",
    ("body",): "\n",
    ("documents",): "\n",
    ("responses",): "\n",
}
"""What is several here and one text in the standard, and what stands between."""


def _steps(path: str | None) -> tuple[str, ...]:
    return tuple(path.replace(_IN_A_LIST, "").split(".")) if path else ()
