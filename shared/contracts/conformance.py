"""How an organisation's client behaves, judged from its inbox and its receipts as they stand."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import orjson
from aiokafka.partitioner import murmur2

from shared.chassis.wire.command_record import STRUCTURED
from shared.contracts.validate import validate

PASSED: Final = "passed"
FAILED: Final = "failed"
NOT_SHOWN: Final = "not shown"

_OF_THE_FORM: Final = frozenset(
    {
        "content-invalid",
        "unreadable-json",
        "body-too-large",
        "command-unknown",
        "base-version-missing",
    }
)
_STALE: Final = "base-version-stale"
_MOST_NAMED: Final = 10


@dataclass(frozen=True)
class Sent:
    """One record of the inbox, as the broker has it."""

    partition: int
    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None

    @property
    def place(self) -> str:
        """Where it stands, for whoever looks for it."""
        return f"partition {self.partition}, offset {self.offset}"

    @cached_property
    def told(self) -> Mapping[str, Any]:
        """What its value says; empty where it cannot be read."""
        try:
            told = orjson.loads(self.value or b"")
        except orjson.JSONDecodeError:
            return {}
        return told if isinstance(told, dict) else {}

    @property
    def is_structured(self) -> bool:
        """True where the value is a CloudEvent, and has the contribution in it."""
        return self.header("content-type") == STRUCTURED

    @property
    def contribution(self) -> Mapping[str, Any]:
        """The contribution in it; empty where it cannot be read."""
        told = self.told.get("data") if self.is_structured else self.told
        return told if isinstance(told, dict) else {}

    @property
    def id(self) -> str:
        """The contribution's id; empty where it has none."""
        return str(self.contribution.get("contribution_id") or "")

    def header(self, name: str) -> str | None:
        """A header as text, the last one of its name."""
        found = dict(self.headers).get(name)
        return None if found is None else found.decode("utf-8", "replace")


@dataclass(frozen=True)
class Check:
    """One thing that a client has to do: what was seen, and each place where it was not done."""

    name: str
    words: str
    seen: int
    wrong: tuple[str, ...] = ()
    is_up_to_the_client: bool = True
    """False for what a client may never meet: it has passed where there was none."""

    @property
    def result(self) -> str:
        """Whether it was done wherever it had to be, and whether it was done at all."""
        if self.wrong:
            return FAILED
        return PASSED if self.seen or not self.is_up_to_the_client else NOT_SHOWN

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        wrong = [*self.wrong]
        told = {"name": self.name, "result": self.result, "words": self.words}
        return {**told, "seen": self.seen, "wrong": wrong}


