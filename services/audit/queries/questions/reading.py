"""Reads what somebody gives a question: each parameter in its form, or named as wrong."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from services.audit.queries.questions.question import Form, Given, Question
from services.audit.queries.search.moments import moment_of
from shared.ledger import ORGANISATION_CODE, id_in
from shared.ledger.values.known import section_names

_LARGEST: Final = 2**53
_SUB: Final = re.compile(r"[^\x00-\x1f\"]{1,500}")
_ROOT: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


class Unanswerable(ValueError):
    """Parameters that a question cannot be answered with: of each, what would be right."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__(", ".join(wrong))
        self.wrong = dict(wrong)


def given_in(question: Question, params: Mapping[str, Any]) -> Given:
    """The parameters of a question; raises ``Unanswerable``."""
    known = {one.name: one for one in question.params}
    wrong: dict[str, str] = {}
    read: dict[str, Any] = {}
    for name, told in params.items():
        if name not in known:
            names = ", ".join(known) or "no parameters"
            wrong[name] = f"There is no such parameter: this question takes {names}."
            continue
        if told is not None:
            try:
                read[name] = _READ[known[name].form](told)
            except ValueError:
                wrong[name] = f"It has to be {known[name].form}."
    for name, one in known.items():
        if one.is_required and name not in read and name not in wrong:
            wrong[name] = f"It is missing: {one.form}."
    since, until = read.get("from"), read.get("to")
    if since and until and _is_later(since, until):
        wrong["from"] = "It has to be no later than `to`."
    if wrong:
        raise Unanswerable(wrong)
    return Given(read)


def _is_later(since: str, until: str) -> bool:
    one, other = moment_of(since), moment_of(until)
    return type(one) is type(other) and one > other


def _id(told: Any) -> str:
    if id_in(told) is None:
        raise ValueError("no id")
    return str(told)


def _text(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def read(told: Any) -> str:
        if not isinstance(told, str) or not pattern.fullmatch(told):
            raise ValueError("not of this form")
        return told

    return read


def _section(told: Any) -> str:
    if told not in section_names():
        raise ValueError("no section")
    return str(told)


def _moment(told: Any) -> str:
    moment_of(str(told))
    return str(told)


def _number(least: int) -> Callable[[Any], int]:
    def read(told: Any) -> int:
        if isinstance(told, str) and _NUMBER.fullmatch(told):
            told = int(told)
        if type(told) is not int or not least <= told < _LARGEST:
            raise ValueError("no such number")
        return told

    return read


_READ: Final[Mapping[Form, Callable[[Any], Any]]] = {
    Form.PLAN: _id,
    Form.ENTRY: _id,
    Form.SECTION: _section,
    Form.ACTOR: _text(_SUB),
    Form.ORGANISATION: _text(re.compile(ORGANISATION_CODE)),
    Form.MOMENT: _moment,
    Form.PLACE: _number(0),
    Form.SIZE: _number(1),
    Form.ROOT: _text(_ROOT),
}
