"""What a reader is given of a plan."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Protocol
from urllib.parse import urlencode
from uuid import UUID

import orjson

from services.plan.reads.redaction import Left
from services.plan.store.values import dumps
from shared.chassis.accesses.record import Shown
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.wire.position import Position

_HASHED: Final = 16


class Entry(Protocol):
    """An entry, as far as it is asked whether it is shown."""

    @property
    def section(self) -> str:
        """Its section."""

    @property
    def current(self) -> bool:
        """False where it was taken out."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants to see of a plan; without ``sections``, all of them."""

    include: frozenset[str] = frozenset()
    sections: frozenset[str] | None = None

    def shows(self, entry: "Entry") -> bool:
        """True where the entry is among what is wanted."""
        return (entry.current or "withdrawn" in self.include) and (
            self.sections is None or entry.section in self.sections
        )

    @property
    def query(self) -> str:
        """The same as it stands in an address, empty or with a question mark before it."""
        given = {}
        if self.include:
            given["include"] = ",".join(sorted(self.include))
        if self.sections is not None:
            given["section"] = ",".join(sorted(self.sections))
        return f"?{urlencode(given, safe=',')}" if given else ""


EVERYTHING: Final = Wanted()


class Beside(Protocol):
    """Adds to a plan what ``include`` asks for beyond its entries."""

    async def beside(
        self, view: "PlanView", include: frozenset[str], at: datetime | None = None
    ) -> "PlanView":
        """The plan with it, of its very version; judged ``at``, or when that version came."""


@dataclass(frozen=True)
class PlanView:
    """A plan as one reader is given it: its version, its bytes, and how far each section has got.

    ``redaction`` is what is withheld from that reader of all that the plan has, and ``redactions``
    what of that would stand here. ``more_headers`` are those that a past plan has beside the
    others. ``revision`` is that of the plan, where whatever changes these bytes also moves it.
    What follows from the bytes is worked out once, however many are given them.
    """

    plan_id: UUID
    version: int
    body: bytes
    position: Position
    redaction: Redaction
    redactions: tuple[Left, ...] = ()
    more_headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    of_sections: tuple[str, ...] | None = None
    revision: int | None = None

    @cached_property
    def sha256(self) -> str:
        """The hash of the bytes, in hexadecimal digits."""
        return hashlib.sha256(self.body).hexdigest()

    @cached_property
    def shown(self) -> Shown:
        """What an access record says of these bytes."""
        return Shown(
            body_sha256=self.sha256,
            body_length=len(self.body),
            media_type=self.media_type,
            plan_version=self.version,
            sections=self.sections,
            redactions=self.redactions,
        )

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """The sections that something is shown of."""
        if self.of_sections is not None:
            return self.of_sections
        told = orjson.loads(self.body)
        return tuple(sorted({*told.get("sections", ()), *told.get("history", ())}))

    @cached_property
    def etag(self) -> str:
        """It follows from whatever changes the bytes."""
        return f'"{self.version}-{self.sha256[:_HASHED]}"'

    def with_document(
        self, document: Mapping[str, Any], of_sections: tuple[str, ...] | None = None
    ) -> "PlanView":
        """The same plan with more in its document, or with less of it."""
        return replace(self, body=dumps(document), of_sections=of_sections, revision=None)

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """What is said of these bytes, whoever gets them."""
        return {
            "ETag": self.etag,
            "Ledger-Position": self.position.encode(),
            "Ledger-Version": str(self.version),
            **self.more_headers,
        }


@dataclass(frozen=True)
class ListView:
    """A page of what a plan has, as one reader is given it, and what of it was left out."""

    body: bytes
    redactions: tuple[Left, ...] = ()
