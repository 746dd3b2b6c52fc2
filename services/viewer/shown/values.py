"""What a recorded value looks like on a screen, by what is declared of it; never a raw code."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from services.viewer.shown.times import Clock, counted
from services.viewer.shown.who import organisation, somebody
from services.viewer.shown.words import Field, plain
from services.viewer.texts import to_read, together

Json = Mapping[str, Any]
Key = tuple[str, str]
"""The section and the id of an entry."""

_TELEPHONE: Final = re.compile(r"\+?[0-9][0-9 ()-]{5,20}[0-9]|999|111|112")
_A_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")
_INTERVAL: Final = re.compile(
    r"P(?=[0-9T])(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?=[0-9])(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?"
)
_NOT_FOR_PEOPLE: Final = frozenset(
    {"item_id", "sha256", "mime", "media_id", "size", "system", "contact_ref", "order", "format"}
    | {"ods", "local_id", "identifiers_checked"}
)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_WORDLESS: Final = "A code that came without words: {}"


@dataclass(frozen=True)
class Shown:
    """One value, laid out.

    ``kind`` says how: ``words``, ``telephone``, ``link``, ``moment``, ``do``, ``avoid``, ``rows``,
    ``list``, ``file`` or ``picture``. ``note`` says more about ``text``; ``rows`` have labels.
    """

    kind: str
    text: str = ""
    note: str = ""
    target: str = ""
    rows: tuple[tuple[str, "Shown"], ...] = ()
    items: tuple["Shown", ...] = ()

    @property
    def is_empty(self) -> bool:
        """True where there is nothing to show."""
        return not (self.text or self.rows or self.items)

    @property
    def plain_text(self) -> str:
        """The same in one line, for titles and comparisons."""
        if self.rows:
            inside = "; ".join(
                f"{to_read(label)}: {to_read(value.plain_text)}" for label, value in self.rows
            )
            return f"{self.text}: {inside}" if self.text else inside
        if self.items:
            return together((item.plain_text for item in self.items), "; ")
        return f"{to_read(self.text)} ({to_read(self.note)})" if self.note else self.text


@dataclass(frozen=True)
class Showing:
    """What is needed to show values: the clock, and the titles of the entries they refer to.

    Without ``may_link`` what a value refers to is named only: it does not stand on that page.
    ``files`` is the path under which files open, those of one section ``within`` it.
    """

    clock: Clock
    titles: Mapping[Key, str]
    may_telephone: bool = True
    may_link: bool = True
    files: str = ""

    def within(self, section: str) -> "Showing":
        """The same for the entries of one section."""
        return replace(self, files=f"{self.files}/{section}") if self.files else self

    def value(self, said: Any, field: Field) -> Shown:
        """A value of this field."""
        match said:
            case bool():
                return Shown("words", "Yes" if said else "No")
            case int() | float():
                most = field.score
                return Shown("words", f"{said} out of {most}" if most else str(said))
            case str():
                return self._text(said, field)
            case list() | tuple():
                shown = tuple(self.value(one, field.item) for one in said)
                return Shown("list", items=tuple(one for one in shown if not one.is_empty))
            case dict():
                return self._object(said, field)
        return Shown("words")

    def _text(self, said: str, field: Field) -> Shown:
        if (words := field.value(said)) is not None:
            return Shown("words", words)
        if _A_DAY.fullmatch(said) or field.format == "date-time":
            clock = self.clock
            moment = clock.instant(said) if field.format == "date-time" else clock.day(said)
            return Shown("moment", moment.words, target=moment.iso)
        if (interval := _INTERVAL.fullmatch(said)) is not None:
            return Shown("words", f"Every {_lasting(interval.groups()).removeprefix('1 ')}")
        return self.telephone(said)

    def telephone(self, said: str) -> Shown:
        """A text; with a way to ring it where it is a number and the plan is today's."""
        said = to_read(said)
        if self.may_telephone and _TELEPHONE.fullmatch(said.strip()):
            return Shown("telephone", said, target=re.sub(r"[^0-9+]", "", said))
        return Shown("words", said)

    def _object(self, said: Json, field: Field) -> Shown:
        if "entry_id" in said and "section" in said:
            return self._reference(said, field)
        by_name = _BY_NAME.get(field.of.removesuffix("Item"))
        if by_name is None:
            by_name = next((show for keys, show in _BY_KEYS if said.keys() <= keys), None)
        return by_name(self, said, field) if by_name else self.rows(said, field)

    def rows(self, said: Json, field: Field) -> Shown:
        """Each part of a value under its own title."""
        names = [name for name in field.names if name in said]
        names += [name for name in said if name not in names]
        shown = (
            (field.inside(name).title or plain(name), self.value(said[name], field.inside(name)))
            for name in names
            if name not in _NOT_FOR_PEOPLE and said[name] not in (None, [], {})
        )
        return Shown("rows", rows=tuple((label, one) for label, one in shown if not one.is_empty))

    def _reference(self, said: Json, field: Field) -> Shown:
        key = str(said["section"]), str(said["entry_id"])
        title = self.titles.get(key)
        if title is None:
            return Shown("words", "Something that is not on this page", field.description)
        if not self.may_link:
            return Shown("words", title)
        return Shown("link", title, target=anchor(key))

    def coded(self, said: Json, field: Field) -> Shown:
        """Words, a code by its words, or both; the words that were said come first."""
        text, code = said.get("text"), said.get("code")
        term = ""
        if isinstance(code, Mapping):
            listed = field.term(str(code.get("system")), str(code.get("code")))
            term = str(code.get("display") or listed or "")
            if not (term or text):
                term = _WORDLESS.format(code.get("code"))
        if not text:
            return Shown("words", term)
        return Shown("words", str(text), "" if term.casefold() == str(text).casefold() else term)

    def status(self, said: Json, field: Field) -> Shown:
        """One value of a list, with the words it was said in."""
        words = self.value(said.get("value"), field.inside("value")).text
        more = [str(said[name]) for name in ("text", "reason") if said.get(name)]
        return Shown("words", words, together(more, "; "))

    def party(self, said: Json, _field: Field) -> Shown:
        """Somebody, by name, role and organisation."""
        who = somebody(said)
        name = said.get("name") or said.get("team") or who.organisation
        parts = dict.fromkeys(p for p in (name, who.is_what, who.organisation) if p)
        line = together(parts, ", ")
        return Shown("words", line or "Nobody named", str(said.get("contact") or ""))

    def organisation(self, said: Json, _field: Field) -> Shown:
        """An organisation by its name."""
        return Shown("words", organisation(said))

    def instruction(self, said: Json, field: Field) -> Shown:
        """Something to do, or something to avoid."""
        what = self.value(said.get("what"), field.inside("what"))
        return replace(what, kind="avoid" if said.get("avoid") else "do")

    def whom_to_call(self, said: Json, field: Field) -> Shown:
        """Somebody to contact, how and when."""
        role = self.value(said.get("role"), field.inside("role")).plain_text
        name = together((part for part in (str(said.get("name") or ""), role) if part), ", ")
        more = [str(said["hours"])] if said.get("hours") else []
        if (waited := _INTERVAL.fullmatch(str(said.get("escalate_after") or ""))) is not None:
            more.append(f"go on to the next after {_lasting(waited.groups())} without an answer")
        number = self.telephone(str(said.get("contact") or ""))
        return Shown(number.kind, name, together(more, "; "), number.target, items=(number,))

    def name(self, said: Json, _field: Field) -> Shown:
        """The name of a person."""
        parts = ("title", "first", "family", "suffix")
        full = said.get("full") or " ".join(str(said[part]) for part in parts if said.get(part))
        known_as = said.get("preferred")
        return Shown(
            "words", str(full), f"likes to be called {to_read(str(known_as))}" if known_as else ""
        )

    def address(self, said: Json, field: Field) -> Shown:
        """An address in one line."""
        parts = (*(f"line{number}" for number in range(1, 6)), "postcode")
        kind = self.value(said.get("kind"), field.inside("kind")).text
        line = together((str(said[part]) for part in parts if said.get(part)), ", ")
        return Shown("words", line, kind)

    def number(self, said: Json, _field: Field) -> Shown:
        """A telephone number, an e-mail address, or an identifier."""
        number = self.telephone(str(said.get("number") or said.get("address") or ""))
        return replace(number, note=str(said.get("kind") or ""))

    def identifier(self, said: Json, _field: Field) -> Shown:
        """An identifier is for programs; a screen says that there is one."""
        kind = "" if said.get("kind") == "sub" else plain(str(said.get("kind") or ""))
        return Shown("words", "" if not kind else f"{kind} {said.get('value')}")

    def nhs_number(self, said: Json, field: Field) -> Shown:
        """An NHS number as 3-3-4, and how far it was checked."""
        verified = self.value(said.get("verification"), field.inside("verification")).text
        return Shown("words", spaced(str(said.get("value") or "")), verified)

    def media(self, said: Json, _field: Field) -> Shown:
        """A picture, a sound or a film: its caption, and the way to the file where it opens."""
        kind = str(said.get("mime") or "").partition("/")[0]
        what = {"image": "Picture", "audio": "Sound", "video": "Film"}.get(kind, "File")
        caption = to_read(str(said.get("caption") or said.get("transcript") or ""))
        taken = said.get("taken_at") or said.get("added_at")
        when = self.clock.day_of(str(taken)).words if taken else ""
        words = Shown("words", f"{what}: {caption}" if caption else what, when)
        target = self._file(said)
        if not target:
            return words
        return replace(words, kind="picture" if kind == "image" else "file", target=target)

    def document(self, said: Json, field: Field) -> Shown:
        """A document: what is said of it, and the way to its stored copy where that opens."""
        rows, target = self.rows(said, field), self._file(said)
        if not target:
            return rows
        copy = Shown("file", f"Document: {to_read(str(said.get('title') or 'a copy'))}")
        return replace(rows, rows=(*rows.rows, ("Stored copy", replace(copy, target=target))))

    def _file(self, said: Json) -> str:
        sha256 = str(said.get("sha256") or "")
        return f"{self.files}/{sha256}" if self.files and _SHA256.fullmatch(sha256) else ""

    def response(self, said: Json, field: Field) -> Shown:
        """What stands under one heading of About me."""
        words = self.coded(said, field)
        media = tuple(self.media(one, field) for one in said.get("media") or ())
        if not media:
            return words
        return Shown("list", items=(*(() if words.is_empty else (words,)), *media))

    def part(self, said: Json, _field: Field) -> Shown:
        """A part of a text, under its own title."""
        text = Shown("words", str(said.get("text") or ""))
        title = str(said.get("title") or "")
        return Shown("rows", rows=((title, text),)) if title else text

    def table(self, said: Json, _field: Field) -> Shown:
        """A table, row by row."""
        columns = [to_read(str(one)) for one in said.get("columns") or ()]
        rows = []
        for row in said.get("rows") or ():
            cells = [to_read(str(cell)) for cell in row]
            labelled = zip(columns, cells, strict=False) if columns else ()
            words = "; ".join(f"{label}: {cell}" for label, cell in labelled) or "; ".join(cells)
            rows.append(Shown("words", words))
        listed = Shown("list", items=tuple(rows))
        title = str(said.get("title") or "")
        return Shown("rows", rows=((title, listed),)) if title else listed


