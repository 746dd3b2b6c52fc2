"""What the services of this project carry of the standard."""

from shared.standard.declared import declared_coverage

_GROUPS = ("About me", "Care and support plan")


def test_every_element_of_these_groups_is_carried_by_a_field_or_derived() -> None:
    """A field that loses its mark, or an element that nobody holds, is named here."""
    missing = {one.path for one in declared_coverage().missing}
    assert {path for path in missing if path.partition(" > ")[0] in _GROUPS} == set()
