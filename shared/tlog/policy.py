"""Policies as C2SP tlog-policy has them: which log, which witnesses, and how many of them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, Self

from shared.tlog.notes import COSIGNATURE, ED25519, NoteUnusable, VerifierKey

NONE: Final = "none"
LONGEST_POLICY: Final = 1_000_000
"""Bytes."""


class PolicyUnusable(ValueError):
    """A policy is not written as it has to be; the text says in which line and what is wrong."""


@dataclass(frozen=True)
class Witness:
    """Somebody who signs a log's checkpoints, and where they are asked to."""

    name: str
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True)
class Group:
    """Witnesses and other groups, of which so many must have signed."""

    name: str
    at_least: int
    members: tuple[str, ...]


@dataclass
class Policy:
    """The keys of logs, their witnesses, and the quorum."""

    logs: list[VerifierKey] = field(default_factory=list)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ``PolicyUnusable``."""
        policy = cls()
        for number, words in _lines(text):
            try:
                policy._take(words)
            except (NoteUnusable, ValueError) as error:
                raise PolicyUnusable(f"line {number}: {error}") from None
        if not policy.quorum:
            raise PolicyUnusable("there is no line with the quorum")
        return policy

    def __str__(self) -> str:
        lines = [f"log {key}" for key in self.logs]
        lines += [
            f"witness {one.name} {one.key} {one.url}".rstrip() for one in self.witnesses.values()
        ]
        lines += [
            f"group {one.name} {one.at_least} {' '.join(one.members)}"
            for one in self.groups.values()
        ]
        return "\n".join([*lines, f"quorum {self.quorum or NONE}"]) + "\n"

    @property
    def keys(self) -> list[VerifierKey]:
        """The keys of all witnesses."""
        return [one.key for one in self.witnesses.values()]

    def is_met(self, signed: Collection[VerifierKey]) -> bool:
        """True where so many have signed as the quorum asks for."""
        return self.quorum == NONE or self._has(self.quorum, signed)

    def _has(self, name: str, signed: Collection[VerifierKey]) -> bool:
        if name in self.witnesses:
            return self.witnesses[name].key in signed
        group = self.groups[name]
        return sum(self._has(one, signed) for one in group.members) >= group.at_least

    def _take(self, words: list[str]) -> None:
        match words:
            case ["log", key, *url] if len(url) <= 1:
                self._add_log(VerifierKey.read(key))
            case ["witness", name, key, *url] if len(url) <= 1:
                self._must_be_new(name)
                known = VerifierKey.read(key)
                if known.kind != COSIGNATURE or known.key in self._public_keys():
                    raise ValueError("a witness has a cosigning key that no other line has")
                self.witnesses[name] = Witness(name, known, *url)
            case ["group", name, least, *members] if members:
                self._must_be_new(name)
                self.groups[name] = self._group(name, least, tuple(members))
            case ["quorum", name] if not self.quorum:
                if name != NONE and name not in {*self.witnesses, *self.groups}:
                    raise ValueError("the quorum names a witness or a group from above, or none")
                self.quorum = name
            case ["quorum", *_]:
                raise ValueError("there is one quorum, with one name")
            case _:
                raise ValueError("a line is about a log, a witness, a group or the quorum")

    def _add_log(self, key: VerifierKey) -> None:
        if key.kind != ED25519 or key.key in self._public_keys():
            raise ValueError("a log has a signing key that no other line has")
        self.logs.append(key)

    def _group(self, name: str, least: str, members: tuple[str, ...]) -> Group:
        taken = {member for group in self.groups.values() for member in group.members}
        for member in members:
            if member not in {*self.witnesses, *self.groups}:
                raise ValueError("a group names only what is defined above it")
            if member in taken or members.count(member) > 1:
                raise ValueError("a witness or a group belongs to one group, once")
        counts = {"any": 1, "all": len(members)}
        is_number = least.isascii() and least.isdigit() and not least.startswith("0")
        at_least = counts.get(least, int(least[:9]) if is_number else 0)
        if not 1 <= at_least <= len(members):
            raise ValueError("a group asks for any, all, or some number of its members")
        return Group(name, at_least, members)

    def _must_be_new(self, name: str) -> None:
        if name == NONE or name in {*self.witnesses, *self.groups}:
            raise ValueError("a name is used once, and none is reserved")

    def _public_keys(self) -> set[bytes]:
        return {key.key for key in (*self.logs, *self.keys)}


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    if len(text) > LONGEST_POLICY:
        raise PolicyUnusable("the policy is longer than a million characters")
    if any((one < " " and one not in "\t\n") or one == "\x7f" for one in text):
        raise PolicyUnusable("the policy has a control character")
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\t", " ").split(" ")
        told = [word for word in words if word]
        if told and not told[0].startswith("#"):
            yield number, told