def _lasting(numbers: tuple[str | None, ...]) -> str:
    units = ("year", "month", "week", "day", "hour", "minute", "second")
    given = zip(numbers, units, strict=True)
    said = [counted(int(number), unit) for number, unit in given if number is not None]
    return " and ".join(said)


def anchor(key: Key) -> str:
    """Where an entry stands on its page."""
    return f"entry-{key[1]}"


def spaced(number: str) -> str:
    """An NHS number as it is read aloud: 3, 3 and 4 digits."""
    parts = _NHS_NUMBER.fullmatch(re.sub(r"\D", "", number))
    return " ".join(parts.groups()) if parts else number


_NHS_NUMBER: Final = re.compile(r"(\d{3})(\d{3})(\d{4})")
_Show = Callable[[Showing, Json, Field], Shown]
_CODED: Final = frozenset({"text", "code", "item_id"})

_BY_NAME: Final[Mapping[str, _Show]] = {
    "CodedText": Showing.coded,
    "Status_ActionStatus_": Showing.status,
    "Status_GoalStatus_": Showing.status,
    "Status_OutcomeStatus_": Showing.status,
    "Party": Showing.party,
    "Responsible": Showing.party,
    "Organisation": Showing.organisation,
    "Instruction": Showing.instruction,
    "WhomToCall": Showing.whom_to_call,
    "PersonName": Showing.name,
    "Address": Showing.address,
    "Phone": Showing.number,
    "Email": Showing.number,
    "Identifier": Showing.identifier,
    "NhsNumber": Showing.nhs_number,
    "Media": Showing.media,
    "Document": Showing.document,
    "Response": Showing.response,
    "Part": Showing.part,
    "Table": Showing.table,
}
"""How values are shown that are declared under these names."""

_BY_KEYS: Final[tuple[tuple[frozenset[str], _Show], ...]] = (
    (_CODED, Showing.coded),
    (frozenset({"ods", "name", "local_id"}), Showing.organisation),
)
"""How values are shown of which only the keys are known: those of a section from elsewhere."""
