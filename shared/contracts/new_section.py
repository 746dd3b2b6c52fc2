"""``make new-section NAME=medication``: the folder of a section that runs as it is."""

import argparse
import keyword
import re
import sys
from pathlib import Path
from string import Template
from typing import Final

import shared.ledger
from shared.contracts import discover

ROOT: Final = Path(__file__).resolve().parents[2]

_NAME: Final = re.compile(r"[a-z]+(_[a-z]+)*")
_LONGEST: Final = 40
_TAKEN: Final = frozenset({"audit", "plan", "inbox", "receipts"})


class NameTaken(Exception):
    """No section can have this name; the text says why."""


def files_of(name: str) -> dict[str, str]:
    """What is written, by path below the root; ``NameTaken`` where the name will not do."""
    words = _words(name)
    class_name = "".join(word.capitalize() for word in words)
    _must_be_free(name, class_name)
    known = {
        "name": name,
        "wire": name.replace("_", "-"),
        "entry": class_name,
        "title": name.replace("_", " ").capitalize(),
        "code": "-".join(words),
    }
    return {path: Template(text).substitute(known) for path, text in _paths(name).items()}


def write(name: str, root: Path = ROOT) -> list[Path]:
    """Write the folder and its test; nothing that is there is written over."""
    texts = {root / path: text for path, text in files_of(name).items()}
    there = [path for path in texts if path.exists()]
    if there:
        raise NameTaken(f"{there[0].relative_to(root)} is there already")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _words(name: str) -> list[str]:
    if not _NAME.fullmatch(name) or not 1 < len(name) <= _LONGEST:
        raise NameTaken(
            f"{name!r}: a name is lower-case words joined by _, at most {_LONGEST} long"
        )
    *first, last = name.split("_")
    # The entry bears the section's name, so that its events do not say it twice.
    is_plural = last.endswith("s") and not last.endswith("ss") and len(last) > len("is")
    return [*first, last[:-1] if is_plural else last]


def _must_be_free(name: str, class_name: str) -> None:
    if name in _TAKEN:
        raise NameTaken(f"{name!r} is taken on Kafka")
    if keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise NameTaken(f"{name!r} is a word of Python")
    if class_name in shared.ledger.__all__:
        raise NameTaken(f"{class_name!r} is a word of the ledger")
    if name in discover.services():
        raise NameTaken(f"services/{name} is there already")


def _paths(name: str) -> dict[str, str]:
    return {
        f"services/{name}/__init__.py": '"""The $name service."""\n',
        f"services/{name}/domain.py": _DOMAIN,
        f"services/{name}/section.py": _SECTION,
        f"services/{name}/examples.py": _EXAMPLES,
        f"services/{name}/README.md": _README,
        f"tests/unit/{name}/test_domain.py": _TEST,
    }


_DOMAIN: Final = '''\
"""$title: say in one sentence what this part of the plan is about."""

from typing import Self

from eventsourcing.domain import event

from shared.ledger import (
    KEEP,
    Change,
    CodedText,
    Entry,
    Keep,
    Provenance,
    Refused,
    need_reason,
)


class $entry(Entry):
    """One entry, from when it is recorded until it is withdrawn."""

    class Recorded(Entry.Creation):
        change = Change.CREATED
        what: CodedText
        note: str | None = None

    class Reworded(Entry.Event):
        change = Change.AMENDED
        what: CodedText | Keep = KEEP
        note: str | Keep | None = KEEP

    class Withdrawn(Entry.Event):
        change = Change.WITHDRAWN
        reason: str

    @classmethod
    def record(cls, provenance: Provenance, what: CodedText, note: str | None = None) -> Self:
        """Put it into the plan."""
        _must_say_something(what)
        return cls._create(cls.Recorded, what=what, note=note, provenance=provenance)

    def reword(
        self,
        provenance: Provenance,
        what: CodedText | Keep = KEEP,
        note: str | Keep | None = KEEP,
    ) -> None:
        """Say it better."""
        self._must_be_current()
        if what is not KEEP:
            _must_say_something(what)
        self.trigger_event(self.Reworded, what=what, note=note, provenance=provenance)

    def withdraw(self, provenance: Provenance, reason: str | None = None) -> None:
        """Take it out of the plan, and say why."""
        self._must_be_current()
        self.trigger_event(self.Withdrawn, reason=need_reason(reason), provenance=provenance)

    def _must_be_current(self) -> None:
        if self.is_withdrawn:
            raise Refused("$code-already-withdrawn", "It is no longer in the plan.")

    @event(Recorded)
    def __init__(self) -> None:
        self.is_withdrawn = False

    @event(Withdrawn)
    def _apply_withdrawn(self) -> None:
        self.is_withdrawn = True


def _must_say_something(what: CodedText) -> None:
    if what.is_empty:
        raise Refused("needs-code-or-text", "Say what it is, in a code or in words.", field="what")
'''

