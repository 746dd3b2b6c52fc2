"""What the services of this project carry of the standard."""

from shared.standard.declared import declared_coverage


def test_every_element_is_carried_by_a_field_or_derived() -> None:
    """A field that loses its mark, or an element that nobody holds, is named here."""
    assert [one.path for one in declared_coverage().missing] == []
