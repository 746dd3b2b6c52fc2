"""What of an entry is withheld, and from whom: pure, and by the restriction of today."""

from shared.ledger import PERSON, RELATED_PERSON, Contributor, Visibility


def is_withheld(
    contributor: Contributor, visibility: Visibility | None, origin: str | None, leaf: str
) -> bool:
    """True where this reader does not see this leaf of an entry from ``origin``.

    A label is for the person and the organisation of origin; the relationships that name it come
    in here with the section that records them.
    """
    if visibility is None or (visibility.fields and leaf not in visibility.fields):
        return False
    if contributor.kind == RELATED_PERSON:
        return True  # each kind of restriction keeps it from those who act for the person
    if contributor.kind == PERSON:
        return visibility.withheld_from_person
    organisation = contributor.organisation
    is_of_origin = organisation is not None and organisation.code == origin
    return bool(visibility.labels) and not is_of_origin