_SECTION: Final = '''\
"""The $name section, declared."""

from services.$name.domain import $entry
from shared.ledger import Section

SECTION = Section(name="$name", title="$title", entries=($entry,))
'''

_README: Final = """\
# $title

Whose words these are, and which headings of the standard they cover: to be said here, in a page at
most.

| command | refused when | event | change |
|---|---|---|---|
| `record(what, note)` | `needs-code-or-text` | `Recorded` | created |
| `reword(what, note)` | `needs-code-or-text`; `$code-already-withdrawn` | `Reworded` | amended |
| `withdraw(reason)` | `reason-missing`; `$code-already-withdrawn` | `Withdrawn` | withdrawn |

The person, whoever acts for them, and professionals may use each of them; `may_contribute` on the
entry says otherwise where that is wrong. The commands that every entry has (`mark_in_error`,
`restrict`, `lift_restriction`) come with it.
"""

_EXAMPLES: Final = '''\
"""A short history of invented people, and a refusal of each kind."""

from shared.ledger.example import Example, examples_of_every_entry

_COMMANDS = "careplan.$wire.commands."

EXAMPLES = (
    Example(
        "record an entry",
        f"{_COMMANDS}record.v1",
        {"what": {"text": "As the person would put it"}, "note": "Heard at home"},
        entry="first",
    ),
    Example(
        "record an entry that says nothing",
        f"{_COMMANDS}record.v1",
        {"what": {"text": " "}},
        entry="empty",
        refused="needs-code-or-text",
    ),
    Example(
        "say it better and drop the note",
        f"{_COMMANDS}reword.v1",
        {"what": {"text": "In better words"}, "note": None},
        entry="first",
    ),
    Example(
        "say nothing better",
        f"{_COMMANDS}reword.v1",
        {"what": {"text": ""}},
        entry="first",
        refused="needs-code-or-text",
    ),
    Example(
        "withdraw without a reason",
        f"{_COMMANDS}withdraw.v1",
        entry="first",
        refused="reason-missing",
    ),
    Example(
        "withdraw",
        f"{_COMMANDS}withdraw.v1",
        {"reason": "No longer so"},
        entry="first",
    ),
    Example(
        "reword what was withdrawn",
        f"{_COMMANDS}reword.v1",
        {"note": "Too late"},
        entry="first",
        refused="$code-already-withdrawn",
    ),
    Example(
        "record another entry",
        f"{_COMMANDS}record.v1",
        {"what": {"text": "Something else"}},
        entry="second",
    ),
    *examples_of_every_entry(_COMMANDS, "second"),
)
'''

_TEST: Final = '''\
"""What an entry of $name decides."""

from typing import Any
from uuid import uuid4

import pytest

from services.$name.domain import $entry
from services.$name.section import SECTION
from shared.ledger import (
    Agent,
    CodedText,
    Organisation,
    Provenance,
    Refused,
)


def said() -> Provenance:
    nurse = Agent("professional", role="nurse", organisation=Organisation(ods="ZZC01"))
    return Provenance(uuid4(), uuid4(), uuid4(), recorded_by=nurse, stated_by=nurse)


def events_of(entry: $entry) -> list[Any]:
    return list(entry.collect_events())


def recorded() -> $entry:
    return $entry.record(said(), what=CodedText("As the person would put it"), note="Heard")


def test_record_puts_it_into_the_plan() -> None:
    (event,) = events_of(recorded())
    assert event.what == CodedText("As the person would put it")
    assert event.TOPIC in SECTION.events


def test_record_refuses_what_says_nothing() -> None:
    with pytest.raises(Refused, match="needs-code-or-text"):
        $entry.record(said(), what=CodedText(" "))


def test_reword_keeps_what_is_not_named() -> None:
    entry = recorded()
    entry.reword(said(), note=None)
    *_, event = events_of(entry)
    assert event.note is None
    assert "what" in SECTION.commands["careplan.$wire.commands.reword.v1"].parameters


def test_withdraw_needs_a_reason() -> None:
    with pytest.raises(Refused, match="reason-missing"):
        recorded().withdraw(said())


def test_nothing_is_said_better_once_it_is_withdrawn() -> None:
    entry = recorded()
    entry.withdraw(said(), reason="No longer so")
    with pytest.raises(Refused, match="$code-already-withdrawn"):
        entry.reword(said(), note="Too late")
'''


def main(arguments: list[str] | None = None) -> int:
    """Write the folder, and say what comes next."""
    parser = argparse.ArgumentParser(description="Write the folder of a new section.")
    parser.add_argument("name", help="lower-case words joined by _: medication, daily_life")
    name = parser.parse_args(arguments).name
    try:
        written = write(name)
    except NameTaken as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path in written:
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    sys.stdout.write(
        "\nIt runs as it is: make contracts, then make run. Its own words go into domain.py.\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
