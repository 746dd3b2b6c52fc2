import re
from uuid import UUID

import pytest

from shared.ledger import LOCAL_ID, ODS, ORGANISATION_CODE, ORGANISATION_SOURCE, id_in, kebab
from shared.ledger.topics import commands_topic, dead_letters_topic, events_topic

ID = "0199c0de-0000-7000-8000-0000000000a1"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("StageGoal", "stage-goal"),
        ("stage_goal", "stage-goal"),
        ("about_me", "about-me"),
        ("goals", "goals"),
        ("a", "a"),
        ("about-me", "about-me"),
    ],
)
def test_a_name_has_one_form_in_types_and_topics(name: str, wanted: str) -> None:
    assert kebab(name) == wanted
    assert events_topic(name) == f"careplan.{wanted}.events.v1"
    assert commands_topic(name) == f"careplan.{wanted}.commands.v1"
    assert dead_letters_topic(name) == f"careplan.{wanted}.dead-letters.v1"


def test_an_id_is_taken_in_the_one_form_in_which_it_is_written() -> None:
    assert id_in(ID) == UUID(ID)
    others = (ID.upper(), f"{{{ID}}}", f"urn:uuid:{ID}", ID.replace("-", ""), f" {ID}", ID + "\n")
    assert [id_in(other) for other in (*others, "", None, 7, UUID(ID))] == [None] * 10


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (ODS, ("ZZC01", "A81"), ("zzc01", "ZZ", "ZZC01ZZC01ZZC", "ZZC-1", "ZZC0\uff11")),
        (LOCAL_ID, ("x-elm-school", "x-1"), ("x-", "X-elm", "x--elm", "elm", "x-" + "a" * 60)),
        (ORGANISATION_CODE, ("ZZC01", "x-elm-school"), ("zzc01", "x-Elm")),
        (
            ORGANISATION_SOURCE,
            ("urn:careplan:org:zzc01", "urn:careplan:org:ZZC01", "urn:careplan:org:x-elm"),
            ("urn:careplan:org:", "urn:careplan:org:X-elm", "urn:careplan:section:goals"),
        ),
    ],
)
def test_codes_of_organisations(pattern: str, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    assert [text for text in (*good, *bad) if re.fullmatch(pattern, text)] == list(good)


@pytest.mark.parametrize("digit", ["0", "f"])
def test_an_id_of_one_digit_alone_is_nobodys(digit: str) -> None:
    """Kind: what a program sends that has no id, under which two people's would meet."""
    assert id_in(str(UUID(digit * 32))) is None
    assert id_in(str(UUID(digit * 31 + "1"))) is not None
