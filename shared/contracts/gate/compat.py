"""Why a new schema breaks an old reader, or cannot read what an old writer wrote.

Within a major version the only change is a further optional field: stored events are read for
ever by new code, and organisations read new events with old code. The schemas compared are those
generated here, so the few keywords below are all there is; one not known must stay as it is.
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

from shared.contracts.gate.sentences import Break
from shared.ledger.values.known import NAMES_OF_OTHERS

Schema = Mapping[str, Any]

_SAID_ONLY: Final = frozenset(
    {
        "$schema",
        "$id",
        "$defs",
        "$comment",
        "title",
        "description",
        "examples",
        "x-values",
        "x-languages",
        "x-records",
        "x-refuses",
        "x-refuses-changes",
    }
)
_WALKED: Final = frozenset(
    {
        "$ref",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "propertyNames",
        "anyOf",
        "oneOf",
        "enum",
    }
)
_PARTS: Final = {"items": "0", "additionalProperties": "*", "propertyNames": "*"}
_JUDGED_APART: Final = frozenset({"x-may-contribute"})


def breaks(old: Schema, new: Schema) -> list[Break]:
    """Every way in which ``new`` is not fully compatible with ``old``, both ways."""
    return list(_Comparison(old, new).compare(old, new, ""))


class _Comparison:
    """One walk through two schemas side by side; names of definitions do not matter."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._open: set[tuple[str, str]] = set()

    def compare(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        pair = (str(old.get("$ref")), str(new.get("$ref")))
        if "$ref" in old and "$ref" in new:
            if pair in self._open:
                return  # a definition within itself: judged where it began
            self._open.add(pair)
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        yield from _rights(old, new, at)
        if old.get(NAMES_OF_OTHERS) is True and new.get(NAMES_OF_OTHERS) is True:
            yield from self._names_of_others(old, new, at)
        elif any(word in one for one in (old, new) for word in ("anyOf", "oneOf")):
            yield from self._alternatives(old, new, at)
        else:
            yield from self._keywords(old, new, at)
            yield from self._enumeration(old, new, at)
            yield from self._fields(old, new, at)
            yield from self._parts(old, new, at)
        self._open.discard(pair)

    def _keywords(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        for name in sorted((old.keys() | new.keys()) - _SAID_ONLY - _WALKED - _JUDGED_APART):
            before, after = old.get(name), new.get(name)
            if before != after or isinstance(before, bool) is not isinstance(after, bool):
                yield Break(at, f"{name}-changed", f"{_said(before)} became {_said(after)}")

    def _enumeration(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        if "enum" not in old and "enum" not in new:
            return
        if "enum" not in old or "enum" not in new:
            yield Break(at, "enum-changed", "a fixed list of values became none, or the reverse")
            return
        for value in old["enum"]:
            if value not in new["enum"]:
                yield Break(
                    at, "enum-value-removed", f"{value!r} was recorded and would not be read"
                )
        for value in new["enum"]:
            if value not in old["enum"]:
                yield Break(at, "enum-value-added", f"an older reader does not know {value!r}")

    def _names_of_others(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        """What other sections declare may become more: who sends what there was is still taken.

        Which fields a section has is judged where it records them.
        """
        for name in sorted(_named(old) - _named(new)):
            yield Break(at, "enum-value-removed", f"{name!r} was taken and would not be any more")
        beside_old, beside_new = _beside_names(old), _beside_names(new)
        yield from self._keywords(beside_old, beside_new, at)
        yield from self._fields(beside_old, beside_new, at)
        yield from self._parts(beside_old, beside_new, at)

    def _fields(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        before, after = old.get("properties", {}), new.get("properties", {})
        always, required = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            here = f"{at}/{name}"
            if name not in after:
                yield Break(here, "field-removed", "the field is gone")
                continue
            if name in always - required:
                yield Break(here, "guarantee-dropped", "it was always there and need not be")
            if name in required - always:
                yield Break(here, "newly-required", "it could be left out and no longer may")
            yield from self.compare(before[name], after[name], here)
        for name in sorted(required - before.keys()):
            yield Break(f"{at}/{name}", "newly-required", "a field that is new must be optional")

    def _parts(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        for keyword, step in _PARTS.items():
            before, after = old.get(keyword, True), new.get(keyword, True)
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                yield from self.compare(before, after, f"{at}/{step}")
            elif before != after:
                yield Break(at, f"{keyword}-changed", f"{_said(before)} became {_said(after)}")

    def _alternatives(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        """One of several forms. What stands beside them holds for each, so it is judged as well."""
        beside_old, beside_new = _beside_choices(old), _beside_choices(new)
        if _is_choice(old) == _is_choice(new):
            yield from self._keywords(beside_old, beside_new, at)
            yield from self._enumeration(beside_old, beside_new, at)
            yield from self._fields(beside_old, beside_new, at)
            yield from self._parts(beside_old, beside_new, at)
        elif old.get("default") != new.get("default"):
            said = f"{_said(old.get('default'))} became {_said(new.get('default'))}"
            yield Break(at, "default-changed", said)
        if _is_choice(old) and _is_choice(new) and ("oneOf" in old) is not ("oneOf" in new):
            word, now = ("oneOf", "anyOf") if "oneOf" in old else ("anyOf", "oneOf")
            yield Break(at, "choice-changed", f"`{word}` became `{now}`")
        before, after = self._by_kind(self._old, old), self._by_kind(self._new, new)
        for kind in sorted(before.keys() | after.keys()):
            for one, other in zip_longest(before.get(kind, ()), after.get(kind, ())):
                if other is None:
                    yield Break(at, "type-changed", f"{kind} is no longer taken")
                elif one is None:
                    yield Break(at, "type-changed", f"{kind} is new to older readers")
                else:
                    yield from self.compare(one, other, at)

    def _by_kind(self, root: Schema, schema: Schema) -> dict[str, list[Schema]]:
        kinds: dict[str, list[Schema]] = {}
        for choice in schema.get("anyOf") or schema.get("oneOf") or [schema]:
            held = _resolved(root, choice)
            if _is_choice(held) and NAMES_OF_OTHERS not in held:
                for kind, inner in self._by_kind(root, held).items():
                    kinds.setdefault(kind, []).extend(inner)
            else:
                kinds.setdefault(str(held.get("type", "anything")), []).append(choice)
        return kinds


def _is_choice(schema: Schema) -> bool:
    return "anyOf" in schema or "oneOf" in schema


def _named(schema: Schema) -> set[str]:
    """The names of others that a schema lists: values, or sections that have forms of their own."""
    forms = (one.get("properties", {}).get("section", {}) for one in schema.get("anyOf", ()))
    return {*schema.get("enum", ()), *(one["const"] for one in forms if "const" in one)}


def _beside_names(schema: Schema) -> Schema:
    return {word: held for word, held in schema.items() if word not in ("anyOf", "enum")}


def _beside_choices(schema: Schema) -> Schema:
    return {word: held for word, held in schema.items() if word not in ("anyOf", "oneOf")}


def _rights(old: Schema, new: Schema, at: str) -> Iterator[Break]:
    """Whoever could use a command still can; others may be let in."""
    before, after = old.get("x-may-contribute"), new.get("x-may-contribute")
    if before is None:
        return
    gone = [rule for rule in before if rule not in (after or ())]
    if gone:
        said = ", ".join(_said(rule) for rule in gone)
        yield Break(at, "may-contribute-narrowed", f"{said} may not use the command any more")


def _resolved(root: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**root["$defs"][name], **beside}
    return schema


def _said(value: Any) -> str:
    return "nothing" if value is None else repr(value)
