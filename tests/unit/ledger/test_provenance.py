import pytest

from shared.ledger import PERSON, PROFESSIONAL, PROXY, RELATED_PERSON, SYSTEM, Provenance
from shared.testing.people import DEMOGRAPHICS_CONNECTION, EDITH, RUTH, TOM
from shared.testing.scenario import acting, said


@pytest.mark.parametrize(
    ("provenance", "voice", "is_the_persons"),
    [
        (said(EDITH), PERSON, True),
        (said(EDITH, recorded_by=TOM), PERSON, True),
        (acting(RUTH, EDITH), PROXY, True),
        (acting(RUTH, EDITH, recorded_by=TOM), PROXY, True),
        (said(RUTH), RELATED_PERSON, False),
        (said(TOM, recorded_by=EDITH), PROFESSIONAL, False),
        (said(TOM), PROFESSIONAL, False),
        (said(DEMOGRAPHICS_CONNECTION), SYSTEM, False),
    ],
)
def test_whose_voice_it_is(provenance: Provenance, voice: str, *, is_the_persons: bool) -> None:
    assert provenance.voice == voice
    assert provenance.is_the_persons == is_the_persons


def test_the_organisation_is_that_of_who_recorded_it() -> None:
    assert said(EDITH, recorded_by=TOM).organisation_code == "ZZC01"
    assert said(TOM, recorded_by=EDITH).organisation_code is None


def test_what_the_person_recorded_comes_from_the_person() -> None:
    assert said(EDITH).origin == PERSON
    assert said(EDITH, recorded_by=TOM).origin == "ZZC01"
    assert said(RUTH).origin is None
