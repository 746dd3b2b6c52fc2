"""The validator that contributors run at home: the doors' own reading, without a door.

It judges what a file alone can show: JSON, envelope, content, and of a Kafka record its key,
headers and size. What needs the history of an entry, or who the contributor is, it cannot know.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson

from shared.chassis.contribute.prepare import contribution_from_json, prepare, section_of
from shared.chassis.wire.command_record import wrong_in_attributes, wrong_in_headers, wrong_in_key
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import command_shape
from shared.chassis.wire.strict_json import read
from shared.contracts import discover
from shared.contracts.rules import refusal_for_all
from shared.ledger import Command, Contribution, Contributor, Refused

NOT_JUDGED: Final = (
    "Not judged: who may contribute, and every rule that needs the history of the entry or plan."
)
NO_CONTRIBUTION: Final = (
    "This has neither `contribution_id` nor `command`. Is it the content of a command? Then name "
    "the command with --command."
)
SIZE_LIMIT: Final = 1_048_576
BATCH_LIMIT: Final = 100

_AN_ID: Final = UUID("0199c0de-0000-7000-8000-000000000001")
_ANYBODY: Final = Contributor(kind="system", sub="validator")
_BESIDE_THE_CONTENT: Final = ("provenance", "visibility", "based_on")
_ENVELOPE: Final = frozenset({"contribution_id", "command", "content"})
_MOST_NAMED: Final = 5


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, where, and the code that a door would answer with."""

    pointer: str
    code: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.code}: {self.message}"


@dataclass
class Report:
    """What was found in one file."""

    kind: str = "contribution"
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=lambda: [NOT_JUDGED])

    @property
    def is_valid(self) -> bool:
        """True where nothing is wrong as far as it can be judged."""
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        faults = [vars(fault) for fault in self.faults]
        return {"valid": self.is_valid, "kind": self.kind, "errors": faults, "notes": self.notes}


def validate(body: bytes, command: str | None = None, *, named: str = "") -> Report:
    """Judge a contribution, a batch, a Kafka record, or the content of a command.

    ``command`` says of which. Left out, a content is that of the command whose name stands in
    ``named``, the path of its file, or of the only command that it fits.
    """
    report = Report()
    if len(body) > SIZE_LIMIT:
        report.faults.append(Fault("", "body-too-large", "size", "At most 1 MiB is taken."))
        return report
    try:
        given = read(body)
    except Problem as problem:
        report.faults.extend(_faults(problem))
        return report
    judge = _Judge(report)
    if command is not None:
        report.kind = "content"
        judge.content(command, given)
    elif isinstance(given, dict) and "contributions" in given:
        report.kind = "batch"
        judge.batch(given)
    elif isinstance(given, dict) and "value" in given and "headers" in given:
        report.kind = "record"
        judge.record(given)
    elif isinstance(given, dict) and "specversion" in given:
        report.kind = "cloudevent"
        judge.structured(given)
    else:
        is_content = isinstance(given, dict) and not _ENVELOPE & given.keys()
        found = judge.commands_of(given, named) if is_content else []
        if len(found) == 1:
            report.kind = "content"
            report.notes.append(f"It was judged as the content of {found[0]}.")
            judge.content(found[0], given)
            return report
        judge.contribution(given)
        if is_content:
            report.notes.append(NO_CONTRIBUTION)
        if found:
            report.notes.append(f"As a content it would fit {_named_first(found)}.")
    return report


def _named_first(found: list[str]) -> str:
    shown = ", ".join(found[:_MOST_NAMED])
    return shown if len(found) <= _MOST_NAMED else f"{shown} and {len(found) - _MOST_NAMED} others"