@dataclass(frozen=True)
class Traffic:
    """What an organisation sent, in the order of each partition, and what it was answered."""

    org: str
    partitions: int
    sent: Sequence[Sent]
    receipts: Sequence[Mapping[str, Any]]
    _by_id: dict[str, list[Sent]] = field(default_factory=lambda: defaultdict(list), init=False)

    def __post_init__(self) -> None:
        for one in self.sent:
            if one.id:
                self._by_id[one.id].append(one)

    def checks(self) -> list[Check]:
        """Everything that is asked of a client."""
        return [
            self._form(),
            self._source(),
            self._partition(),
            self._answered(),
            self._creations(),
            self._changes(),
            self._repeats(),
            self._new_ids(),
            self._retries(),
            self._stale(),
        ]

    def _form(self) -> Check:
        words = "Each record has the form of its contract, with its key and its headers."
        wrong = (f"{one.place}: {fault}" for one in self.sent for fault in _faults(one))
        return _check("form", words, len(self.sent), wrong)

    def _source(self) -> Check:
        words = "`ce_source` is the organisation whose inbox it is."
        ours = f"urn:careplan:org:{self.org}".lower()
        wrong = (one.place for one in self.sent if _source_of(one).lower() != ours)
        return _check("source", words, len(self.sent), wrong)

    def _partition(self) -> Check:
        words = "The partition is that of murmur2 of the key, so that a plan stays in order."
        keyed = [one for one in self.sent if one.key]
        wrong = (
            one.place
            for one in keyed
            if (murmur2(one.key) & 0x7FFFFFFF) % self.partitions != one.partition
        )
        return _check("partition", words, len(keyed), wrong)

    def _answered(self) -> Check:
        words = "Each contribution has one final answer."
        finals = self._finals
        wrong = (
            f"{id_} has {len(finals.get(id_, ()))} final answers"
            for id_ in self._by_id
            if len(finals.get(id_, ())) != 1
        )
        return _check("answered", words, len(self._by_id), wrong)

    def _creations(self) -> Check:
        accepted = [id_ for id_ in self._accepted if not self._first(id_).get("based_on")]
        return Check("creates", "An entry was created, and accepted.", len(accepted))

    def _changes(self) -> Check:
        accepted = [id_ for id_ in self._accepted if self._first(id_).get("based_on")]
        words = "An entry was changed, based on the version that was seen, and accepted."
        return Check("changes", words, len(accepted))

    def _repeats(self) -> Check:
        words = "What is sent again under its id is the same, byte for byte."
        again = {id_: all_ for id_, all_ in self._by_id.items() if len(all_) > 1}
        wrong = (id_ for id_, all_ in again.items() if len({one.value for one in all_}) > 1)
        return _check("repeats", words, len(again), wrong)

    def _new_ids(self) -> Check:
        words = "Nothing that was accepted is sent again under another id."
        alike: dict[bytes, list[str]] = defaultdict(list)
        for id_ in self._accepted:
            told = {k: v for k, v in self._first(id_).items() if k != "contribution_id"}
            alike[orjson.dumps(told, option=orjson.OPT_SORT_KEYS)].append(id_)
        wrong = (f"the same under {' and '.join(ids)}" for ids in alike.values() if len(ids) > 1)
        return _check("new-ids", words, len(alike), wrong)

    def _retries(self) -> Check:
        words = "What may be sent again (`retryable`) was sent again, under its id."
        asked = Counter(r["contribution_id"] for r in self.receipts if r.get("retryable"))
        mine = {id_: count for id_, count in asked.items() if id_ in self._by_id}
        wrong = (id_ for id_, count in mine.items() if len(self._by_id[id_]) <= count)
        return Check("retries", words, len(mine), tuple(wrong), is_up_to_the_client=False)

    def _stale(self) -> Check:
        words = "After `base-version-stale` the change comes with a newer version, and a new id."
        stale = [r for r in self.receipts if r.get("code") == _STALE]
        mine = {r["contribution_id"] for r in stale if r.get("contribution_id") in self._by_id}
        wrong = (id_ for id_ in sorted(mine) if not self._was_put_right(id_))
        return _check("stale", words, len(mine), wrong)

    def _was_put_right(self, id_: str) -> bool:
        first = self._first(id_)
        entry, based_on = first.get("entry_id"), _version_in(first)
        return any(
            other.get("entry_id") == entry and _version_in(other) > based_on
            for other in map(self._first, self._by_id)
            if entry
        )

    def _first(self, id_: str) -> Mapping[str, Any]:
        return self._by_id[id_][0].contribution

    @cached_property
    def _finals(self) -> Mapping[str, list[Mapping[str, Any]]]:
        """The final answers by contribution; one that came twice counts once."""
        found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for receipt in self.receipts:
            id_ = str(receipt.get("contribution_id"))
            if not receipt.get("retryable") and receipt not in found[id_]:
                found[id_].append(receipt)
        return found

    @cached_property
    def _accepted(self) -> list[str]:
        finals = self._finals
        return [
            id_
            for id_ in self._by_id
            if any(one.get("outcome") == "accepted" for one in finals.get(id_, ()))
        ]


def _check(name: str, words: str, seen: int, wrong: Iterable[str]) -> Check:
    return Check(name, words, seen, tuple(wrong))


def _version_in(contribution: Mapping[str, Any]) -> int:
    given = contribution.get("based_on")
    return given if isinstance(given, int) else 0


def _source_of(one: Sent) -> str:
    if one.is_structured:
        return str(one.told.get("source") or "")
    return one.header("ce_source") or ""


def _faults(one: Sent) -> Iterator[str]:
    """What is wrong with the form of a record, as the validator says it."""
    if one.value is None:
        yield "it has no value"
        return
    if not one.contribution:
        yield from _of_the_form(one.value)
        return
    nulls = [name for name, value in one.headers if value is None]
    yield from (f"/headers/{name}: it is null" for name in nulls)
    key = None if one.key is None else one.key.decode("utf-8", "replace")
    if one.is_structured:
        yield from _of_the_form(one.value)
        if key != one.contribution.get("plan_id"):
            yield "/key: it must be the `plan_id`"
        return
    headers = {name: one.header(name) for name, _ in one.headers}
    record = {"key": key, "headers": headers, "value": one.contribution}
    yield from _of_the_form(orjson.dumps(record))


def _of_the_form(body: bytes) -> Iterator[str]:
    """Refusals by a rule are none: whoever tries them on purpose does nothing wrong."""
    faults = [str(fault) for fault in validate(body).faults if fault.code in _OF_THE_FORM]
    yield from faults[:_MOST_NAMED]
