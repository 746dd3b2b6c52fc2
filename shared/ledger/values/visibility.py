"""Who may not see an entry, or some leaves of it, and why."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final

from shared.ledger.values.shape import Handler, Name, value
from shared.ledger.words import titled


@value
class Visibility:
    """Who may not see an entry, or some leaves of it, why, who approved it, and when to look again.

    Without ``fields`` it is about the whole entry. ``third_party`` marks what is about somebody
    else than the person. On ``review_on`` somebody looks again; the day lifts nothing.
    """

    fields: Annotated[
        tuple[str, ...], titled("Fields", "What of the entry is restricted; left out, all of it.")
    ] = ()
    labels: Annotated[
        tuple[Name, ...],
        titled("Labels", "Security labels; local policy says which of them restrict."),
    ] = ()
    withheld_from_person: Annotated[
        bool, titled("Withheld from the person", "The person does not see it.")
    ] = False
    third_party: Annotated[
        bool, titled("About somebody else", "It is about somebody else than the person.")
    ] = False
    reason: Annotated[str | None, titled("Reason", "Why it is restricted.")] = None
    approved_by: Annotated[
        str | None, titled("Approved by", "Who approved that it is withheld from the person.")
    ] = None
    review_on: Annotated[
        date | None,
        titled("Look again on", "The day on which somebody looks again; it lifts nothing."),
    ] = None

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Handler) -> dict[str, Any]:
        named = handler(schema)
        handler.resolve_ref_schema(named)["anyOf"] = FROM_SOMEBODY
        return named

    def takes_nothing_from(self, other: "Visibility") -> bool:
        """True where whatever the other withholds, from whomever, this one withholds too."""
        is_as_wide = not self.fields or bool(other.fields and {*other.fields} <= {*self.fields})
        return (
            is_as_wide
            and {*other.labels} <= {*self.labels}
            and self.withheld_from_person >= other.withheld_from_person
            and self.third_party >= other.third_party
        )


FROM_WHOM: Final = (
    "Say from whom: give `labels`, or make `withheld_from_person` or `third_party` true."
)
FROM_SOMEBODY: Final[list[dict[str, Any]]] = [
    {"required": [name], "properties": {name: said}}
    for name, said in (
        ("labels", {"type": "array", "minItems": 1}),
        ("withheld_from_person", {"const": True}),
        ("third_party", {"const": True}),
    )
]
"""JSON Schema: a restriction keeps something from somebody, or it would be none."""


def restricts_somebody(said: Mapping[str, Any]) -> bool:
    """True where the members of a restriction keep something from somebody."""
    return any(said.get(name) for name in ("labels", "withheld_from_person", "third_party"))