class _Judge:
    """Adds to one report."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._sections = discover.sections()

    def contribution(self, given: Any, at: str = "", *, by_kafka: bool = False) -> None:
        try:
            contribution = contribution_from_json(given)
            section = section_of(self._sections, contribution.command)
            prepared = prepare(section, contribution, _ANYBODY)
            refused = refusal_for_all(section, contribution)
        except Problem as problem:
            self._report.faults.extend(_faults(problem, at))
            return
        if refused is not None:
            self._report.faults.append(_refusal(refused, at))
        if prepared.command.creates or contribution.based_on is not None:
            return
        if by_kafka:
            message = "A change names the version it is based on."
            fault = Fault(f"{at}/based_on", "base-version-missing", "required", message)
            self._report.faults.append(fault)
        else:
            self._report.notes.append(
                f"{at or 'The contribution'}: no `based_on`: send `If-Match` instead."
            )

    def commands_of(self, given: Any, named: str) -> list[str]:
        """The commands whose content this may be: the one in a path, or all that it fits."""
        commands = {t: one for section in self._sections for t, one in section.commands.items()}
        parts = named.split("/")
        in_path = [type_ for type_ in commands if {type_, type_.rpartition(".v")[0]} & {*parts}]
        if in_path:
            return in_path[-1:]
        return [type_ for type_, one in commands.items() if _fits(one, given)]

    def content(self, type_: str, given: Any) -> None:
        try:
            section = section_of(self._sections, type_)
            command_shape(section.commands[type_]).read(given)
            refused = refusal_for_all(section, _around(section.commands[type_], given))
        except Problem as problem:
            self._report.faults.extend(_faults(problem))
            return
        if refused is not None and not (refused.field or "").startswith(_BESIDE_THE_CONTENT):
            self._report.faults.append(_refusal(refused, ""))

    def batch(self, given: Mapping[str, Any]) -> None:
        items = given["contributions"]
        if not isinstance(items, list) or not 1 <= len(items) <= BATCH_LIMIT or len(given) > 1:
            self._fault("/contributions", "list", "1 to 100 contributions and nothing else.")
            return
        for index, item in enumerate(items):
            self.contribution(item, f"/contributions/{index}")

    def record(self, given: Mapping[str, Any]) -> None:
        value = given["value"]
        self.contribution(value, "/value", by_kafka=True)
        headers = given["headers"]
        pairs = headers.items() if isinstance(headers, dict) else headers
        try:
            named = dict(pairs)
        except (TypeError, ValueError):
            self._fault("/headers", "headers", "An object, or a list of pairs.")
            return
        self._faults_at("/headers", wrong_in_headers(named, value))
        self._faults_at("/key", wrong_in_key(given.get("key"), value))
        if len(orjson.dumps(value)) > SIZE_LIMIT:
            self._report.faults.append(Fault("/value", "body-too-large", "size", "At most 1 MiB."))

    def structured(self, given: Mapping[str, Any]) -> None:
        value = given.get("data")
        self.contribution(value, "/data", by_kafka=True)
        self._faults_at("", wrong_in_attributes(given))
        self._report.notes.append("The key of the record is the plan_id; it is not in this file.")

    def _faults_at(self, at: str, found: Iterator[dict[str, str]]) -> None:
        for wrong in found:
            self._fault(f"{at}{wrong['pointer']}", wrong["rule"], wrong["message"])

    def _fault(self, pointer: str, rule: str, message: str) -> None:
        self._report.faults.append(Fault(pointer, "content-invalid", rule, message))


def _fits(command: Command, given: Any) -> bool:
    try:
        command_shape(command).read(given)
    except Problem:
        return False
    return True


def _around(command: Command, content: Mapping[str, Any]) -> Contribution:
    """A contribution with this content, and nothing else that could be wrong."""
    whole: dict[str, Any] = {
        "contribution_id": str(_AN_ID),
        "plan_id": str(_AN_ID),
        "command": command.type,
        "content": content,
    }
    if not command.creates and command.entry.id_following_from(_AN_ID, content) is None:
        whole |= {"entry_id": str(_AN_ID)}
    if not command.creates:
        whole |= {"based_on": 1}
    return contribution_from_json(whole)


def _refusal(refused: Refused, at: str) -> Fault:
    """A rule that says no whatever the history is, where the door would say it."""
    field = refused.field or ""
    beside = field.startswith(_BESIDE_THE_CONTENT)
    place = field.replace(".", "/") if beside else f"content/{field.replace('.', '/')}"
    return Fault(f"{at}/{place}".rstrip("/"), refused.code, refused.code, refused.detail)


def _faults(problem: Problem, at: str = "") -> Iterator[Fault]:
    for error in problem.errors:
        yield Fault(f"{at}{error['pointer']}", problem.code, error["rule"], error["message"])
    if not problem.errors:
        yield Fault(at, problem.code, problem.code, problem.detail or problem.code)
