"""Where each field came from, and each item of a list to which several organisations add.

Whoever recorded something last corrects it: that organisation, or the person's side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from shared.ledger.errors import Refusal, Refused
from shared.ledger.provenance import Provenance

NOT_THE_ORIGIN: Final = Refusal(
    "correction-belongs-to-the-origin",
    "Only those who recorded it may correct it",
    "Only those who recorded this may correct it: that organisation, or the person.",
)


@dataclass(frozen=True)
class Origins:
    """What an entry remembers of where its fields came from; ``lists`` are kept item by item."""

    lists: frozenset[str] = frozenset()
    fields: Mapping[str, str | None] = field(default_factory=dict)
    items: Mapping[str, Mapping[UUID | None, str | None]] = field(default_factory=dict)

    def after(
        self, said: Mapping[str, Any], held: Mapping[str, Any], origin: str | None
    ) -> "Origins":
        """As they are once ``origin`` has said these fields; ``held`` is what was there before.

        An item that stands as it stood keeps its origin.
        """
        items = dict(self.items)
        for name in self.lists & said.keys():
            before = {item.item_id: item for item in held.get(name) or ()}
            came_from = self.items.get(name, {})
            items[name] = {
                item.item_id: came_from[item.item_id]
                if item.item_id in came_from and before.get(item.item_id) == item
                else origin
                for item in said[name] or ()
            }
        return replace(self, fields={**self.fields, **dict.fromkeys(said, origin)}, items=items)

    def must_be_theirs(
        self, name: str, provenance: Provenance, otherwise: str | None = None
    ) -> None:
        """Refuse whoever did not say this field last; ``otherwise`` is the origin of all else."""
        came_from = self.fields.get(name) or otherwise
        if came_from is None or provenance.origin != came_from:
            raise Refused(NOT_THE_ORIGIN, field=name)

    def corrected(
        self, name: str, held: tuple[Any, ...], items: tuple[Any, ...], provenance: Provenance
    ) -> tuple[Any, ...]:
        """The list as it is afterwards: the items of others stay, whether they are named or not."""
        came_from = self.items.get(name, {})
        before = {item.item_id: item for item in held}
        others = {key for key in before if came_from.get(key) != provenance.origin}
        for item in items:
            if item.item_id in others and item != before[item.item_id]:
                raise Refused(NOT_THE_ORIGIN, field=name)
        if others == before.keys() and others and not items:
            raise Refused(NOT_THE_ORIGIN, field=name)
        named = {item.item_id for item in items}
        return (*(before[key] for key in before if key in others - named), *items)
