"""Examples of the about_me section: the person's words, with support, and refusals."""

from collections.abc import Mapping
from typing import Any, Final

from shared.ledger.example import Example, examples_of_every_entry
from shared.testing import files

COMMANDS: Final = "careplan.about-me.commands."

RUTH: Final = {"name": "Ruth Marlow-Synth", "relationship": "daughter", "contact": "07700 900101"}
MOST_IMPORTANT: Final = {
    "text": "Staying in my flat with my cat Bramble. In an emergency tell my daughter first.",
    "code": {"system": "http://snomed.info/sct", "code": "1515861000000103"},
}
COMMUNICATING: Final = {
    "text": "Hearing aid in left ear, sit on that side. I read large print only. Call me Edie."
}
FILM: Final = {
    **files.FILM.named,
    "filename": "how-i-say-yes-and-no",
    "caption": "How I say yes and no",
    "transcript": "I look up for yes and down for no.",
    "taken_at": "2026-08-30T10:00:00Z",
}
_ELSEWHERE: Final = "https://media.example.org/how-i-say-yes-and-no"
_THE_PERSON: Final = {"recorded_by_kind": "person"}
_ON_HER_WORD: Final = {"stated_by_kind": "person"}


def example(
    name: str,
    command: str,
    content: Mapping[str, Any],
    refused: str | None = None,
    **who: Any,
) -> Example:
    """One example of this section; the entry is the plan's only one."""
    return Example(name, f"{COMMANDS}{command}.v1", content, "about-me", refused=refused, **who)


EXAMPLES: Final = (
    example(
        "nothing written",
        "begin",
        {"responses": {"my_wellness": {"text": " "}}},
        "nothing-written",
        **_THE_PERSON,
    ),
    example(
        "a professional writes it",
        "begin",
        {
            "responses": {"my_wellness": {"text": "She is often tired"}},
        },
        "only-the-person-writes-about-me",
        supported_by={"name": "Tom Okafor-Synth", "relationship": "physiotherapist"},
    ),
    example(
        "written down, and nobody says who supported her",
        "begin",
        {"responses": {"what_is_most_important": MOST_IMPORTANT}},
        "supporter-missing",
        **_ON_HER_WORD,
    ),
    example(
        "a film without a checksum",
        "begin",
        {
            "responses": {
                "how_i_communicate": {"media": [{"media_id": FILM["media_id"], "url": _ELSEWHERE}]}
            }
        },
        "media-needs-a-checksum",
        **_THE_PERSON,
    ),
    example(
        "begin, with support",
        "begin",
        {
            "responses": {
                "what_is_most_important": MOST_IMPORTANT,
                "people_who_are_important": {
                    "text": "Daughter Ruth (calls daily). Do not contact my nephew Keith."
                },
                "how_i_communicate": COMMUNICATING,
            },
        },
        supported_by={**RUTH, "how": "Ruth read the questions aloud"},
        **_ON_HER_WORD,
    ),
    example(
        "begin again",
        "begin",
        {"responses": {"also_worth_knowing": {"text": "Was a school cook for 30 years"}}},
        "about-me-already-begun",
        **_THE_PERSON,
    ),
    example(
        "reword one heading, alone",
        "reword",
        {
            "responses": {
                "also_worth_knowing": {
                    "text": "Was a school cook for 30 years; proud of my pastry."
                }
            },
        },
        **_THE_PERSON,
    ),
    example("reword nothing", "reword", {"responses": {}}, "nothing-written", **_THE_PERSON),
    example(
        "a professional rewords it",
        "reword",
        {"responses": {"my_wellness": {"text": "Often tired"}}},
        "only-the-person-writes-about-me",
        supported_by=RUTH,
    ),
    example(
        "show a film",
        "add-media",
        {"heading": "how_i_communicate", "media": FILM},
        supported_by={"how": "Tom held the camera"},
        **_ON_HER_WORD,
    ),
    example(
        "show a film that is still to be taken",
        "add-media",
        {"heading": "my_wellness", "media": {**FILM, "taken_at": "2099-01-01T00:00:00Z"}},
        "taken-in-the-future",
        supported_by={"how": "Tom held the camera"},
        **_ON_HER_WORD,
    ),
    example(
        "show a film without a checksum",
        "add-media",
        {"heading": "my_wellness", "media": {"media_id": FILM["media_id"]}},
        "media-needs-a-checksum",
        **_THE_PERSON,
    ),
    example(
        "take the film away without a reason",
        "remove-media",
        {"media_id": FILM["media_id"]},
        "reason-missing",
        **_THE_PERSON,
    ),
    example(
        "take the film away",
        "remove-media",
        {"media_id": FILM["media_id"], "reason": "I look better now"},
        **_THE_PERSON,
    ),
    example(
        "take it away again",
        "remove-media",
        {"media_id": FILM["media_id"], "reason": "I look better now"},
        "media-unknown",
        **_THE_PERSON,
    ),
    example(
        "clear a heading",
        "clear",
        {"heading": "people_who_are_important", "reason": "I would rather not say"},
        **_THE_PERSON,
    ),
    example(
        "clear it again",
        "clear",
        {"heading": "people_who_are_important", "reason": "I would rather not say"},
        "heading-already-empty",
        **_THE_PERSON,
    ),
    example("still right", "confirm", {}, **_THE_PERSON),
    example("resume what is current", "resume", {}, "about-me-not-set-aside", **_THE_PERSON),
    example("set it aside", "set-aside", {"reason": "I want to start anew"}, **_THE_PERSON),
    example("confirm what was set aside", "confirm", {}, "about-me-set-aside", **_THE_PERSON),
    example("resume it", "resume", {}, **_THE_PERSON),
    *examples_of_every_entry(COMMANDS, "about-me"),
    example(
        "reword what was in error",
        "reword",
        {"responses": {"my_wellness": {"text": "Often tired"}}},
        "entry-entered-in-error",
        **_THE_PERSON,
    ),
    example(
        "begin anew after the error",
        "begin",
        {"responses": {"also_worth_knowing": {"text": "Was a school cook for 30 years"}}},
        **_THE_PERSON,
    ),
    example(
        "begin once more",
        "begin",
        {"responses": {"also_worth_knowing": {"text": "Was a cook"}}},
        "about-me-already-begun",
        **_THE_PERSON,
    ),
    example("still right after all", "confirm", {}, **_THE_PERSON),
)
